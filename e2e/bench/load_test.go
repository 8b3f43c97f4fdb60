//go:build bench && linux

package bench

func actLoad(struct{}) error { return nil }
