package session

import (
	"errors"
	"math"
	"net/netip"
	"time"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/snat"
	"github.com/snattop/snattop/k8s/inventory"
	"github.com/snattop/snattop/probe/wire"
)

// A checkpoint is everything that a session remembers, as data: a replay that
// is to go on at 12:40 begins with the one of 12:39 and applies what was told
// since. It comes in pieces, so that none grows beyond a frame of a recording.
// What can be worked out from the rest is left out.

// CheckpointVersion is the version of the pieces. It grows whenever what a
// session remembers becomes another: a checkpoint of another version is not
// read, and the replay plays what it would have spared.
const CheckpointVersion = 1

// checkpointFlows is up to how many destinations a session is worth a
// checkpoint: beyond that, making them would keep a recorder from recording.
const checkpointFlows = 40_000

// checkpointChunk is how many flows or objects a piece holds.
const checkpointChunk = 1000

// ErrCheckpoint means that pieces make no checkpoint of this version.
var ErrCheckpoint = errors.New("not a checkpoint of this version")

// Piece is a part of a checkpoint. The first one has a Head, and says how many
// there are.
type Piece struct {
	Head  *savedHead        `cbor:"1,keyasint,omitempty"`
	Known *inventory.Change `cbor:"2,keyasint,omitempty"`
	Gone  []inventory.Pod   `cbor:"3,keyasint,omitempty"`
	Names *savedNames       `cbor:"4,keyasint,omitempty"`
	Node  *savedNode        `cbor:"5,keyasint,omitempty"`
	Flows *savedFlows       `cbor:"6,keyasint,omitempty"`
}

type savedHead struct {
	Version   int            `cbor:"1,keyasint"`
	Pieces    int            `cbor:"2,keyasint"`
	Now       stamp          `cbor:"3,keyasint"`
	Started   stamp          `cbor:"4,keyasint"`
	Settings  Settings       `cbor:"5,keyasint"`
	Cluster   ClusterInfo    `cbor:"6,keyasint"`
	Problem   string         `cbor:"7,keyasint,omitempty"`
	Cloud     *cloud.Reading `cbor:"8,keyasint,omitempty"`
	GoneNodes []string       `cbor:"9,keyasint,omitempty"`
	Refused   uint64         `cbor:"10,keyasint,omitempty"`
}

// savedNames is where the order in which things were told has made another
// choice than telling them anew would: "" takes a name back.
type savedNames struct {
	Alias     map[string]string `cbor:"1,keyasint,omitempty"`
	ByIP      []savedName       `cbor:"2,keyasint,omitempty"`
	ServiceAt []savedName       `cbor:"3,keyasint,omitempty"`
}

type savedName struct {
	IP   netip.Addr `cbor:"1,keyasint"`
	Name string     `cbor:"2,keyasint,omitempty"`
}

type savedNode struct {
	Name      string        `cbor:"1,keyasint"`
	State     NodeState     `cbor:"2,keyasint"`
	Since     stamp         `cbor:"3,keyasint"`
	Noted     stamp         `cbor:"4,keyasint"`
	Estimates savedTrend    `cbor:"5,keyasint"`
	History   savedHistory  `cbor:"6,keyasint"`
	Budget    snat.Budget   `cbor:"7,keyasint"`
	BudgetWas *savedChange  `cbor:"8,keyasint,omitempty"`
	Handovers []Handover    `cbor:"9,keyasint,omitempty"`
	Owners    []savedOwner  `cbor:"10,keyasint,omitempty"`
	Streams   []savedStream `cbor:"11,keyasint,omitempty"`
}

type savedChange struct {
	At   stamp       `cbor:"1,keyasint"`
	From snat.Budget `cbor:"2,keyasint"`
	To   snat.Budget `cbor:"3,keyasint"`
}

type savedOwner struct {
	Key     Key           `cbor:"1,keyasint"`
	PodUID  string        `cbor:"2,keyasint,omitempty"`
	Wire    wire.Owner    `cbor:"3,keyasint"`
	History *savedHistory `cbor:"4,keyasint,omitempty"`
	// Only is set for a history alone: what was said of its owner is gone.
	Only bool `cbor:"5,keyasint,omitempty"`
}

type savedStream struct {
	PodUID    string           `cbor:"1,keyasint,omitempty"`
	Hello     *wire.Hello      `cbor:"2,keyasint,omitempty"`
	Collector string           `cbor:"3,keyasint,omitempty"`
	Last      stamp            `cbor:"4,keyasint"`
	Counted   time.Duration    `cbor:"5,keyasint"`
	Began     stamp            `cbor:"6,keyasint"`
	Epoch     uint32           `cbor:"7,keyasint"`
	Owners    []wire.Owner     `cbor:"8,keyasint,omitempty"`
	Loss      wire.Loss        `cbor:"9,keyasint"`
	Cost      wire.Cost        `cbor:"10,keyasint"`
	Problems  []string         `cbor:"11,keyasint,omitempty"`
	Conntrack []wire.Conntrack `cbor:"12,keyasint,omitempty"`
	Sources   []wire.Source    `cbor:"13,keyasint,omitempty"`
	CPU       savedRate        `cbor:"14,keyasint"`
	Table     [3]savedRate     `cbor:"15,keyasint"`
	Ended     []savedLives     `cbor:"16,keyasint,omitempty"`
	Elsewhere []uint64         `cbor:"17,keyasint,omitempty"`
	Refused   uint64           `cbor:"18,keyasint,omitempty"`
}

type savedLives struct {
	Key   Key      `cbor:"1,keyasint"`
	Lives []uint64 `cbor:"2,keyasint,omitempty"`
}

// savedFlows are some of a node's flows, behind the piece of the node.
type savedFlows struct {
	Node  string      `cbor:"1,keyasint"`
	Flows []savedFlow `cbor:"2,keyasint,omitempty"`
}

type savedFlow struct {
	Owner    Key           `cbor:"1,keyasint"`
	Protocol snat.Protocol `cbor:"2,keyasint"`
	IP       netip.Addr    `cbor:"3,keyasint"`
	Port     uint16        `cbor:"4,keyasint"`
	// Stream is the pod of the stream that told the flow last.
	Stream string     `cbor:"5,keyasint,omitempty"`
	Epoch  uint32     `cbor:"6,keyasint"`
	Opens  *savedRate `cbor:"7,keyasint,omitempty"`
	Closes *savedRate `cbor:"8,keyasint,omitempty"`
	Fails  *savedRate `cbor:"9,keyasint,omitempty"`
	// Held are the three rings: each until (Unix seconds, from the second on
	// the distance to the one before) and number, in turns.
	Held    *[3][]int64   `cbor:"10,keyasint,omitempty"`
	Waiting *savedWaiting `cbor:"11,keyasint,omitempty"`
	Trouble *[8]savedRate `cbor:"12,keyasint,omitempty"`
	Lives   []uint64      `cbor:"13,keyasint,omitempty"`
	History *savedHistory `cbor:"14,keyasint,omitempty"`
	Rows    []savedRow    `cbor:"15,keyasint,omitempty"`
}

type savedRow struct {
	Stream string `cbor:"1,keyasint,omitempty"`
	ID     uint32 `cbor:"2,keyasint"`
	// Gauges are established, closing, SYN sent and TIME_WAIT.
	Gauges    [4]uint32      `cbor:"3,keyasint"`
	Silent    []int          `cbor:"4,keyasint,omitempty"`
	Detailed  bool           `cbor:"5,keyasint,omitempty"`
	Processes []wire.Process `cbor:"6,keyasint,omitempty"`
}

type savedRate struct {
	_        struct{} `cbor:",toarray"`
	Weighted float64
	At       stamp
}

type savedWaiting struct {
	_         struct{} `cbor:",toarray"`
	Since     stamp
	Was, Is   uint32
	Attempted uint32
}

type savedHistory struct {
	// Levels are those of ports, open, opens and fails.
	Levels [4]savedLevel `cbor:"1,keyasint"`
	Trend  savedTrend    `cbor:"2,keyasint"`
}

type savedLevel struct {
	_                    struct{} `cbor:",toarray"`
	Value                float64
	At, Began            stamp
	Sum, Squares, Weight float64
}

type savedTrend struct {
	_      struct{} `cbor:",toarray"`
	Values []int
	At     stamp
}

// stamp is a time as Unix nanoseconds; never is the zero time.
type stamp int64

const never = stamp(math.MinInt64)

func stampOf(t time.Time) stamp {
	if t.IsZero() {
		return never
	}
	return stamp(t.UnixNano())
}

func (s stamp) time() time.Time {
	if s == never {
		return time.Time{}
	}
	return time.Unix(0, int64(s)).UTC()
}

// finite is a number that a file may have made up.
func finite(f float64) float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) || f < 0 || f > 1e15 {
		return 0
	}
	return f
}

func (m moment) stamp() stamp {
	if m == 0 {
		return never
	}
	return stamp(m)
}

func (s stamp) moment() moment {
	if s == never {
		return 0
	}
	return moment(s)
}

func saveRate(r rate) savedRate { return savedRate{Weighted: r.weighted, At: r.at.stamp()} }

// saveSome leaves out a rate that never was any.
func saveSome(r rate) *savedRate {
	if r == (rate{}) {
		return nil
	}
	s := saveRate(r)
	return &s
}

func (s savedRate) load() rate { return rate{finite(s.Weighted), s.At.moment()} }

func loadSome(s *savedRate) rate {
	if s == nil {
		return rate{}
	}
	return s.load()
}

func saveTrend(t *trend) savedTrend {
	return savedTrend{Values: t.values.unpack(nil), At: t.at.stamp()}
}

func (s *savedTrend) load() trend {
	// A trend that has begun has a value.
	if n := min(len(s.Values), trendLength); n > 0 && s.At != never {
		return trend{at: s.At.moment(), values: pack(s.Values[len(s.Values)-n:])}
	}
	return trend{}
}

func saveHistory(h *history) savedHistory {
	s := savedHistory{Trend: saveTrend(&h.trend)}
	for i, l := range h.all() {
		s.Levels[i] = savedLevel{Value: l.value, At: h.at.stamp(), Began: h.began.stamp(), Sum: l.sum, Squares: l.squares, Weight: h.weight}
	}
	return s
}

func (s *savedHistory) load() *history {
	// What levels have in common stands at each of them.
	first := &s.Levels[0]
	h := &history{trend: s.Trend.load(), standing: standing{began: first.Began.moment(), at: first.At.moment(), weight: finite(first.Weight)}}
	for i, l := range h.all() {
		one := &s.Levels[i]
		*l = level{value: finite(one.Value), sum: finite(one.Sum), squares: finite(one.Squares)}
	}
	return h
}

func saveLives(l *Lives) []uint64 {
	if l == nil {
		return nil
	}
	n := len(l)
	for n > 0 && l[n-1] == 0 {
		n--
	}
	return l[:n]
}

func loadLives(s []uint64) *Lives {
	if s == nil {
		return nil
	}
	l := &Lives{}
	copy(l[:], s)
	return l
}

func (t *troubleRates) all() [8]*rate {
	return [8]*rate{&t.resets, &t.refused, &t.timedOut, &t.noPort, &t.synRetrans, &t.retrans, &t.resetsIn, &t.resetsOut}
}
