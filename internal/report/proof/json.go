package proof

import (
	"encoding/json"
	"fmt"
	"io"
)

// JSON writes the document whole, or nothing.
func JSON(w io.Writer, c *Comparison) error {
	b, err := json.MarshalIndent(c, "", " ")
	if err != nil {
		return fmt.Errorf("encoding the comparison: %w", err)
	}
	return write(w, append(b, '\n'))
}

func write(w io.Writer, b []byte) error {
	if _, err := w.Write(b); err != nil {
		return fmt.Errorf("writing the comparison: %w", err)
	}
	return nil
}
