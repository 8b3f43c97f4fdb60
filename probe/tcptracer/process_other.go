//go:build !linux

package tcptracer

import "os"

func startProcess(launch) (process, error) { return nil, ErrUnsupported }

func widen(*os.File) {}
