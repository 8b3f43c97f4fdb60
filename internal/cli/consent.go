package cli

import (
	"bufio"
	"context"
	"fmt"
	"strings"

	"github.com/snattop/snattop/internal/sanitize"
)

// consent decides on ephemeral containers: they cannot be removed from a pod
// once they are there, so they need a yes of their own. The pods were named by
// --pod; --allow-ephemeral is the yes of a script.
func (o *options) consent(_ context.Context, pods []string) bool {
	return o.allowEphemeral && len(pods) > 0
}

// askEphemeral asks at the terminal, before a screen is drawn.
func (o *options) askEphemeral() {
	if o.allowEphemeral || len(o.pods) == 0 || !o.streams.InTerminal {
		return
	}
	fmt.Fprintf(o.streams.Err, "Where node pods are refused, snattop can look into %s with an ephemeral container.\n"+
		"It needs no privilege, ends by itself, and its entry stays in the pod until the pod is deleted. Add it if need be? [y/N] ",
		sanitize.Text(strings.Join(o.pods, ", ")))
	line, err := bufio.NewReader(o.streams.In).ReadString('\n')
	if err != nil {
		fmt.Fprintln(o.streams.Err)
		return
	}
	switch strings.ToLower(strings.TrimSpace(line)) {
	case "y", "yes":
		o.allowEphemeral = true
	}
}
