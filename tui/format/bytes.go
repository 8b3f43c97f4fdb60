package format

import "fmt"

// Bytes writes a size in bytes: "812 B", "1.2 kB", "104.9 MB".
func Bytes(n int64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	size, units := float64(n), []string{"kB", "MB", "GB", "TB"}
	unit := ""
	for _, unit = range units {
		// 999,950 would be written as 1000.0.
		if size /= 1000; size < 999.95 {
			break
		}
	}
	return fmt.Sprintf("%.1f %s", size, unit)
}
