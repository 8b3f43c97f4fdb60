package ground

import (
	"strings"
	"testing"

	"github.com/snattop/snattop/e2e/manifests"
)

func TestFill(t *testing.T) {
	got, err := fill("a ${X:-1} b ${Y} c ${X:-1}", Values{"Y": "2"})
	if err != nil || got != "a 1 b 2 c 1" {
		t.Errorf("fill = %q, %v", got, err)
	}
	got, err = fill("${X:-1}", Values{"X": "9"})
	if err != nil || got != "9" {
		t.Errorf("fill = %q, %v", got, err)
	}
	for text, values := range map[string]Values{"${Y}": nil, "${Y": {"Y": "1"}, "plain": {"Z": "1"}} {
		if out, err := fill(text, values); err == nil {
			t.Errorf("fill(%q, %v) = %q, no error", text, values, out)
		}
	}
}

func TestEveryManifestHasDefaults(t *testing.T) {
	entries, err := manifests.Files.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := Manifest(strings.TrimSuffix(e.Name(), ".yaml"), nil)
		if err != nil {
			t.Error(err)
		}
		if strings.Contains(text, "$") {
			t.Errorf("%s: a parameter was not filled in", e.Name())
		}
	}
}
