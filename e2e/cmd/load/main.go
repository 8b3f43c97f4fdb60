//go:build linux

// Command load makes connections the way applications do, well and badly. It
// runs in the pods of the proving ground, is bounded in everything it does,
// and ends on SIGTERM.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"sort"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// modes are the ways of making connections, by name.
var modes = map[string]struct {
	about string
	run   func(context.Context, *settings) error
}{
	"leak":   {"opens connections and never closes them", leak},
	"hot":    {"opens --max connections to one destination and holds them", leak},
	"churn":  {"opens a connection, uses it once and closes it", churn},
	"pooled": {"keeps --conns connections and uses them over and over", pooled},
	"udp":    {"sends packets from --conns sockets", udp},
	"dns":    {"looks a name up before each connection, as churn makes them", dns},
	"burst":  {"opens --max connections at once, closes them after --hold and ends", burst},
	"server": {"accepts and echoes on --listen", server},
	"client": {"the same as pooled, towards a server of this program", pooled},
	"sleep":  {"does nothing", func(ctx context.Context, _ *settings) error { <-ctx.Done(); return nil }},
}

// settings are the flags.
type settings struct {
	listen    string
	resolver  string
	rate      float64
	limit     int
	conns     int
	procs     int
	rst       bool
	hold      time.Duration
	timeout   time.Duration
	interval  time.Duration
	heartbeat time.Duration
	report    time.Duration
	count     *counters
	next      func() string
}

func main() { os.Exit(start()) }

func start() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	args := os.Args[1:]
	if len(args) == 0 {
		// What a program is told in its environment shows in no list of processes.
		args = strings.Fields(os.Getenv("LOAD"))
	}
	if err := run(ctx, args); err != nil {
		fmt.Fprintln(os.Stderr, "load:", err)
		return 1
	}
	return 0
}

func run(ctx context.Context, args []string) error {
	if len(args) == 0 || modes[args[0]].run == nil {
		usage()
		return errors.New("name one of the modes")
	}
	mode := args[0]
	s := &settings{count: &counters{}}
	var dst string
	flags := flag.NewFlagSet(mode, flag.ContinueOnError)
	flags.StringVar(&dst, "dst", "", "destinations, ADDRESS:PORT with commas between; they take turns")
	flags.StringVar(&s.listen, "listen", ":8080", "address of the server")
	flags.StringVar(&s.resolver, "resolver", "", "ADDRESS:PORT of the name server that mode dns asks")
	flags.Float64Var(&s.rate, "rate", 20, "new connections or requests per second")
	flags.IntVar(&s.limit, "max", 2000, "largest number of connections held or attempted at a time")
	flags.IntVar(&s.conns, "conns", 8, "connections of a pool, or sockets")
	flags.IntVar(&s.procs, "procs", 1, "number of processes, each doing the whole")
	flags.BoolVar(&s.rst, "rst", false, "end connections with RST instead of FIN")
	flags.DurationVar(&s.hold, "hold", 10*time.Second, "how long a burst lasts")
	flags.DurationVar(&s.timeout, "timeout", 10*time.Second, "how long a connect may take before it is tried anew")
	flags.DurationVar(&s.interval, "interval", 500*time.Millisecond, "time between two uses of a pooled connection")
	flags.DurationVar(&s.heartbeat, "heartbeat", 0, "send a byte on held connections this often; never when 0")
	flags.DurationVar(&s.report, "report", 10*time.Second, "time between two lines of log")
	if err := flags.Parse(args[1:]); err != nil {
		return err
	}
	if s.rate <= 0 || s.limit < 1 || s.conns < 1 || s.procs < 1 || s.procs > 64 || s.interval <= 0 || s.report <= 0 {
		return errors.New("numbers must be positive, and there may be at most 64 processes")
	}
	if dst == "" && mode != "server" && mode != "sleep" {
		return errors.New("--dst is needed")
	}
	if s.resolver == "" && mode == "dns" {
		return errors.New("--resolver is needed")
	}
	s.next = turns(strings.Split(dst, ","))
	if s.procs > 1 {
		return several(ctx, s.procs, args)
	}
	raiseFileLimit()
	go s.tell(ctx, mode)
	return modes[mode].run(ctx, s)
}

func usage() {
	names := make([]string, 0, len(modes))
	for name := range modes {
		names = append(names, name)
	}
	sort.Strings(names)
	fmt.Fprintln(os.Stderr, "usage: load MODE [flags]")
	for _, name := range names {
		fmt.Fprintf(os.Stderr, "  %-7s %s\n", name, modes[name].about)
	}
}

// turns returns the destinations one after the other, over and over.
func turns(list []string) func() string {
	var mu sync.Mutex
	i := 0
	return func() string {
		mu.Lock()
		defer mu.Unlock()
		i++
		return list[(i-1)%len(list)]
	}
}

// several runs this program a number of times and waits for all of them.
func several(ctx context.Context, procs int, args []string) error {
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("finding this program: %w", err)
	}
	args = append(append([]string(nil), args...), "--procs", "1") // the last one counts
	failures := make([]error, procs)
	var all sync.WaitGroup
	for i := range procs {
		child := exec.CommandContext(ctx, self, args...)
		child.Cancel = func() error { return child.Process.Signal(syscall.SIGTERM) }
		child.WaitDelay = 5 * time.Second
		child.Stdout, child.Stderr = os.Stdout, os.Stderr
		all.Go(func() {
			if err := child.Run(); err != nil && ctx.Err() == nil {
				failures[i] = fmt.Errorf("process %s: %w", strconv.Itoa(i+1), err)
			}
		})
	}
	all.Wait()
	return errors.Join(failures...)
}
