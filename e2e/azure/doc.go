// Package azure answers like Azure Resource Manager and Azure Monitor, for one
// cluster whose figures are the ground's truth. A client that is given its
// address for --azure-endpoint cannot tell the difference, apart from numbers
// that are right.
//
// It speaks the protocol, faults included, and not more: what snattop does not
// ask for is answered with 404.
package azure
