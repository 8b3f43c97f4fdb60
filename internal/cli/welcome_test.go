package cli

import (
	"path/filepath"
	"testing"
)

func TestFirstStartIsOnce(t *testing.T) {
	t.Parallel()
	config := filepath.Join(t.TempDir(), "snattop", "config.yaml")
	for i, want := range []bool{true, false, false} {
		if got := firstStart(config); got != want {
			t.Errorf("start %d: first is %v, want %v", i+1, got, want)
		}
	}
}

func TestAStartThatCannotBeNotedIsTheFirst(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if !firstStart(filepath.Join(file, "config.yaml")) {
		t.Fatal("the first start is not told")
	}
	// A file stands where the folder should be.
	for range 2 {
		if !firstStart(filepath.Join(file, welcomed, "config.yaml")) {
			t.Error("what could not be noted is taken for noted")
		}
	}
	if !firstStart("") {
		t.Error("without a place for configuration the start is not the first")
	}
}
