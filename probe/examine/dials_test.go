package examine

import (
	"net"
	"testing"

	"github.com/snattop/snattop/probe/facts"
)

func TestDials(t *testing.T) {
	t.Parallel()
	open, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = open.Close() }()
	shut, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = shut.Close()
	echo, err := (&net.ListenConfig{}).ListenPacket(t.Context(), "udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = echo.Close() }()
	go func() {
		_, from, err := echo.ReadFrom(make([]byte, 1))
		if err == nil {
			_, _ = echo.WriteTo([]byte("x"), from)
		}
	}()
	ask := facts.Ask{Dials: []facts.Dial{
		{Network: "tcp", Address: open.Addr().String()}, {Network: "tcp", Address: shut.Addr().String()},
		{Network: "udp", Address: echo.LocalAddr().String()}, {Network: "unix", Address: "/dev/log"}, {Network: "tcp", Address: "nonsense"},
	}}
	var s facts.Section
	lookDials(t.Context(), Place{}, ask, &s)
	for i, want := range []facts.DialEnd{facts.DialOpen, facts.DialRefused, facts.DialOpen, facts.DialUnreachable, facts.DialUnreachable} {
		if got := s.Dials[i]; got.End != want || (got.End == facts.DialOpen) != (got.Error == "") {
			t.Errorf("%s: %+v, want %s", got.Dial.Address, got, want)
		}
	}
}
