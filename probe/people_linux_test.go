package probe

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/snattop/snattop/probe/cgroup"
	"github.com/snattop/snattop/probe/count"
	"github.com/snattop/snattop/probe/wire"
)

const somePod = "9c5b5ec1-1d8a-4c39-8a0e-0d6e1d8a2f11"

// identified is who a row belongs to, as a sampler that knows some things says.
func identified(t *testing.T, s *sampler, v *survey, row *count.Row) *person {
	t.Helper()
	p := s.people.meet(identity{row.NetNS, row.Cgroup, row.PID})
	s.identify(time.Unix(1_790_000_000, 0), v, p, row)
	return p
}

// Who connects is told by the pod's namespace, else by the cgroup, else by the
// process, else by the name that it had.
func TestIdentify(t *testing.T) {
	t.Parallel()
	s := climber(t, CollectorAuto)
	self := uint32(os.Getpid())
	pod := cgroup.Owner{PodUID: somePod}
	const podNS, otherNS, strangeNS = 1001, 1002, 1003
	v := &survey{byInode: map[uint64]*namespace{
		podNS: {inode: podNS, owner: pod}, otherNS: {inode: otherNS, owner: cgroup.Owner{Unit: "web.service"}, command: "nginx"},
		s.hostNS: {inode: s.hostNS, host: true},
	}}
	s.cgroups.byID[77] = pod
	name, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		t.Fatal(err)
	}
	for what, tc := range map[string]struct {
		key     count.Key
		owner   cgroup.Owner
		command string
		sure    bool
	}{
		"by the pod's namespace":     {count.Key{NetNS: podNS, PID: self}, pod, "", true},
		"by the cgroup":              {count.Key{NetNS: strangeNS, Cgroup: 77}, pod, "", true},
		"by a namespace":             {count.Key{NetNS: otherNS, PID: 1 << 30}, cgroup.Owner{Unit: "web.service"}, "nginx", true},
		"gone, of the host":          {count.Key{NetNS: s.hostNS, PID: 1 << 30}, cgroup.Owner{}, "was", true},
		"gone, of nobody knows what": {count.Key{NetNS: strangeNS, PID: 1 << 30}, cgroup.Owner{}, "was", false},
		"a number that is another's": {count.Key{NetNS: strangeNS, PID: self}, cgroup.Owner{}, "was", false},
	} {
		p := identified(t, s, v, &count.Row{Key: tc.key, Command: "was"})
		if p.owner != tc.owner || p.command != tc.command || p.sure != tc.sure {
			t.Errorf("%s: %+v", what, p)
		}
	}
	// A process that lives is asked itself, if it lives where it connected.
	if s.selfNS == s.hostNS {
		p := identified(t, s, v, &count.Row{Key: count.Key{NetNS: s.hostNS, PID: self}, Command: "was"})
		if !p.sure || p.command != strings.TrimSpace(string(name)) {
			t.Errorf("alive: %+v", p)
		}
	}
}

// Whoever is gone keeps the name, for rows in focus as well.
func TestProcessesThatAreGoneKeepTheirNames(t *testing.T) {
	t.Parallel()
	s := climber(t, CollectorAuto)
	row := openTo(s, 1<<30, toward(1), 1)
	row.Command = "curl"
	fake := &fakeCounter{rows: []count.Row{row}}
	s.counts = fake
	s.setFocus(wire.Focus{All: true})
	v := newReceiver()
	now := time.Unix(1_790_000_000, 0)
	for i := range 3 * forgetAfter {
		tick, err := s.sample(t.Context(), now.Add(time.Duration(i)*time.Second), time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.apply(tick); err != nil {
			t.Fatal(err)
		}
		if len(v.rows) != 1 {
			t.Fatalf("%d rows", len(v.rows))
		}
		for _, r := range v.rows {
			if len(r.procs) != 1 || r.procs[0].Command != "[curl]" || r.procs[0].PID != 1<<30 || v.owners[r.ownerID].Unit != "curl" {
				t.Fatalf("held by %+v of %+v", r.procs, v.owners)
			}
		}
	}
}

// One process for each connection, as shells and old servers do it: what is
// remembered is bounded, and so is what is looked at.
func TestPeopleAreForgotten(t *testing.T) {
	t.Parallel()
	s := climber(t, CollectorAuto)
	fake := &fakeCounter{}
	s.counts = fake
	s.setFocus(wire.Focus{All: true})
	const each, ticks = 800, 40
	now, pid := time.Unix(1_790_000_000, 0), uint32(1<<28)
	for i := range ticks {
		fake.rows = fake.rows[:0]
		for range each {
			pid++
			row := openTo(s, pid, toward(byte(pid%7)), 0)
			row.Events = count.Events{Opens: 1, Closes: 1}
			fake.rows = append(fake.rows, row)
		}
		tick, err := s.sample(t.Context(), now.Add(time.Duration(i)*time.Second), time.Second)
		if err != nil {
			t.Fatal(err)
		}
		opens := uint32(0)
		for _, r := range tick.Rows {
			opens += r.Opens
		}
		if i > 0 && opens != each {
			t.Fatalf("tick %d tells %d opens", i, opens)
		}
		if n := len(s.people.known); n > each*(forgetAfter+1) {
			t.Fatalf("%d persons are remembered", n)
		}
		if n := len(s.procs.infos); n > each*(forgetAfter+1) {
			t.Fatalf("%d processes are remembered", n)
		}
	}
	fake.rows = nil
	for i := range forgetAfter + 2 {
		if _, err := s.sample(t.Context(), now.Add(time.Duration(ticks+i)*time.Second), time.Second); err != nil {
			t.Fatal(err)
		}
	}
	if len(s.people.known) != 0 || len(s.procs.infos) != 0 {
		t.Errorf("%d persons and %d processes are remembered for ever", len(s.people.known), len(s.procs.infos))
	}
}

// No snapshot looks at more than maxLooks processes.
func TestLooksAreBounded(t *testing.T) {
	t.Parallel()
	s := climber(t, CollectorAuto)
	dir := t.TempDir()
	looks := 0
	s.list = newProcessList(dir)
	for i := range 2 * maxLooks {
		q, looked := s.alive(time.Unix(1, 0), &person{identity: identity{netns: 1, pid: uint32(i + 1)}})
		if q != nil || looked != (i < maxLooks) {
			t.Fatalf("look %d in an empty folder: %+v, %t", i, q, looked)
		}
		looks = s.people.looks
	}
	if looks != maxLooks {
		t.Errorf("%d looks", looks)
	}
	s.people.retain(s.procs)
	if s.people.looks != 0 {
		t.Error("the next snapshot may look at nothing")
	}
}

// A number that another process has by now tells nothing about the first.
func TestPIDsAreReused(t *testing.T) {
	t.Parallel()
	s := climber(t, CollectorAuto)
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "42", "ns"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"42/stat": "42 (new) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 5000 0 0\n", "42/comm": "new\n", "42/cmdline": "new\x00--well\x00", "42/ns/net": "",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.list = newProcessList(dir)
	v := &survey{byInode: map[uint64]*namespace{}}
	row := openTo(s, 42, toward(1), 1)
	row.Command = "old"
	if p := identified(t, s, v, &row); p.command != "old" {
		t.Errorf("the one that connected is called %q", p.command)
	}
	p := s.people.meet(identity{row.NetNS, row.Cgroup, row.PID})
	if got := s.procs.get(s.process(time.Unix(1, 0), p, &row)); got.command != "[old]" || got.start != 1<<63 {
		t.Errorf("it is told as %+v", got)
	}
}
