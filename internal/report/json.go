package report

import (
	"encoding/json"
	"fmt"
	"io"
)

// JSON writes the document whole, or nothing.
func JSON(w io.Writer, r *Report) error {
	b, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return fmt.Errorf("encoding the report: %w", err)
	}
	if _, err := w.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("writing the report: %w", err)
	}
	return nil
}
