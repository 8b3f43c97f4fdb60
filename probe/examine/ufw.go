package examine

import (
	"strings"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/probe/facts"
)

// ufwStatus reads what "ufw status verbose" prints.
func ufwStatus(text string) facts.UFW {
	u := facts.UFW{Present: true}
	known, rules := false, false
	for line := range strings.Lines(text) {
		line = sanitize.Text(strings.TrimSpace(line))
		switch {
		case strings.HasPrefix(line, "Status:"):
			known = true
			u.Active = strings.TrimSpace(strings.TrimPrefix(line, "Status:")) == "active"
		case strings.HasPrefix(line, "Default:"):
			// "deny (incoming), allow (outgoing), disabled (routed)"
			for part := range strings.SplitSeq(strings.TrimPrefix(line, "Default:"), ",") {
				if word, ok := strings.CutSuffix(strings.TrimSpace(part), " (incoming)"); ok {
					u.Default = word
				}
			}
		case strings.HasPrefix(line, "--"):
			rules = true
		case rules && line != "":
			u.Rules = append(u.Rules, line)
		}
	}
	if !known {
		u.Error = "ufw does not say whether it is active"
	}
	return u
}
