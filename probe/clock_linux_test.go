package probe

import (
	"testing"
	"time"
)

// A clock that is set does not keep an old survey for as long as it was set back.
func TestSurveyWithAClockThatJumps(t *testing.T) {
	t.Parallel()
	s := climber(t, CollectorAuto)
	s.counts = &fakeCounter{}
	now := time.Unix(1_790_000_000, 0)
	for _, jump := range []time.Duration{0, -24 * time.Hour, surveyEvery, 24 * time.Hour, -time.Second} {
		now = now.Add(jump)
		tick, err := s.sample(t.Context(), now, time.Second)
		if err != nil || tick.UnixNanos != now.UnixNano() || !s.survey.at.Equal(now) {
			t.Errorf("after a jump of %s the survey is of %s: %v", jump, s.survey.at, err)
		}
	}
}
