package tcptracer

import (
	"bytes"
	"strings"
	"sync"

	"github.com/snattop/snattop/internal/sanitize"
)

// maxComplaint bounds what is kept of a tool's standard error.
const maxComplaint = 200

// complaints listens to a tool's standard error: the last line is why it ended,
// if it ends. Compiler warnings may come before it in any number.
type complaints struct {
	mu   sync.Mutex
	last string
}

// line takes one line, and returns how many events it says were lost. libbcc
// prints "Possibly lost 12 samples" (src/cc/perf_reader.c), and "Lost 12
// samples" before April 2017.
func (c *complaints) line(line []byte) (lost uint64) {
	line = bytes.TrimSpace(line)
	if lost, ok := lostSamples(line); ok {
		return lost
	}
	text := sanitize.Text(string(line))
	if len(text) > maxComplaint {
		text = strings.ToValidUTF8(text[:maxComplaint], "")
	}
	if text != "" {
		c.mu.Lock()
		c.last = text
		c.mu.Unlock()
	}
	return 0
}

func (c *complaints) text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.last
}

func lostSamples(line []byte) (uint64, bool) {
	line = bytes.TrimPrefix(line, []byte("Possibly "))
	if len(line) < 5 || !bytes.EqualFold(line[:5], []byte("lost ")) {
		return 0, false
	}
	line = line[5:]
	n := digits(line)
	if !bytes.HasPrefix(line[n:], []byte(" sample")) {
		return 0, false
	}
	return number(line[:n], 1<<62)
}
