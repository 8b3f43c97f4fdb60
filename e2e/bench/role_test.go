//go:build bench && linux

package bench

import (
	"encoding/json"
	"fmt"
	"os"
)

// This binary plays every part of a benchmark: what it starts is itself, with
// the part and its particulars in the environment.
const (
	roleVar = "SNATTOP_BENCH_ROLE"
	argsVar = "SNATTOP_BENCH_ARGS"
)

// role plays a part, if this process was started for one.
func role() (done bool, err error) {
	switch name := os.Getenv(roleVar); name {
	case "":
		return false, nil
	case "guard":
		return true, play(sweep)
	case "crowd":
		return true, play(actCrowd)
	case "peer":
		return true, play(actPeer)
	case "load":
		return true, play(actLoad)
	case "flood":
		return true, play(actFlood)
	case "twin":
		return true, play(actTwin)
	default:
		return true, fmt.Errorf("there is no part %q", name)
	}
}

// play reads the particulars of a part.
func play[A any](part func(A) error) error {
	var args A
	if err := json.Unmarshal([]byte(os.Getenv(argsVar)), &args); err != nil {
		return fmt.Errorf("reading %s: %w", argsVar, err)
	}
	return part(args)
}
