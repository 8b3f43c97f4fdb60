package runbook

import (
	"path"
	"strings"

	"github.com/snattop/snattop/internal/session"
)

// language is what a program is written in, as far as its command shows.
type language string

const (
	unknownLanguage language = ""
	nodeJS          language = "node"
	java            language = "java"
	python          language = "python"
	dotnet          language = "dotnet"
	golang          language = "go"
)

// interpreters are the programs that give a language away.
var interpreters = []struct {
	prefix   string
	language language
}{
	{"node", nodeJS}, {"npm", nodeJS}, {"yarn", nodeJS},
	{"java", java},
	{"python", python}, {"gunicorn", python}, {"uvicorn", python}, {"celery", python},
	{"dotnet", dotnet},
}

// languageOf reads a command line: an interpreter's, or a file that names one.
func languageOf(command string) language {
	words := strings.Fields(command)
	if len(words) == 0 {
		return unknownLanguage
	}
	name := path.Base(words[0])
	for _, i := range interpreters {
		if rest, ok := strings.CutPrefix(name, i.prefix); ok && (rest == "" || strings.Trim(rest, "0123456789.") == "") {
			return i.language
		}
	}
	switch {
	case name == "go" && len(words) > 1 && words[1] == "run":
		return golang
	case strings.HasSuffix(name, ".dll"):
		return dotnet
	default:
		return unknownLanguage
	}
}

// spoken is the language of the process that holds the most of an owner's
// connections.
func (t *tenant) spoken() language {
	best, most := unknownLanguage, -1
	for _, d := range t.Dests() {
		if d == nil || !d.Eligible {
			continue
		}
		for _, p := range d.Processes {
			if l := languageOf(p.Command); l != unknownLanguage && p.Established+p.SynSent > most {
				best, most = l, p.Established+p.SynSent
			}
		}
	}
	return best
}

// reuse is how connections are kept and used again in a language.
func (l language) reuse() string {
	switch l {
	case nodeJS:
		return "Node: one http.Agent or https.Agent with keepAlive: true for the whole process, handed to every request"
	case java:
		return "Java: one HttpClient (or one pooling connection manager) for the whole process; read every response to its end"
	case python:
		return "Python: one requests.Session, httpx.Client or aiohttp.ClientSession for the whole process instead of requests.get for each call"
	case dotnet:
		return ".NET: one HttpClient for the whole process, or IHttpClientFactory; never a new HttpClient for each request"
	case golang:
		return "Go: one http.Client for the whole process; read every body to its end and close it; raise Transport.MaxIdleConnsPerHost, which is 2 by default (net/http)"
	case unknownLanguage:
		return "HTTP keep-alive on, and one client for the whole process instead of one for each request"
	default:
		return "HTTP keep-alive on, and one client for the whole process instead of one for each request"
	}
}

// end is how connections are given back in a language.
func (l language) end() string {
	switch l {
	case nodeJS:
		return "Node: consume or destroy every response, and create no Agent inside a request"
	case java:
		return "Java: close every response in try-with-resources, and build no client inside a request"
	case python:
		return "Python: use sessions and responses in a with block, and create none inside a request"
	case dotnet:
		return ".NET: dispose every response, and create no HttpClient or handler inside a request"
	case golang:
		return "Go: close every response body after reading it to its end, and create no http.Transport inside a request"
	case unknownLanguage:
		return "close every response and every client, and create no client inside a request"
	default:
		return "close every response and every client, and create no client inside a request"
	}
}

// main is the first of an answer's owners as it was looked at; nil when it is
// about none.
func (s *scene) main(a *Answer) *tenant {
	if len(a.Owners) == 0 {
		return nil
	}
	return s.byKey[a.Owners[0].Key]
}

// Kubectl is the command for the cluster of a picture, with its context. That
// of a recording may not exist here, so there it goes without.
func Kubectl(pic *session.Snapshot) string {
	if c := pic.Cluster; c.Source == "live" && c.Context != "" {
		return "kubectl --context " + Quote(c.Context)
	}
	return "kubectl"
}
