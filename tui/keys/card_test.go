package keys_test

import (
	"flag"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"charm.land/bubbles/v2/key"

	"github.com/snattop/snattop/tui/keys"
)

var update = flag.Bool("update", false, "write the card of docs/keys.md anew")

// The card in docs/keys.md is the key map's: every binding, and no other.
func TestCard(t *testing.T) {
	t.Parallel()
	const file, begin, end = "../../docs/keys.md", "<!-- card: go test ./tui/keys -update -->\n", "<!-- end of the card -->\n"
	page, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(page), begin)
	old, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		t.Fatalf("%s has no place for the card", file)
	}
	want := card()
	if *update {
		if err := os.WriteFile(file, []byte(before+begin+want+end+after), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if old != want {
		t.Errorf("%s differs from the key map (go test ./tui/keys -update writes it anew); it should be\n%s", file, want)
	}
}

// card is every key of the map, area by area, as a table.
func card() string {
	var b strings.Builder
	b.WriteString("| where | key | does | also |\n|---|---|---|---|\n")
	areas := reflect.ValueOf(*keys.Default())
	for a := range areas.NumField() {
		where := strings.ToLower(areas.Type().Field(a).Name)
		for i := range areas.Field(a).NumField() {
			bound := areas.Field(a).Field(i).Interface().(key.Binding)
			shown := bound.Help()
			var also []string
			for _, k := range bound.Keys() {
				if k == "none" || strings.HasPrefix(k, "shift+") && len(k) == len("shift+x") {
					continue // a name for a line of keys; a capital letter, spelled otherwise
				}
				if !strings.EqualFold(k, shown.Key) {
					also = append(also, "`"+k+"`")
				}
			}
			if len(bound.Keys()) == 1 && bound.Keys()[0] == "none" {
				continue
			}
			fmt.Fprintf(&b, "| %s | `%s` | %s | %s |\n", where, shown.Key, shown.Desc, strings.Join(also, " "))
		}
	}
	return b.String()
}
