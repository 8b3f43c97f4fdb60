package cli

import (
	"fmt"
	"runtime"

	"github.com/snattop/snattop/k8s/payload"
	"github.com/snattop/snattop/probe/wire"
)

// versionText says what was built: version, platform, wire format and the
// probes that it carries.
func versionText(version string) string {
	text := fmt.Sprintf("snattop %s %s/%s %s, wire format %d", version, runtime.GOOS, runtime.GOARCH, runtime.Version(), wire.Version)
	store := payload.New()
	for _, arch := range []string{"amd64", "arm64"} {
		if store.Embedded("linux", arch) {
			text += ", probe linux/" + arch
		}
	}
	return text
}
