package ascii_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"unicode"

	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/tui/ascii"
)

func TestScreen(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"":               "",
		"plain ~612 60%": "plain ~612 60%",
		"▌node-1  ███▉ ≥ 987  –  ▁▄█": ">node-1  ###> > 987  -  _-#",
		"\x1b[31m▲ exhausted\x1b[m":   "\x1b[31m^ exhausted\x1b[m",
		"❶ Node ── ② Pod":             "> Node -- 2 Pod",
		"≥ 996 → ~100, x ← y, ← →":    "> 996-> ~100, x <-y, <->",
		"→a\x1b[m →b":                 ">a\x1b[m->b",
		// Names of others: as wide as they were.
		"支払い/checkout":               "??????/checkout",
		"cafe\u0301 é e\u0301":       "cafe ? e",
		"a\u200db":                   "ab",
		"👩‍👩‍👧 \U0001F1E9\U0001F1EA": "?? ??",
		"\x1b[1m日本\x1b[m":            "\x1b[1m????\x1b[m",
	} {
		got := ascii.Screen(in)
		if got != want {
			t.Errorf("%q becomes %q, want %q", in, got, want)
		}
		if w, was := ansi.StringWidth(got), ansi.StringWidth(in); w != was {
			t.Errorf("%q is %d wide, and was %d", got, w, was)
		}
	}
}

func FuzzScreen(f *testing.F) {
	for _, s := range []string{"▌node", "\x1b[31m▲\x1b[m", "支\u0301", "\xff\xfe", "\x1b]8;;é\x07x", "e\u0301\u0302"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := ascii.Screen(s)
		for _, r := range got {
			if r >= 0x80 {
				t.Fatalf("%q becomes %q, which holds %U", s, got, r)
			}
		}
	})
}

// What stands in the same place for different things differs in ASCII too.
func TestMarksDiffer(t *testing.T) {
	t.Parallel()
	for where, marks := range map[string][]string{
		"a verdict":                   {"▲", "!", "■", "?", "✓"},
		"a step's answer":             {"✗", "?", "✓", "–", "…"},
		"an answer of the proof":      {"✓", "▲", "=", "*", "·", "?"},
		"before a number":             {"~", "≥", "≤", "—", "1"},
		"before a node's name":        {"◌", "↓", "n"},
		"before a workload's name":    {"◷", "n"},
		"at the edge of a row":        {"▌", "▏", " "},
		"the order of a column":       {"▲", "▼", ""},
		"the live sign of the header": {"●", "◌", "○"},
		"a step of the stepper":       {"❶", "②", "③", "④", "⑤"},
		"a sparkline":                 {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"},
		"the end of a gauge":          {"▎", "▋", "█", " "},
		"the tape of a replay":        {"━", "─"},
	} {
		seen := map[string]string{}
		for _, m := range marks {
			got := ascii.Screen(m)
			if other, ok := seen[got]; ok {
				t.Errorf("%s: %q and %q are both %q", where, m, other, got)
			}
			seen[got] = m
		}
	}
}

// Every character that any of our own texts holds has one of ASCII: whoever
// draws with a new one gives it a twin.
func TestEveryCharacterHasATwin(t *testing.T) {
	t.Parallel()
	// Not shown by the pages: names in other scripts for tests, what the
	// pictures' fonts lack, and texts of the commands that print.
	beside := []string{"tui/tuitest/", "tui/ascii/", "internal/report/picture/"}
	root := filepath.Join("..", "..")
	files := 0
	for _, top := range []string{"tui", "internal", "k8s", "probe"} {
		err := filepath.WalkDir(filepath.Join(root, top), func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
				return err
			}
			rel, err := filepath.Rel(root, path)
			if err != nil {
				return err
			}
			for _, b := range beside {
				if strings.HasPrefix(filepath.ToSlash(rel), b) {
					return nil
				}
			}
			files++
			return texts(path, func(at token.Position, text string) {
				for _, r := range text {
					if !ascii.Has(r) && !unicode.IsControl(r) { // controls never come this far
						t.Errorf("%s: %q has no twin in ASCII", at, r)
					}
				}
			})
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files < 100 {
		t.Fatalf("only %d files were read", files)
	}
}

// texts tells every literal text and character of a file.
func texts(path string, tell func(at token.Position, text string)) error {
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
	if err != nil {
		return err
	}
	ast.Inspect(file, func(n ast.Node) bool {
		lit, ok := n.(*ast.BasicLit)
		if !ok || lit.Kind != token.STRING && lit.Kind != token.CHAR {
			return true
		}
		text, err := strconv.Unquote(lit.Value)
		if err == nil {
			tell(set.Position(lit.Pos()), text)
		}
		return true
	})
	return nil
}
