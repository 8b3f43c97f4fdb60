// Package poll is the pace at which a cloud is asked, and what every reader of
// a cloud does alike: wait for nodes, ask once a minute, slow down where a
// right is lacking, keep the last figures for a while when an answer fails, and
// turn an error into words that hold nothing of a server's own text, because
// what a server says may repeat a credential.
package poll
