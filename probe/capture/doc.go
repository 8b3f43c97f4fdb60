// Package capture takes packets of one network interface, filtered in the
// kernel, and tells them in frames of package wire.
//
// Filter, Spec and the frames are the same everywhere; the socket is Linux's.
// What a frame holds comes from a node and is not trusted: see Decoder.
package capture
