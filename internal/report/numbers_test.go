package report_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/snattop/snattop/internal/report"
)

// Numbers are those of the whole report, in its order.
func TestNumbers(t *testing.T) {
	t.Parallel()
	whole := report.Build(picture(), report.Filter{}, generated, time.Minute)
	if len(whole.Findings) == 0 {
		t.Fatal("there is nothing to leave out")
	}
	whole.Findings = []report.Finding{}
	for i := range whole.Nodes {
		whole.Nodes[i].CrossCheck = report.CrossCheck{}
	}
	for i := range whole.Pods {
		whole.Pods[i].Cause = "unknown"
	}
	if got, want := encode(t, report.Numbers(picture(), generated, time.Minute)), encode(t, whole); !bytes.Equal(got, want) {
		t.Errorf("%s\nwant\n%s", got, want)
	}
}
