//go:build bench && linux

package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"

	"github.com/snattop/snattop/e2e/bench/result"
	"github.com/snattop/snattop/e2e/bench/twin"
)

// BenchmarkTwin is the churn as a tracer sees it that sends every event to user
// space.
func BenchmarkTwin(b *testing.B) {
	for b.Loop() {
		l := churnLoad(b)
		t := act(b, stage{}, "twin", twinArgs{Low: loadPort, High: loadPort + 99})
		t.say(b, "count") // now it is attached
		m := startMeter(b, t.cmd.Process.Pid)
		made := l.do(b, churnOrder(churnFor))
		var c twin.Counts
		if err := json.Unmarshal([]byte(t.say(b, "count")), &c); err != nil {
			b.Fatal(err)
		}
		cost := m.stop(b)
		t.end()
		l.end()

		missed := 100 * (1 - float64(c.Opens+c.Closes)/float64(made.Opens+made.closes()))
		b.ReportMetric(missed, "percent-lost")
		work := fmt.Sprintf("churn of %.0f a second for %s: per-event twin", made.rate(), churnFor)
		record(b, result.Line{Work: work + ", counted", Measured: fmt.Sprintf(
			"opens %d of %d, closes %d of %d, %.2f %% missed; %d events read, %d lost",
			c.Opens, made.Opens, c.Closes, made.closes(), missed, c.Events, c.Lost)})
		record(b, result.Line{Work: work + ", cost", Measured: cost.share(made)})
	}
}

// twinArgs are the ports that the twin counts.
type twinArgs struct{ Low, High uint16 }

// actTwin is the part of the twin. Any order asks for its counts.
func actTwin(args twinArgs) (err error) {
	t, err := twin.Open(args.Low, args.High)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.Close()) }()
	return obey(func(string) (string, error) {
		c, err := t.Counts()
		if err != nil {
			return "", err
		}
		text, err := json.Marshal(c)
		return string(text), err
	})
}
