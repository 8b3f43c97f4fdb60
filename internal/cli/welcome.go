package cli

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// welcomed is the file that says that the screen was seen before. It is empty.
const welcomed = "welcomed"

// firstStart reports whether the screen is shown to this user for the first
// time, and notes that it was. Where that cannot be noted it is the first time
// again: a line too many is no error.
func firstStart(configFile string) bool {
	if configFile == "" {
		return true
	}
	dir := filepath.Dir(configFile)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return true
	}
	f, err := os.OpenFile(filepath.Join(dir, welcomed), os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600) //nolint:gosec // the user's own configuration folder
	if err != nil {
		return !errors.Is(err, fs.ErrExist)
	}
	return f.Close() == nil
}
