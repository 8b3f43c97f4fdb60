package pick_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/cloud/pick"
	"github.com/snattop/snattop/internal/cloud/poll"
	"github.com/snattop/snattop/internal/snat"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// reader is a Watcher that a test leads.
type reader struct {
	source string
	// do is what Watch does; by default it waits for ctx.
	do func(ctx context.Context, nodes <-chan []cloud.Node, tell func(cloud.Reading)) error
}

func (r *reader) Watch(ctx context.Context, nodes <-chan []cloud.Node, tell func(cloud.Reading)) error {
	if r.do != nil {
		return r.do(ctx, nodes, tell)
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case set := <-nodes:
			names := make([]string, len(set))
			for i, n := range set {
				names[i] = n.Name
			}
			tell(cloud.Reading{Source: r.source + ":" + strings.Join(names, ",")})
		}
	}
}

// gives is a factory of r.
func gives(r *reader) pick.Factory {
	return func() (cloud.Watcher, error) { return r, nil }
}

// all is a factory for each cloud.
func all() pick.Options {
	return pick.Options{
		Azure: gives(&reader{source: "azure"}), Google: gives(&reader{source: "google"}), AWS: gives(&reader{source: "aws"}),
	}
}

// run is a picker at work.
type run struct {
	nodes  chan []cloud.Node
	told   chan cloud.Reading
	ended  chan error
	cancel context.CancelFunc
	waits  chan time.Duration
	fire   chan time.Time
}

func start(t *testing.T, o pick.Options) *run {
	t.Helper()
	r := &run{
		nodes: make(chan []cloud.Node), told: make(chan cloud.Reading, 8), ended: make(chan error, 1),
		waits: make(chan time.Duration, 8), fire: make(chan time.Time),
	}
	o.Clock = poll.Clock{After: func(d time.Duration) <-chan time.Time { r.waits <- d; return r.fire }}
	ctx, cancel := context.WithCancel(t.Context())
	r.cancel = cancel
	var done sync.WaitGroup
	done.Go(func() { r.ended <- pick.New(o).Watch(ctx, r.nodes, func(got cloud.Reading) { r.told <- got }) })
	t.Cleanup(func() { cancel(); done.Wait() })
	return r
}

// node is one of a cloud, named as it is.
func node(scheme, name string) cloud.Node {
	return cloud.Node{Name: name, ProviderID: scheme + "://" + name}
}

func TestTheMajorityCounts(t *testing.T) {
	for name, c := range map[string]struct {
		nodes   []cloud.Node
		want    string
		problem string
	}{
		"azure":       {[]cloud.Node{node("azure", "a")}, "azure:a", ""},
		"google":      {[]cloud.Node{node("gce", "a"), node("GCE", "b")}, "google:a,b", ""},
		"aws":         {[]cloud.Node{node("aws", "a")}, "aws:a", ""},
		"strangers":   {[]cloud.Node{node("kind", "x"), node("kind", "y"), {Name: "bare"}, node("aws", "a")}, "aws:a", ""},
		"most":        {[]cloud.Node{node("azure", "z"), node("gce", "a"), node("gce", "b")}, "google:a,b", "several clouds (2 in Google, 1 in Azure): figures are read from Google alone"},
		"of equals":   {[]cloud.Node{node("aws", "x"), node("gce", "y"), node("azure", "a")}, "azure:a", "(1 in Azure, 1 in Google, 1 in AWS)"},
		"empty first": {nil, "aws:a", ""},
	} {
		r := start(t, all())
		r.nodes <- c.nodes
		if c.nodes == nil {
			r.nodes <- []cloud.Node{node("aws", "a")}
		}
		got := <-r.told
		if got.Source != c.want {
			t.Errorf("%s: %q, want %q", name, got.Source, c.want)
		}
		if c.problem == "" != (len(got.Problems) == 0) || c.problem != "" && !strings.Contains(got.Problems[0].Sentence, c.problem) {
			t.Errorf("%s: %+v", name, got.Problems)
		}
	}
}

func TestNothingToFollow(t *testing.T) {
	for name, c := range map[string]struct {
		options pick.Options
		nodes   []cloud.Node
	}{
		"no cloud":         {all(), []cloud.Node{node("kind", "a"), {Name: "bare"}, {ProviderID: "aws"}}},
		"no reader for it": {pick.Options{Azure: gives(&reader{})}, []cloud.Node{node("aws", "a")}},
		"the reader's own": {pick.Options{AWS: gives(&reader{do: func(context.Context, <-chan []cloud.Node, func(cloud.Reading)) error { return nil }})}, []cloud.Node{node("aws", "a")}},
	} {
		r := start(t, c.options)
		r.nodes <- c.nodes
		if err := <-r.ended; err != nil || len(r.told) != 0 {
			t.Errorf("%s: ended with %v, told %d", name, err, len(r.told))
		}
	}
}

func TestASecondChoiceHasAReader(t *testing.T) {
	o := all()
	o.Google = nil
	r := start(t, o)
	r.nodes <- []cloud.Node{node("gce", "x"), node("gce", "y"), node("aws", "a")}
	if got := <-r.told; got.Source != "aws:a" || len(got.Problems) != 1 {
		t.Errorf("got %+v", got)
	}
}

func TestEndsWithItsContext(t *testing.T) {
	for name, nodes := range map[string][]cloud.Node{"before nodes": nil, "at work": {node("aws", "a")}} {
		r := start(t, all())
		if nodes != nil {
			r.nodes <- nodes
			<-r.told
		}
		r.cancel()
		if err := <-r.ended; !errors.Is(err, context.Canceled) {
			t.Errorf("%s: ended with %v", name, err)
		}
	}
}

func TestNodesGoOn(t *testing.T) {
	r := start(t, all())
	r.nodes <- []cloud.Node{node("aws", "a")}
	<-r.told
	r.nodes <- []cloud.Node{node("aws", "a"), node("aws", "b"), node("gce", "x")}
	if got := <-r.told; got.Source != "aws:a,b" || len(got.Problems) != 1 {
		t.Errorf("got %+v", got)
	}
	// The strangers have gone, and with them the problem.
	r.nodes <- []cloud.Node{node("aws", "b")}
	if got := <-r.told; got.Source != "aws:b" || len(got.Problems) != 0 {
		t.Errorf("got %+v", got)
	}
}

// A reader that is busy finds the newest set, and nobody waits for it.
func TestABusyReaderHoldsNobodyUp(t *testing.T) {
	busy := make(chan bool)
	r := start(t, pick.Options{AWS: gives(&reader{do: func(ctx context.Context, nodes <-chan []cloud.Node, tell func(cloud.Reading)) error {
		<-busy
		set := <-nodes
		tell(cloud.Reading{Source: set[0].Name})
		<-ctx.Done()
		return ctx.Err()
	}})})
	r.nodes <- []cloud.Node{node("aws", "first")}
	r.nodes <- []cloud.Node{node("aws", "second")}
	r.nodes <- []cloud.Node{node("aws", "third")}
	r.nodes <- []cloud.Node{node("aws", "third")} // taken, so that the third is in its place
	busy <- true
	if got := <-r.told; got.Source != "third" {
		t.Errorf("got %q", got.Source)
	}
}

func TestWhatFailsIsToldAndTriedAgain(t *testing.T) {
	type watch = func(context.Context, <-chan []cloud.Node, func(cloud.Reading)) error
	watching := func(do watch) pick.Factory { return gives(&reader{do: do}) }
	for name, c := range map[string]struct {
		factory pick.Factory
		want    string
	}{
		"factory":        {func() (cloud.Watcher, error) { return nil, errors.New("no way\x1b[31m to it") }, "Azure Monitor cannot be asked: no way to it"},
		"nothing":        {func() (cloud.Watcher, error) { return nil, nil }, "there is no reader for it"},
		"factory panics": {func() (cloud.Watcher, error) { panic("Bearer hush") }, "reading Azure Monitor broke (string)"},
		"reader panics": {watching(func(_ context.Context, n <-chan []cloud.Node, _ func(cloud.Reading)) error {
			return errors.New((<-n)[7].Name)
		}), "reading Azure Monitor broke (runtime error: index out of range"},
		"reader gives up": {watching(func(context.Context, <-chan []cloud.Node, func(cloud.Reading)) error { return errors.New("tired") }), "reading Azure Monitor ended: tired"},
		"panics once told": {watching(func(_ context.Context, n <-chan []cloud.Node, tell func(cloud.Reading)) error {
			<-n
			tell(cloud.Reading{})
			panic(errors.New("hush"))
		}), "reading Azure Monitor broke (*errors.errorString)"},
	} {
		failing := true
		o := pick.Options{Azure: func() (cloud.Watcher, error) {
			if failing {
				return c.factory()
			}
			return &reader{source: "azure"}, nil
		}}
		r := start(t, o)
		r.nodes <- []cloud.Node{node("azure", "a")}
		got := <-r.told
		if len(got.Problems) == 0 {
			got = <-r.told
		}
		if got.Provider != snat.ProviderAzureLB || got.Source != "Azure Monitor" || len(got.Problems) != 1 ||
			!strings.Contains(got.Problems[0].Sentence, c.want) || strings.ContainsAny(got.Problems[0].Sentence, "\x1b") || strings.Contains(got.Problems[0].Sentence, "hush") {
			t.Errorf("%s: %+v", name, got)
		}
		if wait := <-r.waits; wait != poll.Slow {
			t.Errorf("%s: tried again after %v", name, wait)
		}
		failing = false
		r.fire <- time.Time{}
		// The next reader is handed the nodes that the last one had.
		if got := <-r.told; got.Source != "azure:a" || len(got.Problems) != 0 {
			t.Errorf("%s: afterwards %+v", name, got)
		}
	}
}
