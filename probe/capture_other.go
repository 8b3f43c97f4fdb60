//go:build !linux

package probe

import (
	"context"
	"io"

	"github.com/snattop/snattop/probe/capture"
)

func openCapture(context.Context, CaptureConfig) (func(context.Context, capture.Limits, io.Writer) error, error) {
	return nil, ErrUnsupported
}
