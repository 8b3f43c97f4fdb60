package apiserver

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/probe/facts"
	"github.com/snattop/snattop/probe/reach"
)

// view is what one place sees of the API server's TLS.
type view struct {
	subject, place string
	reached        *facts.Reached
	evidence       []step.Evidence
	err            error
}

// checkALPN answers whether the extension by which clients and the tunnel's
// agents choose a protocol gets through to the API server. A server that would
// choose h2 and is seen to choose nothing has something before it that takes
// the extension away. What fails after a protocol was chosen is no matter of
// ALPN.
func checkALPN(ctx context.Context, l *step.Look, found func(step.Step)) {
	views := make([]view, 1, 1+maxNodes)
	for _, n := range chosen(ctx, l) {
		views = append(views, view{subject: nodeSubject(n), place: "node " + n})
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		r, err := fromHere(ctx, l)
		views[0] = view{subject: subjectClient, place: "this client", reached: r, err: err}
		if r != nil {
			views[0].evidence = evidenceHere(r)
		}
	})
	for i := range views[1:] {
		v := &views[1+i]
		wg.Go(func() {
			var s *facts.Section
			node := strings.TrimPrefix(v.subject, "node/")
			if v.reached, s, v.err = fromNode(ctx, l, node); s != nil && v.reached != nil {
				var of []facts.Evidence
				of = append(of, reach.Evidence(v.reached)...)
				v.evidence = told(node, of)
			}
		})
	}
	wg.Wait()
	for i := range views {
		found(judgeALPN(&views[i], views))
	}
}

// chose is what was negotiated for an offer; ok is false when that handshake
// did not succeed.
func (v *view) chose(offer ...string) (protocol string, ok bool) {
	if v.reached == nil {
		return "", false
	}
	for i := range v.reached.Handshakes {
		if h := &v.reached.Handshakes[i]; slices.Equal(h.Offered, offer) {
			return h.Negotiated, h.Done
		}
	}
	return "", false
}

func (v *view) plain() *facts.Handshake {
	if v.reached == nil || len(v.reached.Handshakes) == 0 {
		return nil
	}
	return &v.reached.Handshakes[0]
}

// stripped: TLS succeeds, h2 is offered, and nothing is chosen.
func (v *view) stripped() bool {
	p, ok := v.chose("h2")
	return ok && p == ""
}

// judgeALPN says what one view means beside the others.
func judgeALPN(v *view, all []view) step.Step {
	s := step.Step{Subject: v.subject, Evidence: v.evidence}
	if v.err != nil {
		return unknown(v.subject, v.err)
	}
	name := serverText(v.reached.Target)
	plain := v.plain()
	_, h2OK := v.chose("h2")
	agent, agentOK := v.chose("konnectivity", "h2")
	h2, _ := v.chose("h2")
	untrusted := plain != nil && plain.Trusted != nil && !*plain.Trusted
	switch {
	case !v.reached.Target.ALPN:
		s.Verdict, s.Summary = step.NotApplicable, name+" is reached without TLS"
	case plain == nil:
		s.Verdict, s.Summary = step.Unknown, "no TLS was tried from "+v.place+": "+failure(v.reached)
	case untrusted:
		s.Verdict = step.Problem
		s.Summary = fmt.Sprintf("from %s, %s shows a certificate of %s, an authority that the kubeconfig does not trust: something on the way ends TLS", v.place, name, plain.Issuer)
		s.Remedies = againstStripping(v)
	case plain.Done && (!h2OK || !agentOK):
		s.Verdict = step.Problem
		s.Summary = fmt.Sprintf("from %s, %s makes TLS without ALPN and fails with it: %s", v.place, name, firstError(v.reached))
		s.Remedies = againstStripping(v)
	case !plain.Done && !h2OK:
		s.Verdict, s.Summary = step.Unknown, "from "+v.place+", "+name+" makes no TLS at all: "+plain.Error
	case v.stripped():
		s = judgeStripped(s, v, all)
	default:
		s.Verdict = step.OK
		s.Summary = fmt.Sprintf("from %s, %s chooses %s for h2 and %s for konnectivity,h2", v.place, name, h2, orNothing(agent))
	}
	return s
}

func orNothing(p string) string {
	if p == "" {
		return "nothing"
	}
	return p
}

func firstError(r *facts.Reached) string {
	for i := range r.Handshakes {
		if h := &r.Handshakes[i]; !h.Done && len(h.Offered) > 0 {
			return strings.Join(h.Offered, ",") + ": " + h.Error
		}
	}
	return ""
}

// judgeStripped: a server that has HTTP/2 switched off chooses nothing either,
// but then it does so wherever one looks from.
func judgeStripped(s step.Step, v *view, all []view) step.Step {
	name := serverText(v.reached.Target)
	what := fmt.Sprintf("from %s, %s makes TLS and chooses no protocol for h2", v.place, name)
	own := v.plain()
	for i := range all {
		other := &all[i]
		if p, ok := other.chose("h2"); other != v && ok && p != "" {
			s.Verdict = step.Problem
			s.Summary = fmt.Sprintf("%s, and from %s it chooses %s: something on the way takes ALPN away", what, other.place, p)
			if theirs := other.plain(); own.Issuer != theirs.Issuer {
				s.Summary += fmt.Sprintf(" (certificate of %s here, of %s there)", own.Issuer, theirs.Issuer)
			}
			s.Remedies = againstStripping(v)
			return s
		}
	}
	s.Verdict = step.Unknown
	s.Summary = what + ", as from everywhere that was asked: either HTTP/2 is switched off there, or everything goes through what takes ALPN away"
	return s
}

func againstStripping(v *view) []runbook.Remedy {
	name := serverText(v.reached.Target)
	return []runbook.Remedy{
		{Text: "Have the proxy or firewall on the way from " + v.place + " leave TLS to " + name + " alone (no TLS inspection), or let the ALPN extension through: konnectivity-agent needs it to be told from other clients."},
		{
			Text:    "See which protocol is chosen, and whose certificate is shown, before and behind it.",
			Command: "openssl s_client -connect " + name + " -alpn konnectivity,h2 </dev/null 2>/dev/null | grep -E 'ALPN|issuer'",
		},
		{
			Text:    "Have the agents connect anew once it is mended.",
			Command: "kubectl rollout restart deployment konnectivity-agent -n kube-system",
			Warning: "Exec, logs and webhooks through them are cut off for a moment.",
		},
	}
}
