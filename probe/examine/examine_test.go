package examine

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/snattop/snattop/probe/facts"
)

var errGone = errors.New("nobody listens")

func says(text string) look {
	return func(_ context.Context, _ Place, _ facts.Ask, s *facts.Section) {
		s.Evidence = []facts.Evidence{{Command: text}}
	}
}

func TestPartsDoNotWaitForEachOther(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		known := map[facts.Part]look{
			"quick": says("quick"),
			"slow": func(ctx context.Context, _ Place, _ facts.Ask, s *facts.Section) {
				<-ctx.Done()
				s.Error = "took too long"
			},
		}
		start := time.Now()
		var got []string
		err := run(t.Context(), known, Place{Limit: time.Second}, facts.Ask{Parts: []facts.Part{"slow", "quick", "other"}}, func(s *facts.Section) error {
			got = append(got, string(s.Part)+" "+time.Since(start).String())
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(got)
		if want := []string{"other 0s", "quick 0s", "slow 1s"}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}

func TestNobodyListens(t *testing.T) {
	t.Parallel()
	known := map[facts.Part]look{"a": says("a"), "b": says("b"), "c": func(ctx context.Context, _ Place, _ facts.Ask, _ *facts.Section) { <-ctx.Done() }}
	told := 0
	err := run(t.Context(), known, Place{Limit: time.Hour}, facts.Ask{Parts: []facts.Part{"a", "b", "c"}}, func(*facts.Section) error {
		told++
		return errGone
	})
	if !errors.Is(err, errGone) || told != 1 {
		t.Errorf("told %d times, then %v", told, err)
	}
}
