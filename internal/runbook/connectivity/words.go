package connectivity

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// supported stands beside every change that is made on a node.
const supported = "Run it on the node, as root. Changes that are made by hand on a managed node may leave the provider's support policy, and are lost when the node is replaced."

// count writes a number with its word: "1 pod", "3 pods".
func count(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return strconv.Itoa(n) + " " + word + "s"
}

// window writes the length of a look: "in 2.0 s".
func window(millis int64) string { return fmt.Sprintf("in %.1f s", float64(millis)/1000) }

// percent writes a share.
func percent(part, whole uint64) string {
	if whole == 0 {
		return "0 %"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(part)/float64(whole))
}

// ago writes how long ago something was.
func ago(seconds int64) string {
	switch d := time.Duration(seconds) * time.Second; {
	case d < time.Minute:
		return fmt.Sprintf("%d s", seconds)
	case d < time.Hour:
		return fmt.Sprintf("%d min", int(d.Minutes()))
	default:
		return fmt.Sprintf("%d h", int(d.Hours()))
	}
}

// shortID is a container's ID as crictl prints it.
func shortID(id string) string { return id[:min(len(id), 13)] }

// maxLines bounds the output of one piece of evidence.
const maxLines = 20

// most joins lines, and says how many are left out.
func most(lines []string) string {
	if len(lines) <= maxLines {
		return strings.Join(lines, "\n")
	}
	return strings.Join(lines[:maxLines], "\n") + fmt.Sprintf("\n… and %d more", len(lines)-maxLines)
}

// begin is the beginning of a command, whole characters only.
func begin(command string) string {
	out := []rune(command)
	return string(out[:min(len(out), 24)])
}
