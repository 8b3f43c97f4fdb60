// Package wire is the format that a probe speaks on its standard output and
// hears on its standard input: length-framed, checksummed, versioned CBOR.
//
// Each frame has a header of twelve bytes, all integers big-endian:
//
//	offset  size  field
//	0       2     magic, "ST"
//	2       1     version of the format, 1
//	3       1     kind of the payload
//	4       4     length of the payload in bytes, at most MaxPayload
//	8       4     CRC-32C (Castagnoli) of the payload
//
// The payload is one CBOR map (RFC 8949) with small integer keys. A decoder
// skips keys that it does not know, so fields can be added without a new
// version. What does not parse is an *Error that names the offset in the
// stream; a decoder never guesses its way back into a broken stream.
//
// The same frames, wrapped with a time and a node, are what a recording holds.
package wire
