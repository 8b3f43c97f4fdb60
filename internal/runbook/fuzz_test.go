package runbook_test

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/probe/wire"
)

// dice makes numbers of bytes until there are none.
type dice struct{ data []byte }

func (d *dice) bits() uint64 {
	var b [8]byte
	n := copy(b[:], d.data)
	d.data = d.data[n:]
	return binary.LittleEndian.Uint64(b[:])
}

func (d *dice) byte() int {
	if len(d.data) == 0 {
		return 0
	}
	b := d.data[0]
	d.data = d.data[1:]
	return int(b)
}

func (d *dice) yes() bool { return d.byte()%2 == 1 }

// number is small as a rule, and now and then anything.
func (d *dice) number() int {
	switch k := d.byte(); {
	case k > 250:
		return int(d.bits())
	case k > 128:
		return 8 * k
	default:
		return k
	}
}

func (d *dice) rate() float64 {
	k := d.byte()
	if k > 250 {
		return math.Float64frombits(d.bits())
	}
	return float64(k) / 10
}

func (d *dice) text() string {
	return []string{"a", "", "x\x1b[2J", "it's; rm", "-rf", "支払い"}[d.byte()%6]
}

func (d *dice) ip() netip.Addr {
	switch d.byte() % 5 {
	case 0:
		return netip.Addr{}
	case 1:
		return netip.MustParseAddr("2001:db8::1%eth0")
	case 2:
		return netip.MustParseAddr("127.0.0.1")
	default:
		return netip.AddrFrom4([4]byte{20, 60, 1, byte(d.byte() % 8)})
	}
}

func (d *dice) trend() []int {
	out := make([]int, d.byte()%62)
	for i := range out {
		out[i] = d.number()
	}
	return out
}

func (d *dice) counts() session.Counts {
	c := session.Counts{
		Ports: snat.Ports{Min: d.number(), Estimate: d.number(), Max: d.number()}, Open: d.number(), Trying: d.number(), Cooling: d.number(), Waiting: d.number(),
		OpensPerSecond: d.rate(), ClosesPerSecond: d.rate(), FailedPerSecond: d.rate(), OpenTrend: d.trend(),
	}
	if d.yes() {
		c.Silent = &session.Silence{d.number(), d.number(), 6: d.number()}
	}
	if d.yes() {
		c.Lives = &session.Lives{d.bits(), 5: d.bits(), 23: uint64(d.byte())}
	}
	if d.yes() {
		c.Trouble = &session.Trouble{Resets: d.rate(), NoPort: d.rate()}
	}
	return c
}

func (d *dice) dest() *session.Dest {
	if d.byte() == 255 {
		return nil
	}
	out := &session.Dest{
		Dest: snat.Dest{Protocol: []snat.Protocol{snat.TCP, snat.TCP, snat.UDP, 99}[d.byte()%4], IP: d.ip(), Port: []uint16{443, 53, 0}[d.byte()%3]}, Name: d.text(),
		Class: snat.Class{Eligible: d.yes()}, Established: d.number(), SynSent: d.number(), Waiting: d.number(), TimeWait: d.number(), Cooling: d.number(),
		OpensPerSecond: d.rate(), ClosesPerSecond: d.rate(), FailedPerSecond: d.rate(),
	}
	if d.yes() {
		out.Trouble = &session.Trouble{Refused: d.rate(), TimedOut: d.rate(), NoPort: d.rate()}
	}
	if d.yes() {
		out.Endpoints = []netip.AddrPort{netip.AddrPortFrom(d.ip(), 443)}
	}
	if d.yes() {
		out.Processes = []session.Process{{PID: d.number(), Command: d.text(), Established: d.number()}}
	}
	return out
}

func (d *dice) budget() snat.Budget {
	return snat.Budget{Ports: d.number(), Source: []snat.BudgetSource{snat.BudgetTable, snat.BudgetMeasured, snat.BudgetFlag, snat.BudgetUnknown, ""}[d.byte()%5], Shared: d.yes()}
}

// picture is whatever the bytes make.
func (d *dice) picture() (*session.Snapshot, *session.Node) {
	n := &session.Node{
		Name: d.text(), State: session.StateStreaming, Collector: []string{"ebpf", "diag", "procfs", "tcptracer", "", "x"}[d.byte()%6], LastTick: now,
		Budget: d.budget(), Verdict: []snat.Verdict{snat.Exhausted, snat.Pressured, snat.Healthy, snat.NotSNAT, snat.Unknown, "new"}[d.byte()%6], Counts: d.counts(), Trend: d.trend(),
	}
	if d.yes() {
		n.Since = now.Add(-time.Minute)
	}
	if d.yes() {
		n.Conntrack = &wire.Conntrack{Count: d.bits(), Max: d.bits()}
	}
	if d.yes() {
		n.ConntrackLost = &session.ConntrackLoss{Drop: d.rate(), InsertFailed: d.rate(), EarlyDrop: d.rate()}
	}
	if d.yes() {
		n.BudgetWas = &session.BudgetChange{At: now, From: d.budget(), To: d.budget()}
	}
	if d.yes() {
		n.FullIn = new(time.Duration(d.number()))
	}
	if d.yes() {
		n.Measured = &cloud.NodeReading{At: now.Add(time.Duration(d.number())), TCP: cloud.Usage{Used: new(d.number())}}
	}
	if d.yes() {
		n.Tracked = []session.TrackedSource{{IP: d.ip(), TCP: d.number(), Local: d.yes()}}
	}
	if d.byte() > 200 {
		n.Scoped = []string{d.text()}
	}
	for range d.byte() % 6 {
		o := &session.Owner{
			Key: session.Key(d.text()), Namespace: d.text(), Name: d.text(), Workload: session.Workload{Kind: []string{"Job", "Deployment", ""}[d.byte()%3], Name: d.text()},
			HostNetwork: d.yes(), LocalPorts: d.number(), Counts: d.counts(),
		}
		for range d.byte() % 5 {
			o.Listed = append(o.Listed, d.dest())
		}
		n.Owners = append(n.Owners, o)
	}
	if d.byte() == 255 {
		n.Owners = append(n.Owners, nil)
	}
	for _, o := range n.Owners {
		if o != nil && len(o.Dests()) > 0 && o.Dests()[0] != nil && d.yes() {
			n.Full = append(n.Full, o.Dests()[0].Dest)
		}
	}
	s := &session.Snapshot{Time: now, Nodes: []*session.Node{n}, Cluster: session.Cluster{Provider: []snat.Provider{snat.ProviderAzureLB, snat.ProviderAzureNATGW, snat.ProviderGCPNAT, snat.ProviderAWSNATGW, snat.ProviderUnknown, ""}[d.byte()%6]}}
	if d.yes() {
		s.Cloud = &cloud.Reading{Profile: &cloud.Profile{Nodes: d.number(), Surge: d.number(), IPs: d.number(), PortsPerNode: d.number(), Name: d.text(), Group: d.text()}}
	}
	return s, n
}

func FuzzDiagnose(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("a node with some owners, destinations and a budget that is spelled by letters \xff\xfe\xfd\x80\x90\xa0 and more of it, so that there is something to look at"))
	many := make([]byte, 2000)
	for i := range many {
		many[i] = byte(i * 37)
	}
	f.Add(many)
	f.Fuzz(arbitrary)
}

// The same with bytes by chance, which reach further into a picture.
func TestArbitraryPictures(t *testing.T) {
	t.Parallel()
	chance := rand.New(rand.NewPCG(3, 4))
	for range 3000 {
		data := make([]byte, 4000)
		for i := range data {
			data[i] = byte(chance.Uint32())
		}
		arbitrary(t, data)
	}
}

// arbitrary diagnoses a picture that is made of bytes.
func arbitrary(t *testing.T, data []byte) {
	s, n := (&dice{data}).picture()
	d := runbook.Diagnose(s, n)
	if len(n.Owners) > 0 && n.Owners[len(n.Owners)-1] == nil {
		n.Owners = n.Owners[:len(n.Owners)-1]
	}
	sound(t, s, n, d)
	for _, a := range d.Answers {
		_ = d.Severity(&a)
		for _, text := range []string{a.Summary, a.Subject} {
			for _, r := range text {
				if r < 0x20 || r == 0x7f {
					t.Fatalf("%s holds %U: %q", a.Cause, r, text)
				}
			}
		}
	}
}
