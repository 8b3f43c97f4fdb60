// Package snat is snattop's vocabulary and its model of source ports.
//
// A load balancer or NAT gateway hands each node a number of source ports. A
// port may carry many flows as long as their destinations differ, so the unit
// that runs out is the destination: protocol, destination address and
// destination port. Everything here is a pure function of its arguments:
// there is no I/O, and no clock that was not handed in.
package snat
