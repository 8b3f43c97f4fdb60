//go:build linux

// Command internet serves the public-looking addresses beyond the gateway.
// Several of it may run at once: they share the ports.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// The services, by port. A firewall drops what goes to port 81.
var services = map[int]func(*net.TCPConn){
	443:  echo,    // accepts, holds, and echoes
	5432: echo,    // the same, as a database would
	80:   greet,   // one line, then closes first
	8080: respond, // one line back for each line
	9:    reset,   // RST
}

func main() {
	if err := serve(); err != nil {
		fmt.Fprintln(os.Stderr, "internet:", err)
		os.Exit(1)
	}
}

func serve() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// Several processes may listen on one port: the kernel shares callers out.
	// Without keep-alives a connection that says nothing is silent.
	config := net.ListenConfig{KeepAlive: -1, Control: func(_, _ string, c syscall.RawConn) error {
		var failed error
		if err := c.Control(func(fd uintptr) {
			failed = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_REUSEPORT, 1)
		}); err != nil {
			return err
		}
		return failed
	}}
	for port, handle := range services {
		listener, err := config.Listen(ctx, "tcp", fmt.Sprintf(":%d", port))
		if err != nil {
			return fmt.Errorf("listening on port %d: %w", port, err)
		}
		go accept(listener, handle)
	}
	packets, err := config.ListenPacket(ctx, "udp4", ":53")
	if err != nil {
		return fmt.Errorf("listening on UDP port 53: %w", err)
	}
	go echoPackets(packets)
	<-ctx.Done()
	return nil
}

func accept(listener net.Listener, handle func(*net.TCPConn)) {
	for {
		conn, err := listener.Accept()
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			fmt.Fprintln(os.Stderr, "internet:", err)
			time.Sleep(50 * time.Millisecond)
			continue
		}
		if c, ok := conn.(*net.TCPConn); ok {
			go handle(c)
		}
	}
}

// echo holds a connection until the caller closes it.
func echo(c *net.TCPConn) {
	defer func() { _ = c.Close() }()
	buffer := make([]byte, 512)
	for {
		n, err := c.Read(buffer)
		if err != nil {
			return
		}
		if _, err := c.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// greet says one line and closes first, so that the TIME_WAIT is here.
func greet(c *net.TCPConn) {
	_, _ = io.WriteString(c, "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nok\n")
	_ = c.CloseWrite()
	_ = c.SetReadDeadline(time.Now().Add(5 * time.Second))
	_, _ = io.Copy(io.Discard, c)
	_ = c.Close()
}

// respond answers every line.
func respond(c *net.TCPConn) {
	defer func() { _ = c.Close() }()
	lines := bufio.NewScanner(c)
	for lines.Scan() {
		if _, err := fmt.Fprintf(c, "you said %q\n", lines.Text()); err != nil {
			return
		}
	}
}

// reset ends the connection with RST.
func reset(c *net.TCPConn) {
	_ = c.SetLinger(0)
	_ = c.Close()
}

// echoPackets sends packets back. The answer leaves from the address the
// packet came to, which a socket bound to all of them does not do by itself.
func echoPackets(packets net.PacketConn) {
	conn, ok := packets.(*net.UDPConn)
	if !ok {
		return
	}
	if raw, err := conn.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { _ = unix.SetsockoptInt(int(fd), unix.IPPROTO_IP, unix.IP_PKTINFO, 1) })
	}
	buffer, control := make([]byte, 2048), make([]byte, 128)
	for {
		n, oob, _, from, err := conn.ReadMsgUDPAddrPort(buffer, control)
		if err != nil {
			if errors.Is(err, net.ErrClosed) {
				return
			}
			continue
		}
		_, _, _ = conn.WriteMsgUDPAddrPort(buffer[:n], replyFrom(control[:oob]), from)
	}
}

// replyFrom turns the control message of a packet received into one that sends
// from the address it was received on.
func replyFrom(control []byte) []byte {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil {
		return nil
	}
	for _, m := range messages {
		if m.Header.Level == unix.IPPROTO_IP && m.Header.Type == unix.IP_PKTINFO && len(m.Data) >= unix.SizeofInet4Pktinfo {
			// struct in_pktinfo: interface, address it arrived on, destination.
			info := &unix.Inet4Pktinfo{}
			copy(info.Spec_dst[:], m.Data[8:12])
			return unix.PktInfo4(info)
		}
	}
	return nil
}
