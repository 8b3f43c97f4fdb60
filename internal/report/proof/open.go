package proof

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/snattop/snattop/internal/report"
	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/internal/session/recording"
	"github.com/snattop/snattop/internal/snat"
)

// maxReport bounds a report that is read, in bytes. A row takes about 1.1 kB,
// so a thousand nodes with fifty pods of three destinations each stay below.
const maxReport = 256 << 20

// zstdMagic begins a Zstandard frame (RFC 8878, section 3.1.1), and so a
// recording.
const zstdMagic = "\x28\xb5\x2f\xfd"

// Input is one file that is compared.
type Input struct {
	File   string
	Report *report.Report
	// Problem is what is wrong with a file that can be read all the same: a
	// recording that ends early. "" when nothing is.
	Problem string
}

// Open reads a report, or plays a recording to its end under opts and makes the
// report of its last picture. Files are a stranger's: an error names the file,
// what is wrong with it and what to do.
func Open(ctx context.Context, path string, opts session.Options) (*Input, error) {
	f, err := os.Open(path) //nolint:gosec // the operator named the file
	if err != nil {
		return nil, fmt.Errorf("opening what to compare: %w", err)
	}
	defer func() { _ = f.Close() }()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s: is a folder; name a report or a recording", path)
	}
	r := bufio.NewReader(f)
	head, err := r.Peek(len(zstdMagic))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("reading %s: %w", path, err)
	}
	if string(head) == zstdMagic {
		return play(ctx, path, opts)
	}
	rep, err := Read(r)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return &Input{File: path, Report: rep}, nil
}

// CompareInputs compares two files, and says what is wrong with them as well.
// Timers that are set replace those of the providers.
func CompareInputs(before, after *Input, timers snat.Timers) *Comparison {
	c := CompareWith(before.Report, after.Report, timers)
	c.Before.File, c.After.File = text(before.File), text(after.File)
	for _, in := range []*Input{after, before} {
		if in.Problem != "" {
			c.Cautions = append([]Caution{{Text: in.Problem}}, c.Cautions...)
		}
	}
	return c
}

// howToMake is what to do about a file that is neither.
const howToMake = "make one with 'snattop report -o json > FILE' or 'snattop record -o FILE'"

// Read reads one report of at most maxReport bytes, and checks what a
// comparison relies on. Keys that are not known are skipped: a newer version
// may add some.
func Read(r io.Reader) (*report.Report, error) {
	limited := &io.LimitedReader{R: r, N: maxReport + 1}
	d := json.NewDecoder(limited)
	var rep report.Report
	if err := d.Decode(&rep); err != nil {
		return nil, broken(err, limited.N <= 0, d.InputOffset())
	}
	switch {
	case rep.Schema == Schema:
		return nil, errors.New("a comparison already; name the two reports that it was made of")
	case rep.Schema != report.Schema:
		return nil, fmt.Errorf("schema %.60q, not %s; %s", rep.Schema, report.Schema, howToMake)
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		if limited.N <= 0 {
			return nil, tooLarge()
		}
		return nil, errors.New("something follows the report; it takes one document in one file")
	}
	if err := check(&rep); err != nil {
		return nil, err
	}
	return &rep, nil
}

func tooLarge() error {
	return fmt.Errorf("larger than %d MiB; report on less with --node or --namespace", maxReport>>20)
}

// broken says what is wrong with a file that is no JSON of a report.
func broken(err error, large bool, at int64) error {
	var wrongType *json.UnmarshalTypeError
	switch {
	case large:
		return tooLarge()
	case errors.Is(err, io.EOF):
		return fmt.Errorf("empty; %s", howToMake)
	case errors.Is(err, io.ErrUnexpectedEOF):
		return errors.New("ends early: it was cut off, or is still being written; take the report again")
	case errors.As(err, &wrongType):
		return fmt.Errorf("no report: a %s stands where %.60q should be, at byte %d; %s", wrongType.Value, wrongType.Field, wrongType.Offset, howToMake)
	default:
		return fmt.Errorf("neither a report nor a recording (byte %d: %w); %s", at, err, howToMake)
	}
}

// play runs a recording through a session of its own, as fast as it goes.
func play(ctx context.Context, path string, opts session.Options) (*Input, error) {
	src, err := recording.Open(path, 0)
	if err != nil {
		return nil, err
	}
	s := session.New(opts)
	if err := s.Run(ctx, src); err != nil {
		return nil, fmt.Errorf("playing %s: %w", path, err)
	}
	pic := s.Snapshot()
	if len(pic.Nodes) == 0 {
		problem := pic.Problem
		if problem == "" {
			problem = "it holds no node"
		}
		return nil, fmt.Errorf("%s: nothing to compare: %s; record again", path, text(problem))
	}
	return &Input{File: path, Report: report.Build(pic, report.Filter{}, pic.Time, pic.Time.Sub(pic.Started)), Problem: text(pic.Problem)}, nil
}
