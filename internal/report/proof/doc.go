// Package proof holds two reports beside each other and says of each node,
// workload, pod and destination whether it is less, the same or more, and when
// that cannot be told. docs/proof.md says how, for those who have to believe
// it.
//
// A difference counts when it is beyond what the numbers do by themselves. Two
// pictures of a load that has not changed differ all the same, so each side
// brings its noise along: how far the number swung while it was watched, and
// how far chance moves a number of connections that come and go on their own.
package proof
