package azure

import (
	"net/http"
	"strings"
	"testing"

	azcloud "github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
)

func TestParseEndpoint(t *testing.T) {
	for text, want := range map[string]struct {
		audience string
		plain    bool
	}{
		"":                                     {"https://management.azure.com", false},
		"https://management.azure.com":         {"https://management.azure.com", false},
		"https://Management.USGovCloudAPI.net": {"https://management.usgovcloudapi.net", false},
		"https://management.chinacloudapi.cn":  {"https://management.chinacloudapi.cn", false},
		"https://stack.example.com:8443/":      {"https://stack.example.com:8443", false},
		"http://127.0.0.1:8080":                {"http://127.0.0.1:8080", true},
		"http://localhost:1":                   {"http://localhost:1", true},
		"http://[::1]:1":                       {"http://[::1]:1", true},
	} {
		e, err := parseEndpoint(text)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		// The SDK names the audience of some clouds otherwise than their
		// address, so it is the address that is compared.
		got := strings.TrimSuffix(e.cloud.Services[azcloud.ResourceManager].Endpoint, "/")
		if got != want.audience || e.plain != want.plain || e.url.String() != want.audience {
			t.Errorf("%q: endpoint %q at %s, plain %v", text, got, e.url, e.plain)
		}
	}
	for _, text := range []string{
		"http://management.azure.com", "http://10.0.0.1", "http://127.0.0.1.example.com", "ftp://127.0.0.1", "management.azure.com",
		"https://", "https://host/path", "https://host?x=1", "https://host#x", "https://user:hunter2@host", "http://user:hunter2@127.0.0.1", "https://%zz:hunter2",
	} {
		_, err := parseEndpoint(text)
		if err == nil {
			t.Errorf("%q was taken", text)
			continue
		}
		if !strings.HasPrefix(err.Error(), "--azure-endpoint") || strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: %v", text, err)
		}
		if _, err := New(Options{Endpoint: text, Transport: http.DefaultTransport}); err == nil {
			t.Errorf("%q made a watcher", text)
		}
	}
}
