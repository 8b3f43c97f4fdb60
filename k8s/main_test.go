package k8s

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if os.Getenv("SNATTOP_TEST_KUBECONFIG") != "" {
		// client-go's heartbeats outlive their connection by some seconds.
		os.Exit(m.Run())
	}
	goleak.VerifyTestMain(m)
}
