package k8s

import (
	"context"
	"flag"
	"fmt"
	"io"
	"sync"

	"k8s.io/apimachinery/pkg/util/runtime"
	"k8s.io/klog/v2"
)

// QuietLogs sends what client-go logs, and the errors that it handles on its
// own, to w instead of standard error, where a page is drawn; nil discards
// them. These settings belong to the process, not to a Client: call it once,
// before any client is used.
func QuietLogs(w io.Writer) {
	if w == nil {
		w = io.Discard
	}
	w = &lockedWriter{w: w}
	fs := flag.NewFlagSet("klog", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	klog.InitFlags(fs)
	for _, kv := range [][2]string{
		{"logtostderr", "false"}, {"alsologtostderr", "false"},
		{"stderrthreshold", "FATAL"}, {"one_output", "true"}, {"v", "0"},
	} {
		// The names are klog's own; a failure would leave noise, not harm.
		_ = fs.Set(kv[0], kv[1])
	}
	klog.SetOutput(w)
	runtime.ErrorHandlers = []runtime.ErrorHandler{
		func(_ context.Context, err error, msg string, _ ...any) {
			switch {
			case err == nil:
				_, _ = fmt.Fprintln(w, msg)
			case msg == "":
				_, _ = fmt.Fprintln(w, err)
			default:
				_, _ = fmt.Fprintf(w, "%s: %v\n", msg, err)
			}
		},
	}
}

// lockedWriter lets klog and the error handler share a writer.
type lockedWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (l *lockedWriter) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.w.Write(p)
}
