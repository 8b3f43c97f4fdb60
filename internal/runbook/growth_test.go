package runbook

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func steps(from, by, n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = from + i*by
	}
	return out
}

func TestGrowth(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		trend     []int
		sustained bool
		from, to  int
		stood     time.Duration
	}{
		"nothing":              {trend: nil},
		"one look":             {trend: []int{5}, from: 5, to: 5},
		"flat":                 {trend: []int{5, 5, 5, 5, 5, 5}, from: 5, to: 5, stood: 25 * time.Second},
		"a leak":               {trend: steps(0, 25, 12), sustained: true, from: 0, to: 275},
		"a leak that is full":  {trend: append(steps(0, 25, 11), 256, 256, 256), sustained: true, from: 0, to: 256, stood: 10 * time.Second},
		"a slow leak":          {trend: steps(1000, 1, 60), sustained: true, from: 1000, to: 1059},
		"a leak that stutters": {trend: []int{0, 10, 9, 20, 30, 29, 40, 50, 49, 60}, sustained: true, from: 0, to: 60},
		"a pool that fills":    {trend: []int{0, 280, 600, 600, 600, 600}, from: 0, to: 600, stood: 15 * time.Second},
		"a step":               {trend: []int{100, 100, 100, 900, 900}, from: 100, to: 900, stood: 5 * time.Second},
		"too little":           {trend: steps(0, 1, 7), from: 0, to: 6},
		"falling":              {trend: steps(900, -50, 12), from: 350, to: 350},
		"after a restart":      {trend: append(steps(0, 50, 20), steps(10, 20, 6)...), sustained: true, from: 10, to: 110},
		"grown and then flat":  {trend: append(steps(0, 50, 10), slices.Repeat([]int{450}, 10)...), sustained: true, from: 0, to: 450, stood: 50 * time.Second},
		"two steps far apart":  {trend: append(append(slices.Repeat([]int{10}, 10), 100), append(slices.Repeat([]int{100}, 20), 200)...), from: 10, to: 200},
	} {
		g := grown(c.trend)
		if g.sustained != c.sustained || g.from != c.from || g.to != c.to || g.stood != c.stood {
			t.Errorf("%s: %+v, want sustained %v, %d to %d, stood %s", name, g, c.sustained, c.from, c.to, c.stood)
		}
	}
}

// A steady load that swings is rarely taken for a growth; and as it closes what
// it opens, a short growth of it is not called a leak then.
func TestNoiseIsNoGrowth(t *testing.T) {
	t.Parallel()
	chance := rand.New(rand.NewPCG(1, 2))
	wrong := 0
	const rounds = 2000
	for range rounds {
		trend := make([]int, 5+chance.IntN(56))
		for i := range trend {
			trend[i] = 500 + int(25*chance.NormFloat64())
		}
		if grown(trend).sustained {
			wrong++
		}
	}
	if wrong > 3*rounds/100 {
		t.Errorf("%d of %d steady loads grow", wrong, rounds)
	}
}

func TestText(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		num(1234567): "1,234,567", num(-5): "0", num(uint64(1) << 63): "9,223,372,036,854,775,808",
		plural(1, "port"): "1 port", plural(2000, "port"): "2,000 ports",
		perSecond(0): "0", perSecond(0.01): "under 0.1", perSecond(4.94): "4.9", perSecond(1234.5): "1,235", perSecond(1e15): "over a trillion",
		percent(0): "0 %", percent(0.001): "under 1 %", percent(0.999): "99 %", percent(1): "100 %", percent(7): "100 %",
		span(90 * time.Second): "90 s", span(10 * time.Minute): "10 min", span(5 * time.Hour): "5 h", span(-1): "0 s",
		Quote("a-b"): "a-b", Quote("-a"): "'-a'", Quote(""): "''", Quote("it's"): `'it'\''s'`,
	} {
		if got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
