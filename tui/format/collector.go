package format

import "github.com/snattop/snattop/internal/sanitize"

// Collector spells a collector as operators know it.
func Collector(name string) string {
	switch name {
	case "diag":
		return "inet_diag"
	case "ebpf":
		return "eBPF"
	case "":
		return "collector unknown"
	default:
		return sanitize.Text(name)
	}
}
