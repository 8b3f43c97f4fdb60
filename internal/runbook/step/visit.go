package step

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/probe/facts"
)

var (
	errNoCluster  = errors.New("there is no cluster to ask")
	errNoPicture  = errors.New("connections are not measured here")
	errNoExaminer = errors.New("nodes cannot be asked here")
	errNotLinux   = errors.New("the node is not Linux: the checks read the Linux kernel")
	errNotAsked   = errors.New("the node was not asked for it")
)

// visit is what one node tells, part by part.
type visit struct {
	mu       sync.Mutex
	sections map[facts.Part]*facts.Section
	how      string
	// done is closed when nothing more comes; err then says why parts lack.
	done    chan struct{}
	err     error
	changed chan struct{}
}

func newVisit() *visit {
	return &visit{sections: map[facts.Part]*facts.Section{}, done: make(chan struct{}), changed: make(chan struct{})}
}

func (v *visit) got(s *facts.Section) {
	s.Bound()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.sections[s.Part] == nil {
		v.sections[s.Part] = s
	}
	close(v.changed)
	v.changed = make(chan struct{})
}

func (v *visit) end(how string, err error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.how, v.err = how, err
	close(v.done)
}

func (v *visit) wait(ctx context.Context, part facts.Part) (*facts.Section, error) {
	for {
		v.mu.Lock()
		s, changed := v.sections[part], v.changed
		v.mu.Unlock()
		if s != nil {
			return told(s)
		}
		select {
		case <-changed:
		case <-v.done:
			v.mu.Lock()
			s, err := v.sections[part], v.err
			v.mu.Unlock()
			switch {
			case s != nil:
				return told(s)
			case err != nil:
				return nil, err
			default:
				return nil, errNotAsked
			}
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for the node's answer: %w", ctx.Err())
		}
	}
}

func told(s *facts.Section) (*facts.Section, error) {
	if s.Error != "" {
		return s, errors.New(sanitize.Text(s.Error))
	}
	return s, nil
}
