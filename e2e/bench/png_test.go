//go:build bench && linux

package bench

import (
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/snattop/snattop/e2e/bench/result"
	"github.com/snattop/snattop/internal/report/picture"
	"github.com/snattop/snattop/tui/app"
	"github.com/snattop/snattop/tui/theme"
	"github.com/snattop/snattop/tui/tuitest"
)

// pngGoal is how long the picture of a large screen may take.
const pngGoal = 300 * time.Millisecond

// BenchmarkPNG200x60 is the picture of a full screen of 200×60 that a ticket
// holds, from the picture of the cluster to the file; the slowest one counts.
func BenchmarkPNG200x60(b *testing.B) {
	const width, height = 200, 60
	pic := tuitest.Many(100)
	ink, ground := theme.Paper(true)
	var slowest, sum time.Duration
	for b.Loop() {
		began := time.Now()
		screen, err := app.Draw(pic, app.Options{}, app.Still{Width: width, Height: height})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := picture.Parse(screen, width, height, picture.Paper{Ink: ink, Ground: ground}).PNG(io.Discard); err != nil {
			b.Fatal(err)
		}
		took := time.Since(began)
		slowest, sum = max(slowest, took), sum+took
	}
	mean := sum / time.Duration(b.N)
	record(b, result.Line{
		Work:     "PNG of a screen of 200×60",
		Measured: fmt.Sprintf("%.0f ms (mean of %d: %.0f ms)", ms(slowest), b.N, ms(mean)),
		Goal:     fmt.Sprintf("≤ %.0f ms", ms(pngGoal)), Verdict: result.Judge(slowest <= pngGoal),
	})
}
