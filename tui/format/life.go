package format

import "github.com/snattop/snattop/internal/session"

// MedianLife writes for how long half of the connections lived that have
// ended: "<8 ms". A dash means that it is not known, or that none has ended.
func MedianLife(l *session.Lives) string {
	if l == nil {
		return Dash
	}
	s, ok := l.Quantile(0.5)
	if !ok {
		return Dash
	}
	return s.String()
}
