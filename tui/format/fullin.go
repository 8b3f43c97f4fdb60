package format

import "time"

// Now is what FullIn writes for a budget that is used up.
const Now = "now"

// FullIn writes after which time a budget is used up: "now", "~14 min", or a
// dash when it does not fill or that is not known.
func FullIn(d *time.Duration) string {
	switch {
	case d == nil:
		return Dash
	case *d <= 0:
		return Now
	default:
		return "~" + Age(max(*d, time.Second))
	}
}
