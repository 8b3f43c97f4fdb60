package apiserver

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strconv"
	"strings"
)

// maxLine bounds a line of metrics; a longer one is passed over.
const maxLine = 64 << 10

// label is one label of a sample.
type label struct{ name, value string }

// value returns the first of the names that is there: labels were renamed over
// time.
func value(labels []label, names ...string) string {
	for _, n := range names {
		for _, l := range labels {
			if l.name == n {
				return l.value
			}
		}
	}
	return ""
}

// scrape reads metrics in Prometheus' text format line by line, and tells the
// samples whose name is wanted. It keeps nothing: an API server tells tens of
// megabytes. Lines that do not parse are passed over.
//
// Source: Prometheus, "Exposition formats", text-based format 0.0.4.
func scrape(r io.Reader, wanted func(name []byte) bool, each func(name string, labels []label, v float64)) error {
	br := bufio.NewReaderSize(r, maxLine)
	for {
		line, err := br.ReadSlice('\n')
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			for errors.Is(err, bufio.ErrBufferFull) {
				_, err = br.ReadSlice('\n')
			}
			line = nil
		case err != nil && !errors.Is(err, io.EOF):
			return err
		}
		if len(line) > 0 && line[0] != '#' {
			end := bytes.IndexAny(line, "{ \t")
			if end > 0 && wanted(line[:end]) {
				if labels, v, ok := parseSample(string(bytes.TrimSpace(line[end:]))); ok {
					each(string(line[:end]), labels, v)
				}
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// parseSample reads what follows a sample's name: labels and a value, and a
// time, which is not looked at.
func parseSample(text string) ([]label, float64, bool) {
	var labels []label
	if rest, ok := strings.CutPrefix(text, "{"); ok {
		for {
			rest = strings.TrimLeft(rest, " \t,")
			if after, ok := strings.CutPrefix(rest, "}"); ok {
				text = after
				break
			}
			name, after, ok := strings.Cut(rest, "=")
			if !ok {
				return nil, 0, false
			}
			v, after, ok := quoted(strings.TrimLeft(after, " \t"))
			if !ok {
				return nil, 0, false
			}
			labels = append(labels, label{strings.TrimSpace(name), v})
			rest = after
		}
	}
	f := strings.Fields(text)
	if len(f) == 0 || len(f) > 2 {
		return nil, 0, false
	}
	v, err := strconv.ParseFloat(f[0], 64)
	return labels, v, err == nil && v == v && v <= 1e18 && v >= -1e18
}

// quoted reads a label's value, in which a backslash escapes itself, quotes and
// line breaks, and returns what follows it.
func quoted(s string) (v, rest string, ok bool) {
	if !strings.HasPrefix(s, `"`) {
		return "", "", false
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:], true
		case '\\':
			i++
			if i == len(s) {
				return "", "", false
			}
			if s[i] == 'n' {
				b.WriteByte('\n')
			} else {
				b.WriteByte(s[i])
			}
		default:
			b.WriteByte(s[i])
		}
	}
	return "", "", false
}
