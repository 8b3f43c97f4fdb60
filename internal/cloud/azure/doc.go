// Package azure reads what Azure measures of a cluster's way out, and what its
// outbound type grants: Azure Monitor's metrics of the load balancer or the
// NAT gateway, and the managed cluster resource.
//
// It only ever sends GET requests. Everything that comes back is bounded,
// checked and stripped before it is told, and nothing that is told or logged
// is made of a credential, of an address with a query, or of the text of an
// answer.
package azure
