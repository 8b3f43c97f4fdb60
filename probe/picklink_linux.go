package probe

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/snattop/snattop/probe/links"
	"github.com/snattop/snattop/probe/plain"
)

// pickLink returns the interface of that name; without a name, the one that
// leads out of the calling thread's namespace.
func pickLink(name string) (links.Link, error) {
	all, err := links.List()
	if err != nil {
		return links.Link{}, err
	}
	asked := name != ""
	if !asked {
		// One of the two is missing where its family is switched off.
		v4, _ := os.ReadFile("/proc/thread-self/net/route")
		v6, _ := os.ReadFile("/proc/thread-self/net/ipv6_route")
		name = links.DefaultRoute(string(v4), string(v6))
	}
	var names, others []string
	only := links.Link{}
	for _, l := range all {
		if l.Name == name {
			return l, nil
		}
		names = append(names, l.Name)
		if l.Up && l.Hardware != unix.ARPHRD_LOOPBACK {
			others = append(others, l.Name)
			only = l
		}
	}
	if !asked && len(others) == 1 {
		return only, nil
	}
	const most = 12
	if len(names) > most {
		names = append(names[:most], "…")
	}
	if asked {
		return links.Link{}, fmt.Errorf("there is no interface %q: there is %s", plain.Line(name), strings.Join(names, ", "))
	}
	return links.Link{}, fmt.Errorf("no interface leads out: name one with --interface; there is %s", strings.Join(names, ", "))
}
