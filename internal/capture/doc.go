// Package capture writes packets that a probe tells to a capture file here.
//
// The stream comes from a node and is not trusted: each packet is decoded,
// checked and written anew; nothing is passed through.
package capture
