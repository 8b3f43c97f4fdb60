// Package ground brings up a real Kubernetes cluster on one Linux machine,
// made of network namespaces, whose nodes run out of SNAT ports for real.
//
// A control plane, a few nodes with containerd and runc, and an egress gateway
// that gives every node one fixed block of source ports live in namespaces of
// their own; beyond the gateway lies an "internet" of public-looking addresses.
// The gateway's conntrack table is the ground truth that snattop's estimates
// are measured against.
//
// Nothing is added to the machine's own network namespace but one listener on
// the loopback address, through which the API server is reached.
//
//	g, err := ground.Up(ctx, ground.Options{Nodes: 3, Ports: 1024})
//	defer g.Down(ctx)
//	g.Apply(ctx, manifest)
//	truth, err := g.Truth(ctx)
package ground
