//go:build bench && linux

package bench

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"os"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	tea "charm.land/bubbletea/v2"
	"github.com/charmbracelet/colorprofile"

	"github.com/snattop/snattop/e2e/bench/result"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/wire"
	"github.com/snattop/snattop/tui/app"
)

// A large cluster that is looked at whole, and what is asked of its screen.
const (
	cityNodes, cityPods, cityDests = 100, 200, 50

	heldGoal  = 300.0 // MB
	keyGoal   = 30 * time.Millisecond
	bytesGoal = 20.0 // kB/s
)

func cityNode(n int) string { return "node-" + strconv.Itoa(n) }

// city is a session of a large cluster after its first ticks. Of each owner's
// destinations one in ten is busy; the others are open and quiet.
func city(now time.Time) *session.Session {
	s := session.New(session.Options{})
	put := func(e session.Event) {
		e.Time = now
		s.Put(e)
	}
	put(session.Event{Cluster: &session.ClusterInfo{Context: "city", Source: "live"}})
	var objects inventory.Change
	for n := range cityNodes {
		objects.Nodes = append(objects.Nodes, inventory.Node{Name: cityNode(n), ProviderID: "azure:///subscriptions/S/x", OS: "linux", Ready: true})
		for p := range cityPods {
			uid := cityNode(n) + "/" + strconv.Itoa(p)
			objects.Pods = append(objects.Pods, inventory.Pod{UID: uid, Namespace: "shop", Name: "pod-" + uid, Node: cityNode(n)})
		}
	}
	put(session.Event{Objects: &objects})
	for n := range cityNodes {
		node := cityNode(n)
		put(session.Event{Node: node, State: &session.NodeState{State: session.StateStreaming, Rung: "node pod"}})
		put(session.Event{Node: node, Hello: &wire.Hello{Collector: "diag", Kernel: "6.8", IntervalMillis: 1000}})
		t := wire.Tick{Full: true}
		for p := range uint32(cityPods) {
			t.Owners = append(t.Owners, wire.Owner{ID: p + 1, NetNS: uint64(p) + 4_026_530_000, PodUID: node + "/" + strconv.Itoa(int(p))})
			for d := range uint32(cityDests) {
				t.Rows = append(t.Rows, wire.Row{
					ID: p*cityDests + d + 1, Owner: p + 1, Protocol: 6, Port: 443, Established: 1 + (p+d)%9, IP: netip.AddrFrom4([4]byte{20, 60, byte(p), byte(d)}),
				})
			}
		}
		put(session.Event{Node: node, Tick: &t})
	}
	return s
}

// bustle is a second of a node: its busy destinations have opened and closed.
func bustle(i int) *wire.Tick {
	t := &wire.Tick{ElapsedNanos: int64(time.Second)}
	for r := uint32(1); r <= cityPods*cityDests; r += 10 {
		t.Rows = append(t.Rows, wire.Row{ID: r, Established: 1 + (uint32(i)+r)%9, Opens: 1, Closes: uint32(i) % 2})
	}
	return t
}

// stream lets every node tick once a second, one after the other, until ctx
// ends.
func stream(ctx context.Context, s *session.Session) {
	every := time.NewTicker(time.Second / cityNodes)
	defer every.Stop()
	for i := 0; ; i++ {
		select {
		case <-ctx.Done():
			return
		case now := <-every.C:
			s.Put(session.Event{Time: now, Node: cityNode(i % cityNodes), Tick: bustle(i)})
		}
	}
}

// heldFor are the moments at which it is looked at what a million destinations
// take. After five minutes as much is kept of the past as ever: ports cool down
// for four here, and trends end at five.
var heldFor = [...]time.Duration{time.Minute, 5 * time.Minute}

// BenchmarkHeld is the memory of a million destinations of which one in ten is
// busy, with the picture of them: on the heap, and what this process has in RAM
// once garbage is given back, and had at the most with the garbage of pictures.
func BenchmarkHeld(b *testing.B) {
	now := time.Now()
	began := now
	s := city(now)
	s.Snapshot()
	var slowest time.Duration
	most := 0.0
	due := heldFor[:]
	for i := 0; len(due) > 0; i++ {
		now = now.Add(time.Second)
		for n := range cityNodes {
			s.Put(session.Event{Time: now, Node: cityNode(n), Tick: bustle(i)})
		}
		asked := time.Now()
		s.Snapshot()
		slowest = max(slowest, time.Since(asked))
		most = max(most, resident())
		if now.Sub(began) < due[0] {
			continue
		}
		runtime.GC()
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		heap := float64(m.HeapAlloc) / 1e6
		debug.FreeOSMemory()
		record(b, result.Line{
			Work:     fmt.Sprintf("a million destinations, held for %.0f min", due[0].Minutes()),
			Measured: fmt.Sprintf("%.0f MB of heap, %.0f MB resident, %.0f MB at the most with garbage", heap, resident(), most),
			Goal:     fmt.Sprintf("≤ %.0f MB", heldGoal), Verdict: result.Judge(heap <= heldGoal),
		})
		due = due[1:]
	}
	record(b, result.Line{Work: "… a picture after a second of all nodes, slowest", Measured: fmt.Sprintf("%.0f ms", ms(slowest))})
	runtime.KeepAlive(s)
}

// resident is the memory of this process that is in RAM, in MB.
func resident() float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(text), "VmRSS:")
	fields := strings.Fields(after)
	if len(fields) == 0 {
		return 0
	}
	kib, _ := strconv.Atoi(fields[0])
	return float64(kib) * 1024 / 1e6
}

// pressed is a key, and when it was pressed.
type pressed struct {
	key tea.KeyPressMsg
	at  time.Time
}

// BenchmarkKeyToFrame is the time from a key until the screen is drawn, while
// all nodes stream: it waits for what the model takes in before it.
func BenchmarkKeyToFrame(b *testing.B) {
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	s := city(time.Now())
	go stream(ctx, s)
	var model tea.Model = app.New(s, app.Options{})
	messages := make(chan tea.Msg, 100)
	var run func(tea.Cmd)
	run = func(cmd tea.Cmd) {
		if cmd == nil {
			return
		}
		go func() {
			msg := cmd()
			if batch, ok := msg.(tea.BatchMsg); ok {
				for _, c := range batch {
					run(c)
				}
				return
			}
			select {
			case messages <- msg:
			case <-ctx.Done():
			}
		}()
	}
	model, _ = model.Update(tea.WindowSizeMsg{Width: 200, Height: 60})
	run(model.Init())
	const keys = 400
	go press(ctx, messages, keys)
	runtime.LockOSThread() // its time is that of the keys and what stands before them
	defer runtime.UnlockOSThread()
	var took, cpu []time.Duration
	for len(took) < keys {
		msg := <-messages
		p, isKey := msg.(pressed)
		if isKey {
			msg = p.key
		}
		spent := threadTime()
		var cmd tea.Cmd
		model, cmd = model.Update(msg)
		_ = model.View()
		if isKey {
			took = append(took, time.Since(p.at))
		}
		cpu = append(cpu, threadTime()-spent)
		run(cmd)
	}
	slices.Sort(took)
	slices.Sort(cpu)
	p99 := took[len(took)*99/100]
	record(b, result.Line{
		Work: "key to frame while 100 nodes stream, p99", Measured: fmt.Sprintf("%.1f ms (median %.1f; processor of any message %.1f, at most %.1f)", ms(p99), ms(took[len(took)/2]), ms(cpu[len(cpu)*99/100]), ms(cpu[len(cpu)-1])),
		Goal: fmt.Sprintf("≤ %.0f ms", ms(keyGoal)), Verdict: result.Judge(p99 <= keyGoal),
	})
}

// press goes down into a node and a pod and up again, a key every 50 ms.
func press(ctx context.Context, to chan<- tea.Msg, keys int) {
	way := []tea.KeyPressMsg{
		{Code: 'j', Text: "j"}, {Code: 'j', Text: "j"}, {Code: tea.KeyEnter}, {Code: 'j', Text: "j"}, {Code: 'G', Text: "G"},
		{Code: tea.KeyEnter}, {Code: 'j', Text: "j"}, {Code: tea.KeyEscape}, {Code: tea.KeyEscape}, {Code: 'k', Text: "k"},
	}
	every := time.NewTicker(50 * time.Millisecond)
	defer every.Stop()
	for i := range keys {
		select {
		case <-ctx.Done():
			return
		case at := <-every.C:
			to <- pressed{way[i%len(way)], at}
		}
	}
}

// meter counts what is written.
type writeMeter struct{ n atomic.Int64 }

func (m *writeMeter) Write(p []byte) (int, error) {
	m.n.Add(int64(len(p)))
	return len(p), nil
}

// BenchmarkScreenBytes is what the terminal is sent of a page that changes
// with every tick, by the real renderer.
func BenchmarkScreenBytes(b *testing.B) {
	for _, size := range [][2]int{{120, 40}, {200, 60}} {
		ctx, cancel := context.WithCancel(b.Context())
		s := city(time.Now())
		go stream(ctx, s)
		in, keep := io.Pipe()
		out := &writeMeter{}
		ended := make(chan error, 1)
		go func() {
			ended <- app.Run(ctx, s, app.Options{}, tea.WithInput(in), tea.WithOutput(out), tea.WithWindowSize(size[0], size[1]),
				tea.WithColorProfile(colorprofile.TrueColor), tea.WithoutSignals(), tea.WithEnvironment([]string{"TERM=xterm-256color"}))
		}()
		const settle, window = 5 * time.Second, 15 * time.Second
		time.Sleep(settle) // the first screens are whole ones
		before := out.n.Load()
		time.Sleep(window)
		rate := float64(out.n.Load()-before) / window.Seconds() / 1000
		cancel()
		_ = keep.Close()
		if err := <-ended; err != nil {
			b.Fatal(err)
		}
		record(b, result.Line{
			Work: fmt.Sprintf("bytes to a terminal of %d×%d", size[0], size[1]), Measured: fmt.Sprintf("%.1f kB/s", rate),
			Goal: fmt.Sprintf("≤ %.0f kB/s", bytesGoal), Verdict: result.Judge(rate <= bytesGoal),
		})
	}
}
