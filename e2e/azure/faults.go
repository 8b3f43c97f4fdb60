package azure

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Faults are what goes wrong, all at once.
type Faults struct {
	// Status is the status of every answer: 401, 403, 404, 429 or 500.
	Status int
	// RetryAfter goes with a 429.
	RetryAfter time.Duration
	// LowerCase spells names of dimensions and states in lower case.
	LowerCase bool
	// Gaps is the number of newest points that have no value, beyond those
	// that are due to the delay.
	Gaps int
	// Slow is how long every answer takes.
	Slow time.Duration
	// Skew is added to the Date of every answer.
	Skew time.Duration
	// Truncated ends every answer in the middle.
	Truncated bool
	// Only limits Status, Slow and Truncated to "metrics" or to "resources".
	Only string
}

// ParseFaults reads faults as they are written on a command line:
// 401, 403, 404, 429[=WAIT], 500, lowercase, gaps[=N], slow[=WAIT],
// skew[=TIME], truncated; and only=metrics or only=resources.
func ParseFaults(words []string) (Faults, error) {
	var f Faults
	for _, word := range words {
		name, value, _ := strings.Cut(word, "=")
		var err error
		switch name {
		case "401", "403", "404", "500":
			f.Status, err = strconv.Atoi(name)
		case "429":
			f.Status = 429
			f.RetryAfter, err = span(value, 30*time.Second)
		case "lowercase":
			f.LowerCase = true
		case "gaps":
			f.Gaps = 3
			if value != "" {
				f.Gaps, err = strconv.Atoi(value)
			}
		case "slow":
			f.Slow, err = span(value, 10*time.Second)
		case "skew":
			f.Skew, err = span(value, 10*time.Minute)
		case "truncated":
			f.Truncated = true
		case "only":
			f.Only = value
			if value != "metrics" && value != "resources" {
				err = fmt.Errorf("use metrics or resources")
			}
		default:
			err = fmt.Errorf("use 401, 403, 404, 429=30s, 500, lowercase, gaps=3, slow=10s, skew=10m, truncated or only=metrics")
		}
		if err != nil {
			return Faults{}, fmt.Errorf("fault %q: %w", word, err)
		}
	}
	return f, nil
}

func span(value string, otherwise time.Duration) (time.Duration, error) {
	if value == "" {
		return otherwise, nil
	}
	d, err := time.ParseDuration(value)
	if err != nil {
		return 0, fmt.Errorf("a length of time: %w", err)
	}
	return d, nil
}

// here reports whether the faults that can be limited hold for a request.
func (f Faults) here(metrics bool) bool {
	return f.Only == "" || (f.Only == "metrics") == metrics
}
