package ground

import (
	"fmt"
	"strings"

	"github.com/snattop/snattop/e2e/manifests"
)

// Values fill a manifest's parameters, which are written ${NAME} or
// ${NAME:-default}.
type Values map[string]string

// Manifest returns an embedded manifest by name (without .yaml), its
// parameters filled in. A parameter without a value and without a default is
// an error, and so is a value that no parameter takes.
func Manifest(name string, values Values) (string, error) {
	data, err := manifests.Files.ReadFile(name + ".yaml")
	if err != nil {
		return "", fmt.Errorf("reading manifest %s: %w", name, err)
	}
	text, err := fill(string(data), values)
	if err != nil {
		return "", fmt.Errorf("filling manifest %s: %w", name, err)
	}
	return text, nil
}

func fill(text string, values Values) (string, error) {
	var out strings.Builder
	used := map[string]bool{}
	for {
		before, rest, found := strings.Cut(text, "${")
		out.WriteString(before)
		if !found {
			break
		}
		parameter, after, closed := strings.Cut(rest, "}")
		if !closed {
			return "", fmt.Errorf("parameter without an end: %.40q", rest)
		}
		name, fallback, optional := strings.Cut(parameter, ":-")
		value, given := values[name]
		switch {
		case given:
			used[name] = true
			out.WriteString(value)
		case optional:
			out.WriteString(fallback)
		default:
			return "", fmt.Errorf("parameter %s needs a value", name)
		}
		text = after
	}
	for name := range values {
		if !used[name] {
			return "", fmt.Errorf("no parameter is called %s", name)
		}
	}
	return out.String(), nil
}

// ParseValues reads NAME=VALUE pairs.
func ParseValues(pairs []string) (Values, error) {
	values := Values{}
	for _, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		if !ok {
			return nil, fmt.Errorf("%q is not of the form NAME=VALUE", pair)
		}
		values[name] = value
	}
	return values, nil
}
