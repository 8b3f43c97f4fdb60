package aws

import (
	"context"
	"maps"
	"regexp"
	"slices"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch"
	"github.com/aws/aws-sdk-go-v2/service/cloudwatch/types"
)

// What NAT gateways tell is called ("NAT gateway metrics and dimensions" of the
// VPC user guide, with the statistic that it calls most useful): of
// ActiveConnectionCount the maximum, of the others the sum.
const (
	namespace             = "AWS/NATGateway"
	gatewayID             = "NatGatewayId"
	activeConnectionCount = "ActiveConnectionCount"
	errorPortAllocation   = "ErrorPortAllocation"
	packetsDropCount      = "PacketsDropCount"
)

const (
	// maxLists bounds the pages of a list of gateways; each has up to 500
	// (ListMetrics).
	maxLists = 10
	// maxSeries is how many series are asked for: three metrics each in one
	// question, which takes 500 (GetMetricData).
	maxSeries = 150
	// maxDimensions is how many dimensions a series of ours may have: a
	// gateway's id, and the zone besides where the gateway spans several.
	maxDimensions = 3
)

var gatewayShape = regexp.MustCompile(`^nat-[0-9a-f]{8,40}$`)

// seriesOf is the dimensions under which one gateway's figures are found.
type seriesOf struct {
	gateway    string
	dimensions []types.Dimension
}

// gateways lists the NAT gateways of the account and region that told anything
// in the last three hours. more is how many series are beyond maxSeries.
func (c *client) gateways(ctx context.Context) (series []seriesOf, more int, err error) {
	found := map[string][]seriesOf{}
	in := &cloudwatch.ListMetricsInput{
		Namespace:      aws.String(namespace),
		MetricName:     aws.String(activeConnectionCount),
		Dimensions:     []types.DimensionFilter{{Name: aws.String(gatewayID)}},
		RecentlyActive: types.RecentlyActivePt3h,
	}
	for range maxLists {
		out, err := c.api.ListMetrics(ctx, in)
		if err != nil {
			return nil, 0, err //nolint:wrapcheck // understood by its type
		}
		for _, m := range out.Metrics {
			if id, ok := idOf(m.Dimensions); ok {
				found[id] = append(found[id], seriesOf{gateway: id, dimensions: m.Dimensions})
			}
		}
		if aws.ToString(out.NextToken) == "" {
			break
		}
		in.NextToken = out.NextToken
	}
	for _, id := range slices.Sorted(maps.Keys(found)) {
		series = append(series, whole(found[id])...)
	}
	if len(series) > maxSeries {
		more = len(series) - maxSeries
		series = series[:maxSeries]
	}
	return series, more, nil
}

// idOf is the gateway that dimensions are of.
func idOf(dimensions []types.Dimension) (string, bool) {
	if len(dimensions) > maxDimensions {
		return "", false
	}
	for _, d := range dimensions {
		if aws.ToString(d.Name) == gatewayID {
			id := aws.ToString(d.Value)
			return id, gatewayShape.MatchString(id)
		}
	}
	return "", false
}

// whole is the series of a gateway that counts each connection once: the one
// that has no further dimension, or else all of those by zone.
func whole(series []seriesOf) []seriesOf {
	for _, s := range series {
		if len(s.dimensions) == 1 {
			return []seriesOf{s}
		}
	}
	return series
}
