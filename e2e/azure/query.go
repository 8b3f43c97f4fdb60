package azure

import (
	"fmt"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// query is a request for metrics.
type query struct {
	metrics     []string
	aggregation string
	from, to    time.Time
	filter      filter
	top         int
}

// filter says by which dimensions the answer is split, and which of their
// values it is of: none for all.
type filter map[string][]string

// defaultTop is how many series of each metric an answer holds when the
// request does not say.
//
// Source: Azure REST API, "Metrics - List", version 2024-02-01: "Valid only if
// $filter is specified. Defaults to 10."
const defaultTop = 10

var condition = regexp.MustCompile(`^\s*(\w+)\s+eq\s+'([^']*)'\s*$`)

// parseFilter reads a $filter: conditions of one dimension joined by or, and
// those joined by and.
func parseFilter(text string) (filter, error) {
	f := filter{}
	for _, both := range strings.Split(text, " and ") {
		dimension := ""
		for _, one := range strings.Split(both, " or ") {
			match := condition.FindStringSubmatch(one)
			if match == nil {
				return nil, fmt.Errorf("invalid filter clause %q", one)
			}
			if dimension != "" && !strings.EqualFold(dimension, match[1]) {
				return nil, fmt.Errorf("or cannot separate two different metadata names")
			}
			dimension = match[1]
			key := strings.ToLower(dimension)
			if _, ok := f[key]; !ok {
				f[key] = nil
			}
			if match[2] != "*" {
				f[key] = append(f[key], match[2])
			}
		}
	}
	return f, nil
}

func (s *Server) parseQuery(values url.Values) (query, error) {
	q := query{aggregation: strings.ToLower(values.Get("aggregation")), top: defaultTop, filter: filter{}}
	q.to = s.opts.Now()
	q.from = q.to.Add(-time.Hour)
	if values.Get("metricnames") == "" {
		return q, fmt.Errorf("metricnames is missing")
	}
	q.metrics = strings.Split(values.Get("metricnames"), ",")
	if span := values.Get("timespan"); span != "" {
		from, to, _ := strings.Cut(span, "/")
		var err error
		if q.from, err = time.Parse(time.RFC3339, from); err != nil {
			return q, fmt.Errorf("invalid timespan %q", span)
		}
		if q.to, err = time.Parse(time.RFC3339, to); err != nil || !q.from.Before(q.to) {
			return q, fmt.Errorf("invalid timespan %q", span)
		}
	}
	if interval := values.Get("interval"); interval != "" && interval != "PT1M" && interval != isoSeconds(s.opts.Grain) {
		return q, fmt.Errorf("detected invalid time grain %q: supported is PT1M", interval)
	}
	if text := values.Get("$filter"); text != "" {
		var err error
		if q.filter, err = parseFilter(text); err != nil {
			return q, err
		}
	}
	if top := values.Get("top"); top != "" {
		var err error
		if q.top, err = strconv.Atoi(top); err != nil || q.top < 1 {
			return q, fmt.Errorf("invalid top %q", top)
		}
	}
	return q, nil
}

// isoSeconds writes a length of time as ISO 8601 does.
func isoSeconds(d time.Duration) string {
	if d%time.Minute == 0 {
		return fmt.Sprintf("PT%dM", int(d/time.Minute))
	}
	return fmt.Sprintf("PT%dS", int(d/time.Second))
}
