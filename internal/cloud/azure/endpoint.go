package azure

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"strings"

	azcloud "github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"

	// Enters the Resource Manager endpoints of the known clouds into azcloud.
	_ "github.com/Azure/azure-sdk-for-go/sdk/azcore/arm"
)

// endpoint is where Azure Resource Manager is asked.
type endpoint struct {
	cloud azcloud.Configuration
	url   *url.URL
	// plain is a http endpoint on this machine: a proving ground. It gets no
	// credential, and may be asked more often than once a minute.
	plain bool
}

// parseEndpoint reads --azure-endpoint. An https endpoint that is none of the
// known clouds' is its own audience: a token for it is worth nothing elsewhere.
// The error never repeats a password.
func parseEndpoint(text string) (endpoint, error) {
	if text == "" {
		return known(azcloud.AzurePublic)
	}
	u, err := url.Parse(text)
	if err != nil {
		return endpoint{}, errors.New("--azure-endpoint is no URL: use https://HOST, or http://127.0.0.1:PORT for a proving ground")
	}
	if u.Host == "" || u.Opaque != "" || u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return endpoint{}, fmt.Errorf("--azure-endpoint %q: use the scheme and the host alone, such as https://management.azure.com", shown(u))
	}
	base := &url.URL{Scheme: strings.ToLower(u.Scheme), Host: strings.ToLower(u.Host)}
	switch base.Scheme {
	case "https":
		for _, c := range []azcloud.Configuration{azcloud.AzurePublic, azcloud.AzureGovernment, azcloud.AzureChina} {
			if k, err := known(c); err == nil && k.url.Host == base.Host {
				return k, nil
			}
		}
		return endpoint{cloud: configuration(base), url: base}, nil
	case "http":
		if !loopback(base.Hostname()) {
			return endpoint{}, fmt.Errorf("--azure-endpoint %q: http is for addresses of this machine; use https", shown(u))
		}
		return endpoint{cloud: configuration(base), url: base, plain: true}, nil
	default:
		return endpoint{}, fmt.Errorf("--azure-endpoint %q: use https", shown(u))
	}
}

// shown is an address for an error: its scheme and host, which are all that a
// good one has.
func shown(u *url.URL) string {
	short := u.Scheme + "://" + u.Host
	if len(short) > 100 {
		short = short[:100]
	}
	return short
}

func known(c azcloud.Configuration) (endpoint, error) {
	u, err := url.Parse(c.Services[azcloud.ResourceManager].Endpoint)
	if err != nil {
		return endpoint{}, fmt.Errorf("reading the endpoint of a known cloud: %w", err)
	}
	return endpoint{cloud: c, url: &url.URL{Scheme: u.Scheme, Host: u.Host}}, nil
}

// configuration describes a cloud of one service. Without an authority host of
// its own the SDK takes $AZURE_AUTHORITY_HOST, else that of the public cloud.
func configuration(base *url.URL) azcloud.Configuration {
	return azcloud.Configuration{Services: map[azcloud.ServiceName]azcloud.ServiceConfiguration{
		azcloud.ResourceManager: {Endpoint: base.String(), Audience: base.String()},
	}}
}

func loopback(host string) bool {
	if strings.EqualFold(host, "localhost") {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
