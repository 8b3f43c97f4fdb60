package result

import (
	"path/filepath"
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	path := filepath.Join(t.TempDir(), "results")
	for _, l := range []Line{
		{Work: "slow", Measured: "9 s", Goal: "≤ 3 s", Verdict: Judge(false)},
		{Work: "peer", Measured: "1 s"},
		{Work: "slow", Measured: "2 s", Goal: "≤ 3 s", Verdict: Judge(true)},
	} {
		if err := Append(path, l); err != nil {
			t.Fatal(err)
		}
	}
	lines, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	if err := Print(&out, lines); err != nil {
		t.Fatal(err)
	}
	want := "work  measured  goal   met?\n" +
		"----  --------  ----   ----\n" +
		"slow  2 s       ≤ 3 s  met\n" +
		"peer  1 s              \n"
	if out.String() != want {
		t.Errorf("got\n%s\nwant\n%s", out.String(), want)
	}
}
