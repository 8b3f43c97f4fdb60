package app

import (
	"fmt"
	"strings"
	"testing"

	"github.com/charmbracelet/x/ansi"

	"github.com/snattop/snattop/internal/session"
	"github.com/snattop/snattop/tui/tuitest"
)

func TestDraw(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		still Still
		wants []string
	}{
		"nodes":           {Still{}, []string{"❶ Node", tuitest.SickNode + " is out of ports"}},
		"a node":          {Still{Node: tuitest.SickIP}, []string{"❷ Pod", "› " + tuitest.SickNode}},
		"a pod":           {Still{Pod: "shop/" + tuitest.SickPod}, []string{"❸ Connections", "20.60.1.9:443", "4711"}},
		"the worst pods":  {Still{Page: "pods"}, []string{"❷ Pod", "› " + tuitest.SickNode}},
		"connections":     {Still{Page: "connections", Node: "aks-np1-vmss000007"}, []string{"❸ Connections", "40.1.1.1:587"}},
		"a pod's cause":   {Still{Page: "cause", Pod: "shop/" + tuitest.SickPod}, []string{"❹ Cause", tuitest.SickPod}},
		"the worst cause": {Still{Page: "cause"}, []string{"❹ Cause", "leak"}},
		"proof":           {Still{Page: "proof", Baseline: tuitest.Measured()}, []string{"❺ Proof", "12:04:31Z"}},
		"no baseline":     {Still{Page: "proof"}, []string{"❺ Proof"}},
	} {
		for _, size := range [][2]int{{80, 24}, {120, 40}, {200, 60}} {
			c.still.Width, c.still.Height = size[0], size[1]
			screen, err := Draw(tuitest.Sick(), Options{}, c.still)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			text := ansi.Strip(screen)
			for _, w := range c.wants {
				if !strings.Contains(text, w) {
					t.Errorf("%s at %v lacks %q:\n%s", name, size, w, text)
				}
			}
			lines := strings.Split(screen, "\n")
			if len(lines) != size[1] {
				t.Errorf("%s at %v has %d lines", name, size, len(lines))
			}
			for _, l := range lines {
				if ansi.StringWidth(l) > size[0] {
					t.Errorf("%s at %v: %q is too wide", name, size, l)
				}
			}
		}
	}
}

func TestDrawThemes(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, light := range []bool{false, true} {
		for _, noColor := range []bool{false, true} {
			screen, err := Draw(tuitest.Sick(), Options{NoColor: noColor}, Still{Width: 80, Height: 24, Light: light})
			if err != nil {
				t.Fatal(err)
			}
			seen[screen] = true
			if strings.Contains(screen, "38;2;") == noColor {
				t.Errorf("light %t, no colour %t: %q", light, noColor, screen)
			}
		}
	}
	if len(seen) != 3 { // without colours the background does not matter
		t.Errorf("%d screens, want 3", len(seen))
	}
}

func TestDrawWhatIsNotThere(t *testing.T) {
	t.Parallel()
	for want, still := range map[string]Still{
		`no page "elephant"`: {Page: "elephant"},
		"no node n9":         {Node: "n9"},
		"the pod shop/gone":  {Pod: "shop/gone"},
		"the pod shop/x":     {Node: "aks-np1-vmss000007", Pod: "shop/x"},
	} {
		still.Width, still.Height = 80, 24
		if _, err := Draw(tuitest.Sick(), Options{}, still); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	for _, page := range StillPages() {
		if _, err := Draw(&session.Snapshot{}, Options{}, Still{Width: 80, Height: 24, Page: page}); err != nil {
			t.Error(fmt.Errorf("%s of nothing: %w", page, err))
		}
	}
}
