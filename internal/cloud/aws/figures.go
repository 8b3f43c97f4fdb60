package aws

import (
	"context"
	"fmt"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"

	"github.com/snattop/snattop/internal/cloud"
	"github.com/snattop/snattop/internal/cloud/poll"
)

// maxPages bounds the pages of one answer.
const maxPages = 20

// figures adds up what gateways tell.
type figures struct {
	open, failed, dropped poll.Tally
	// incomplete means that CloudWatch said it did not tell all.
	incomplete bool
	// forbidden means that single series were denied.
	forbidden bool
}

// measure asks for the three metrics of each series, minute by minute.
// CloudWatch dates a minute by its start.
func (c *client) measure(ctx context.Context, series []seriesOf, start, end time.Time) (*figures, error) {
	f := &figures{}
	in := &cloudwatch.GetMetricDataInput{
		StartTime: aws.Time(start), EndTime: aws.Time(end),
		ScanBy: types.ScanByTimestampDescending,
	}
	into := map[string]*poll.Tally{}
	for i, s := range series {
		for _, m := range []struct {
			metric, stat string
			tally        *poll.Tally
		}{
			{activeConnectionCount, "Maximum", &f.open},
			{errorPortAllocation, "Sum", &f.failed},
			{packetsDropCount, "Sum", &f.dropped},
		} {
			id := fmt.Sprintf("s%d_%s", i, m.metric)
			into[id] = m.tally
			in.MetricDataQueries = append(in.MetricDataQueries, types.MetricDataQuery{
				Id: aws.String(id),
				MetricStat: &types.MetricStat{
					Metric: &types.Metric{Namespace: aws.String(namespace), MetricName: aws.String(m.metric), Dimensions: s.dimensions},
					Period: aws.Int32(int32(poll.Grain / time.Second)),
					Stat:   aws.String(m.stat),
				},
			})
		}
	}
	for range maxPages {
		out, err := c.api.GetMetricData(ctx, in)
		if err != nil {
			return nil, err //nolint:wrapcheck // understood by its type
		}
		last := aws.ToString(out.NextToken) == ""
		for _, r := range out.MetricDataResults {
			f.add(into[aws.ToString(r.Id)], r, last)
		}
		if last {
			return f, nil
		}
		in.NextToken = out.NextToken
	}
	f.incomplete = true
	return f, nil
}

// add takes one series' page. PartialData is how every page but the last of a
// long answer reads.
func (f *figures) add(t *poll.Tally, r types.MetricDataResult, last bool) {
	switch r.StatusCode {
	case types.StatusCodeForbidden:
		f.forbidden = true
	case types.StatusCodeInternalError:
		f.incomplete = true
	case types.StatusCodePartialData:
		f.incomplete = f.incomplete || last
	case types.StatusCodeComplete:
	default: // a status of tomorrow, or none
	}
	if t == nil {
		return
	}
	for i := range min(len(r.Timestamps), len(r.Values)) {
		t.Add(r.Timestamps[i].Add(poll.Grain), r.Values[i])
	}
}

// reading is the sum over gateways; nil when no minute has a value.
func (f *figures) reading() *cloud.GatewayReading {
	var g cloud.GatewayReading
	for _, part := range []struct {
		tally *poll.Tally
		into  **int
	}{{&f.open, &g.Open}, {&f.failed, &g.Failed}, {&f.dropped, &g.Dropped}} {
		if v, end, ok := part.tally.Newest(); ok {
			*part.into = &v
			if end.After(g.At) {
				g.At = end
			}
		}
	}
	if g.At.IsZero() {
		return nil
	}
	return &g
}
