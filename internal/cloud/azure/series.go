package azure

import (
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/resourcemanager/monitor/armmonitor"
)

// Bounds of what an answer may make us hold.
const (
	maxSeries = 20_000
	// maxFigure is beyond every number of ports or of connections in a minute.
	maxFigure = 1e9
)

// series is one time series, of which the newest value counts.
type series struct {
	metric string // lower case
	// dimensions maps lower-case names to values as they came.
	dimensions map[string]string
	// end is the end of the interval that the value is of.
	end   time.Time
	value float64
}

// answered is what an answer of Azure Monitor holds.
type answered struct {
	series []series
	// interval is the length of time that one value is of.
	interval time.Duration
	// counts are the numbers of series by metric, those without any value
	// included.
	counts map[string]int
	// failed are the metrics that Azure Monitor could not tell.
	failed []string
}

// read takes an answer apart. A point without the value that was asked for is
// no value: trailing ones have not come yet, and are not 0. Values of times
// that cannot be (see newest) are left out.
func read(resp *armmonitor.Response, now time.Time, value func(*armmonitor.MetricValue) *float64) answered {
	a := answered{interval: time.Minute, counts: map[string]int{}}
	if resp == nil {
		return a
	}
	if resp.Interval != nil {
		if d, ok := parseInterval(*resp.Interval); ok {
			a.interval = d
		}
	}
	for _, m := range resp.Value {
		if m == nil || m.Name == nil || m.Name.Value == nil {
			continue
		}
		name := strings.ToLower(*m.Name.Value)
		if m.ErrorCode != nil && *m.ErrorCode != "" && !strings.EqualFold(*m.ErrorCode, "Success") {
			a.failed = append(a.failed, text(*m.Name.Value))
		}
		for _, one := range m.Timeseries {
			if one == nil || len(a.series) >= maxSeries {
				continue
			}
			a.counts[name]++
			s := series{metric: name, dimensions: dimensions(one)}
			var ok bool
			if s.end, s.value, ok = newest(one, now, a.interval, value); ok {
				a.series = append(a.series, s)
			}
		}
	}
	return a
}

func dimensions(one *armmonitor.TimeSeriesElement) map[string]string {
	all := make(map[string]string, len(one.Metadatavalues))
	for _, d := range one.Metadatavalues {
		if d == nil || d.Name == nil || d.Name.Value == nil || d.Value == nil {
			continue
		}
		all[strings.ToLower(*d.Name.Value)] = strings.TrimSpace(*d.Value)
	}
	return all
}

// newest returns the newest value of a series and the end of its interval. A
// time that is more than two hours off, or a value that is no count, is not
// taken.
func newest(one *armmonitor.TimeSeriesElement, now time.Time, interval time.Duration, value func(*armmonitor.MetricValue) *float64) (end time.Time, v float64, ok bool) {
	for _, p := range one.Data {
		if p == nil || p.TimeStamp == nil {
			continue
		}
		at, found := p.TimeStamp.Add(interval), value(p)
		if found == nil || math.IsNaN(*found) || *found < 0 || *found > maxFigure || at.Sub(now).Abs() > 2*time.Hour {
			continue
		}
		if !ok || at.After(end) {
			end, v, ok = at, *found, true
		}
	}
	return end, v, ok
}

func average(v *armmonitor.MetricValue) *float64 { return v.Average }
func total(v *armmonitor.MetricValue) *float64   { return v.Total }

// parseInterval reads a length of time as ISO 8601 writes it, from a second to
// a day: PT1M, PT5S, PT1H, P1D.
func parseInterval(s string) (time.Duration, bool) {
	rest, ok := strings.CutPrefix(strings.ToUpper(s), "P")
	if !ok || len(s) > 20 {
		return 0, false
	}
	date, clock, _ := strings.Cut(rest, "T")
	var sum time.Duration
	for _, half := range []struct {
		text  string
		units map[byte]time.Duration
	}{
		{date, map[byte]time.Duration{'D': 24 * time.Hour}},
		{clock, map[byte]time.Duration{'H': time.Hour, 'M': time.Minute, 'S': time.Second}},
	} {
		for t := half.text; t != ""; {
			i := strings.IndexFunc(t, func(r rune) bool { return r < '0' || r > '9' })
			if i <= 0 {
				return 0, false
			}
			n, err := strconv.Atoi(t[:i])
			unit := half.units[t[i]]
			if err != nil || unit == 0 || n > 86400 {
				return 0, false
			}
			sum += time.Duration(n) * unit
			t = t[i+1:]
		}
	}
	return sum, sum >= time.Second && sum <= 24*time.Hour
}
