//go:build e2e && linux

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/snattop/snattop/e2e/ground"
	"github.com/snattop/snattop/internal/report/proof"
)

// saved measures and keeps the report.
func saved(t *testing.T, name string) string {
	t.Helper()
	res := snattop(t, "report", "-o", "json", "--duration", "30s", "--snat-ports", "256", "--hold", "15s", "--node", sickNode)
	file := filepath.Join(t.TempDir(), name+".json")
	if err := os.WriteFile(file, []byte(res.stdout), 0o600); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(res.stdout, `"levels"`) {
		t.Fatalf("exit code %d: %s", res.code, res.stderr)
	}
	return file
}

func compared(t *testing.T, a, b string) (*proof.Comparison, int) {
	t.Helper()
	res := snattop(t, "compare", a, b, "-o", "json", "--hold", "15s")
	var c proof.Comparison
	if err := json.Unmarshal([]byte(res.stdout), &c); err != nil {
		t.Fatalf("%v: %d %s %s", err, res.code, res.stderr, res.stdout)
	}
	return &c, res.code
}

// The fix helps, and two looks at the same say so too.
func TestProof(t *testing.T) {
	fresh(t)
	was := world.ground.Holds()
	short := was
	short.FIN = 15 * time.Second
	if err := world.ground.SetHolds(t.Context(), short); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { tidy(t, world.ground, was) })
	load(t, "hot", ground.Values{"NODE": sickNode, "MAX": "150"})
	waitPeak(t, sickNode, 150)
	before := saved(t, "before")
	again := saved(t, "again")
	if c, code := compared(t, before, again); code != 0 || string(c.Answer) != "same" {
		t.Errorf("nothing has changed: exit code %d, %s: %s", code, c.Answer, c.Sentence)
	}

	// A fix rolls out a new pod.
	kubectl(t, "patch", "-n", "shop", "deploy/hot", "--type=json", "-p",
		`[{"op":"replace","path":"/spec/template/spec/containers/0/args","value":["pooled","--dst","20.60.1.5:8080","--conns","6"]}]`)
	eventually(t, 2*time.Minute, "the fixed pod alone runs, and the old ports are free", func() error {
		if n := truth(t, sickNode); n.Peak != 6 {
			return fmt.Errorf("%d ports are held", n.Peak)
		}
		return nil
	})
	after := saved(t, "after")
	c, code := compared(t, before, after)
	if code != 0 || string(c.Answer) != "less" {
		t.Errorf("after the fix: exit code %d, %s: %s", code, c.Answer, c.Sentence)
	}
	if c, code = compared(t, after, before); code != 3 || string(c.Answer) != "more" {
		t.Errorf("the other way round: exit code %d, %s: %s", code, c.Answer, c.Sentence)
	}
}

// A report that waits for the burst measures the burst.
func TestUntilBusy(t *testing.T) {
	fresh(t)
	load(t, "cronburst", ground.Values{"NODE": "node3", "HOLD": "25s"}) // every full minute
	r, res := reportOf(t, "--until-busy=3m", "--duration", "5s", "-n", "batch", "--snat-ports", "1024", "--node", "node3")
	p := podOf(t, r, "burst-")
	if p.EstablishedPublic != 150 || p.Owner.Kind != "CronJob" || p.Owner.Name != "burst" {
		t.Errorf("%+v", p)
	}
	if !strings.Contains(res.stderr, "burst") {
		t.Errorf("it does not say what it waits for: %q", res.stderr)
	}
}
