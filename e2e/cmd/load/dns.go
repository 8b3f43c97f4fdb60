//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"strings"
	"sync/atomic"
	"time"
)

// How a resolver asks, from resolv.conf(5): options timeout and attempts.
const (
	lookupTimeout  = 5 * time.Second
	lookupAttempts = 2
)

// dns looks a name up for every connection, and connects only with an answer.
func dns(ctx context.Context, s *settings) error {
	var number atomic.Uint32
	s.paced(ctx, func() {
		if err := lookup(ctx, s.resolver, uint16(number.Add(1))); err != nil {
			s.count.failed.Add(1)
			return
		}
		s.once(ctx)
	})
	return nil
}

// lookup asks from a socket of its own each time, as libraries do. Whoever
// sends the number of the query back has answered: what the answer says does
// not matter here.
func lookup(ctx context.Context, resolver string, number uint16) error {
	dialer := net.Dialer{}
	conn, err := dialer.DialContext(ctx, "udp4", resolver)
	if err != nil {
		return fmt.Errorf("opening a socket: %w", err)
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Now()) })
	defer stop()
	buffer := make([]byte, 512)
	for range lookupAttempts {
		if _, err := conn.Write(query(number, "api.example.com")); err != nil {
			return fmt.Errorf("asking %s: %w", resolver, err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(lookupTimeout))
		n, err := conn.Read(buffer)
		if err == nil && n >= 2 && binary.BigEndian.Uint16(buffer) == number {
			return nil
		}
		if ctx.Err() != nil {
			break
		}
	}
	return fmt.Errorf("%s did not answer", resolver)
}

// query is a question for the IPv4 address of a name (RFC 1035, section 4).
func query(number uint16, name string) []byte {
	const recursion, questions, typeA, classIN = 0x0100, 1, 1, 1
	message := binary.BigEndian.AppendUint16(nil, number)
	for _, field := range []uint16{recursion, questions, 0, 0, 0} {
		message = binary.BigEndian.AppendUint16(message, field)
	}
	for label := range strings.SplitSeq(name, ".") {
		message = append(append(message, byte(len(label))), label...)
	}
	message = append(message, 0)
	message = binary.BigEndian.AppendUint16(message, typeA)
	return binary.BigEndian.AppendUint16(message, classIN)
}
