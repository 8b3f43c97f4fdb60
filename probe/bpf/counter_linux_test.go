package bpf

import (
	"errors"
	"net"
	"os"
	"testing"
	"time"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/count"
)

// open loads the programs, or skips where that is not possible.
func open(t testing.TB, cfg Config) *Counter {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("loading programs takes root")
	}
	began := time.Now()
	c, err := Open(cfg)
	if errors.Is(err, ErrNoBTF) || errors.Is(err, unix.EPERM) {
		t.Skip(err)
	}
	if err != nil {
		var v *ebpf.VerifierError
		if errors.As(err, &v) {
			t.Fatalf("%+v", v)
		}
		t.Fatal(err)
	}
	t.Log("open took", time.Since(began))
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

func TestSmoke(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	old, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer old.Close()
	c := open(t, Config{})
	began := time.Now()
	if err := c.SeedHolders(); err != nil {
		t.Fatal(err)
	}
	t.Log("holders", time.Since(began))
	began = time.Now()
	n, err := c.SeedNamespace()
	if err != nil {
		t.Fatal(err)
	}
	t.Log("namespace", n, time.Since(began))
	if err := c.Seeded(); err != nil {
		t.Fatal(err)
	}
	for range 10 {
		conn, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		conn.Close()
	}
	r, err := c.Read()
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range r.Rows {
		t.Logf("%+v", row)
	}
	t.Log(r.Lost, r.Problems)
	_ = count.Row{}
}
