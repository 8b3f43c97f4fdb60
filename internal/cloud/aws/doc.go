// Package aws reads what AWS measures of NAT gateways from CloudWatch. AWS
// tells of gateways, never of nodes, and of all the gateways that an account
// has in a region. It writes nothing and needs two rights,
// cloudwatch:ListMetrics and cloudwatch:GetMetricData.
package aws
