package examine

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/probe/facts"
	"github.com/snattop/snattop/probe/reach"
)

// lookReach tries the targets that are asked for from this node.
func lookReach(ctx context.Context, place Place, ask facts.Ask, s *facts.Section) {
	targets := ask.Reach[:min(len(ask.Reach), facts.MaxReach)]
	var wg sync.WaitGroup
	if ask.ReachKubelet {
		wg.Go(func() {
			t, roots, err := kubeletTarget(place)
			if err != nil {
				s.Error = err.Error()
				return
			}
			own := reach.One(ctx, reach.Via{Roots: reach.Roots(roots)}, t)
			own.Kubelet = true
			s.Reach = []facts.Reached{own}
		})
	}
	others := reach.All(ctx, reach.Via{}, targets)
	wg.Wait()
	s.Reach = append(s.Reach, others...)
	for i := range s.Reach {
		s.Evidence = append(s.Evidence, reach.Evidence(&s.Reach[i])...)
	}
}

var errNoKubelet = errors.New("how this node's kubelet names the API server could not be found out")

// kubeletTarget is the API server as the node's kubelet names it, with the
// authorities that it trusts, as PEM.
func kubeletTarget(place Place) (t facts.ReachTarget, roots []byte, err error) {
	server, roots, err := kubeletServer(place)
	if err != nil {
		return t, nil, err
	}
	t, ok := serverTarget(server)
	if !ok {
		return t, nil, fmt.Errorf("this node's kubelet names the API server %q, which is no address", sanitize.Text(server[:min(len(server), 200)]))
	}
	return t, roots, nil
}

// serverTarget takes a server's address apart: https://name:port.
func serverTarget(server string) (facts.ReachTarget, bool) {
	u, err := url.Parse(server)
	if err != nil || u.Hostname() == "" || u.Scheme != "https" && u.Scheme != "http" {
		return facts.ReachTarget{}, false
	}
	port := uint64(443)
	if p := u.Port(); p != "" {
		if port, err = strconv.ParseUint(p, 10, 16); err != nil || port == 0 {
			return facts.ReachTarget{}, false
		}
	}
	return facts.ReachTarget{Host: strings.ToLower(u.Hostname()), Port: uint16(port), ALPN: u.Scheme == "https", Why: "the API server"}, true
}
