package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/snattop/snattop/internal/sanitize"
	"github.com/snattop/snattop/tui/app"
	"github.com/snattop/snattop/tui/component/table"
	"github.com/snattop/snattop/tui/page"
)

// columnsFile is the file, beside that of the defaults, that keeps which columns
// the operator wants to see.
const columnsFile = "columns.json"

// columnsSchema is what such a file is; maxColumns bounds it, in bytes. All
// columns of all tables are some two kilobytes.
const (
	columnsSchema = "snattop.columns/v1"
	maxColumns    = 64 << 10
)

// columnsDoc is what is in it. Tables and columns that this version does not have
// are kept for those that do.
type columnsDoc struct {
	Schema string       `json:"schema"`
	Tables page.Choices `json:"tables"`
}

// columns keeps which columns the operator wants to see.
type columns struct {
	path string

	mu sync.Mutex
	// unread means that the file holds something that could not be read, which is
	// not to be written over.
	unread bool
	// aside is where such a file was put, and err why the last keeping failed.
	aside string
	err   error
}

// newColumns returns what keeps columns beside the file of the defaults; without
// one they are forgotten.
func newColumns(configFile string) *columns {
	c := &columns{}
	if configFile != "" {
		c.path = filepath.Join(filepath.Dir(configFile), columnsFile)
	}
	return c
}

// add gives them to the UI.
func (c *columns) add(ui *app.Options) {
	if c.path == "" {
		return
	}
	chosen, err := c.read()
	ui.Columns = app.Columns{Chosen: chosen, Keep: c.keep}
	if err != nil {
		ui.Columns.Problem = fmt.Sprintf("The columns are as they come: those chosen before cannot be read, %v. The file stays until others are chosen.", err)
	}
}

// read reads the file; one that is not there is no error.
func (c *columns) read() (page.Choices, error) {
	chosen, err := readColumns(c.path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	c.unread = err != nil
	return chosen, err
}

func readColumns(path string) (page.Choices, error) {
	info, err := os.Stat(path)
	switch {
	case err != nil:
		return nil, err
	case !info.Mode().IsRegular():
		return nil, fmt.Errorf("%s is no file", path) // and may never end
	}
	f, err := os.Open(path) //nolint:gosec // the user's own configuration folder
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxColumns+1))
	if err != nil {
		return nil, err
	}
	chosen, err := parseColumns(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return chosen, nil
}

// parseColumns reads what is in such a file, which anybody may have written.
func parseColumns(text []byte) (page.Choices, error) {
	if len(text) > maxColumns {
		return nil, fmt.Errorf("it is longer than %d kB", maxColumns>>10)
	}
	var is struct {
		Schema string `json:"schema"`
	}
	if err := json.Unmarshal(text, &is); err != nil {
		return nil, fmt.Errorf("it is damaged: %w", err)
	}
	switch {
	case strings.HasPrefix(is.Schema, "snattop.columns/") && is.Schema != columnsSchema:
		return nil, fmt.Errorf("it is of another version of snattop (%s, this one reads %s)", cut(is.Schema), columnsSchema)
	case is.Schema != columnsSchema:
		return nil, fmt.Errorf("it is none of snattop's (%q, not %s)", cut(is.Schema), columnsSchema)
	}
	var doc columnsDoc
	if err := json.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("it is damaged: %w", err)
	}
	for name, of := range doc.Tables {
		for column, choice := range of {
			if !choice.Known() {
				return nil, fmt.Errorf("%s of %s is %q: use %s, %s or %s", cut(column), cut(name), cut(string(choice)), table.Auto, table.Always, table.Hidden)
			}
		}
	}
	return doc.Tables, nil
}

// cut makes a stranger's word fit a sentence.
func cut(s string) string {
	const most = 40
	if r := []rune(sanitize.Text(s)); len(r) > most {
		return string(r[:most]) + "…"
	}
	return sanitize.Text(s)
}

// keep writes the file, whole or not at all. One that could not be read is put
// aside first, and it is told where.
func (c *columns) keep(chosen page.Choices) (told string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	defer func() { c.err = err }()
	text, err := json.MarshalIndent(columnsDoc{Schema: columnsSchema, Tables: chosen}, "", "  ")
	if err != nil {
		return "", err // not reached: all of it is strings
	}
	if err := os.MkdirAll(filepath.Dir(c.path), 0o700); err != nil {
		return "", err
	}
	if c.unread {
		to, err := putAside(c.path)
		if err != nil {
			return "", err
		}
		c.unread, c.aside = false, to
		told = "The file of columns that could not be read is now " + to + "."
	}
	return told, writeWhole(c.path, append(text, '\n'))
}

// putAside gives a file another name, under which nothing is.
func putAside(path string) (to string, err error) {
	const most = 99
	for n := 1; n <= most; n++ {
		to = fmt.Sprintf("%s.unread-%d", path, n)
		if _, err := os.Lstat(to); errors.Is(err, fs.ErrNotExist) {
			return to, os.Rename(path, to)
		}
	}
	return "", fmt.Errorf("%s cannot be read, and there are %d of its kind beside it already", path, most)
}

// writeWhole replaces a file by another in one step. What a link leads to is
// replaced, not the link.
func writeWhole(path string, text []byte) (err error) {
	if leads, err := filepath.EvalSymlinks(path); err == nil {
		path = leads
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	_, werr := f.Write(text)
	if err := errors.Join(werr, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}

// tell says, once the UI has ended, what it may have been too late to show.
func (c *columns) tell(w io.Writer) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.aside != "" {
		fmt.Fprintf(w, "snattop: the file of columns that could not be read is now %s\n", c.aside)
	}
	if c.err != nil {
		fmt.Fprintf(w, "snattop: the columns that were chosen cannot be kept: %v\n", c.err)
	}
}
