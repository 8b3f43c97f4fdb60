// Package runbook answers the questions of the runbook from a picture: why
// does a node run out of ports (or only seem to), what proves it, and what is
// to be done. Everything is worked out from one picture; nothing is run, asked
// or changed, and no terminal is in sight.
//
// An answer has three values. Found, ruled out and could not see are different
// things: what the collector of a node cannot see is never ruled out.
package runbook
