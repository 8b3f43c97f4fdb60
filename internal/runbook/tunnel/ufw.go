package tunnel

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/facts"
)

var errNothing = errors.New("the node has told nothing of its firewall")

// ufw looks whether UFW keeps the kubelet's port shut. A node without UFW is
// the usual case: current AKS images have none.
func ufw(ctx context.Context, l *step.Look, found func(step.Step)) {
	eachNode(l, func(n inventory.Node) { found(ufwOf(ctx, l, n)) })
}

func ufwOf(ctx context.Context, l *step.Look, n inventory.Node) step.Step {
	s := step.Step{Subject: subject(n.Name)}
	sec, err := l.Section(ctx, n.Name, facts.PartFirewall)
	if sec == nil || sec.Firewall == nil {
		if err == nil {
			err = errNothing
		}
		return failed(s.Subject, err)
	}
	for _, e := range evidence(sec) {
		if strings.HasPrefix(e.Command, "ufw ") {
			s.Evidence = append(s.Evidence, e)
		}
	}
	switch u := &sec.Firewall.UFW; {
	case !u.Present:
		s.Verdict, s.Summary = step.OK, "the node has no UFW, as current images do not"
	case u.Error != "":
		s.Verdict, s.Summary = step.Unknown, "UFW does not tell its state: "+u.Error
	case !u.Active:
		s.Verdict, s.Summary = step.OK, "UFW is there and not active"
	case u.Default == "allow" && !ufwRule(u.Rules, "DENY", "REJECT"):
		s.Verdict, s.Summary = step.OK, "UFW is active and lets in what no rule denies"
	case u.Default != "allow" && ufwRule(u.Rules, "ALLOW", "LIMIT"):
		s.Verdict, s.Summary = step.OK, fmt.Sprintf("UFW is active and lets port %d in", facts.KubeletPort)
	default:
		s.Verdict = step.Problem
		s.Summary = fmt.Sprintf("UFW is active and keeps port %d shut (default: %s)", facts.KubeletPort, orElse(u.Default, "deny"))
		s.Remedies = append(onNode(n, "Let the kubelet's port in.", "ufw allow "+strconv.Itoa(facts.KubeletPort)),
			onNode(n, "Or turn UFW off, as nodes come.", "ufw disable")...)
	}
	return s
}

// ufwRule reports whether a rule of one of these kinds is about the port, or
// about every port.
func ufwRule(rules []string, kinds ...string) bool {
	for _, r := range rules {
		words := strings.Fields(r)
		if len(words) < 2 {
			continue
		}
		port, _, _ := strings.Cut(words[0], "/")
		if port != "Anywhere" && holdsKubelet(port) != yes {
			continue
		}
		for _, k := range kinds {
			if words[1] == k || len(words) > 2 && words[1] == "(v6)" && words[2] == k {
				return true
			}
		}
	}
	return false
}
