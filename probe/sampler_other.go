//go:build !linux

package probe

import (
	"time"

	"github.com/snattop/snattop/probe/wire"
)

func newSampler(Config) (sampling, []wire.Feature, error) { return nil, nil, ErrUnsupported }

func kernelRelease() string { return "" }

func cpuTime() time.Duration { return 0 }
