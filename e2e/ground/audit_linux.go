package ground

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// AuditedUser is the user whose requests the API server writes down, for tests
// that count what a program costs it. See KubeconfigFor.
const AuditedUser = "audited"

// auditPolicy writes down the requests of one user, and what they were only.
const auditPolicy = `apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- {level: Metadata, users: ["` + AuditedUser + `"]}
- {level: None}
`

func (d dirs) auditPolicy() string { return filepath.Join(d.root, "audit-policy.yaml") }

func (d dirs) auditLog() string { return filepath.Join(d.root, "audit.log") }

func (d dirs) writeAuditPolicy() error {
	if err := os.WriteFile(d.auditPolicy(), []byte(auditPolicy), 0o600); err != nil {
		return fmt.Errorf("writing the audit policy: %w", err)
	}
	return nil
}

// Request is one line of the API server's audit log. Watches and streams have
// one line when they start and one when they end.
type Request struct {
	AuditID     string    `json:"auditID"`
	Stage       string    `json:"stage"`
	Verb        string    `json:"verb"`
	RequestURI  string    `json:"requestURI"`
	UserAgent   string    `json:"userAgent"`
	Received    time.Time `json:"requestReceivedTimestamp"`
	ObjectRef   ObjectRef `json:"objectRef"`
	Impersonate struct {
		Username string `json:"username"`
	} `json:"impersonatedUser"`
}

// ObjectRef says what a request was about.
type ObjectRef struct {
	Resource    string `json:"resource"`
	Subresource string `json:"subresource"`
	Namespace   string `json:"namespace"`
	Name        string `json:"name"`
}

// Requests are what the AuditedUser asked since a moment, each once.
func (g *Ground) Requests(since time.Time) ([]Request, error) {
	f, err := os.Open(g.dirs.auditLog())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	defer func() { _ = f.Close() }()
	var out []Request
	seen := make(map[string]bool)
	lines := bufio.NewScanner(f)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var r Request
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			return nil, fmt.Errorf("reading the audit log: %w", err)
		}
		if !seen[r.AuditID] && !r.Received.Before(since) {
			seen[r.AuditID] = true
			out = append(out, r)
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("reading the audit log: %w", err)
	}
	return out, nil
}
