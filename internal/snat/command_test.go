package snat_test

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/snattop/snattop/internal/snat"
)

var target = snat.CommandTarget{Group: "shop-rg", Name: "shop", Gateway: "nat-0a1", Router: "edge", Region: "europe-west1", Project: "shop-1"}

// Flags of az: AKS (azure-aks-docs).
func TestCommands(t *testing.T) {
	t.Parallel()
	type maker func(snat.CommandTarget) (snat.Command, error)
	for _, c := range []struct {
		build          maker
		named, unnamed string
	}{
		{func(t snat.CommandTarget) (snat.Command, error) { return snat.CommandPorts(t, 2048, 0) },
			"az aks update -g shop-rg -n shop --load-balancer-outbound-ports 2048",
			"az aks update -g RESOURCE_GROUP -n CLUSTER_NAME --load-balancer-outbound-ports 2048"},
		{func(t snat.CommandTarget) (snat.Command, error) { return snat.CommandPorts(t, 4096, 2) },
			"az aks update -g shop-rg -n shop --load-balancer-outbound-ports 4096 --load-balancer-managed-outbound-ip-count 2",
			"az aks update -g RESOURCE_GROUP -n CLUSTER_NAME --load-balancer-outbound-ports 4096 --load-balancer-managed-outbound-ip-count 2"},
		{func(t snat.CommandTarget) (snat.Command, error) { return snat.CommandIdleTimeout(t, 4) },
			"az aks update -g shop-rg -n shop --load-balancer-idle-timeout 4",
			"az aks update -g RESOURCE_GROUP -n CLUSTER_NAME --load-balancer-idle-timeout 4"},
		{func(t snat.CommandTarget) (snat.Command, error) { return snat.CommandNATGateway(t, 2, 10) },
			"az aks update -g shop-rg -n shop --outbound-type managedNATGateway --nat-gateway-managed-outbound-ip-count 2 --nat-gateway-idle-timeout 10",
			"az aks update -g RESOURCE_GROUP -n CLUSTER_NAME --outbound-type managedNATGateway --nat-gateway-managed-outbound-ip-count 2 --nat-gateway-idle-timeout 10"},
		{func(t snat.CommandTarget) (snat.Command, error) { return snat.CommandNATGateway(t, 16, 0) },
			"az aks update -g shop-rg -n shop --outbound-type managedNATGateway --nat-gateway-managed-outbound-ip-count 16",
			"az aks update -g RESOURCE_GROUP -n CLUSTER_NAME --outbound-type managedNATGateway --nat-gateway-managed-outbound-ip-count 16"},
		{func(t snat.CommandTarget) (snat.Command, error) { return snat.CommandNATGatewayIPs(t, 5) },
			"az aks update -g shop-rg -n shop --nat-gateway-managed-outbound-ip-count 5",
			"az aks update -g RESOURCE_GROUP -n CLUSTER_NAME --nat-gateway-managed-outbound-ip-count 5"},
		{func(t snat.CommandTarget) (snat.Command, error) { return snat.CommandNATGatewayIdleTimeout(t, 120) },
			"az aks update -g shop-rg -n shop --nat-gateway-idle-timeout 120",
			"az aks update -g RESOURCE_GROUP -n CLUSTER_NAME --nat-gateway-idle-timeout 120"},
		{func(t snat.CommandTarget) (snat.Command, error) { return snat.CommandCloudNATPorts(t, 1024) },
			"gcloud compute routers nats update nat-0a1 --router edge --region europe-west1 --project shop-1 --min-ports-per-vm 1024",
			"gcloud compute routers nats update NAT_NAME --router ROUTER_NAME --region REGION --min-ports-per-vm 1024"},
		{func(t snat.CommandTarget) (snat.Command, error) { return snat.CommandCloudNATDynamic(t, 32, 4096) },
			"gcloud compute routers nats update nat-0a1 --router edge --region europe-west1 --project shop-1 --min-ports-per-vm 32 --enable-dynamic-port-allocation --max-ports-per-vm 4096",
			"gcloud compute routers nats update NAT_NAME --router ROUTER_NAME --region REGION --min-ports-per-vm 32 --enable-dynamic-port-allocation --max-ports-per-vm 4096"},
		{func(t snat.CommandTarget) (snat.Command, error) { return snat.CommandAWSAddresses(t, 2) },
			"aws ec2 associate-nat-gateway-address --nat-gateway-id nat-0a1 --allocation-ids ALLOCATION_ID_1 ALLOCATION_ID_2 --region europe-west1",
			"aws ec2 associate-nat-gateway-address --nat-gateway-id NAT_GATEWAY_ID --allocation-ids ALLOCATION_ID_1 ALLOCATION_ID_2"},
	} {
		for _, side := range []struct {
			target snat.CommandTarget
			want   string
		}{{target, c.named}, {snat.CommandTarget{}, c.unnamed}} {
			got, err := c.build(side.target)
			if err != nil || got.Line != side.want {
				t.Errorf("%v\n  %s\nwant\n  %s", err, got.Line, side.want)
			}
			if !strings.HasSuffix(got.Text, ".") || !strings.HasSuffix(got.Warning, ".") || !strings.Contains(got.Warning, "Check ") {
				t.Errorf("%q, %q", got.Text, got.Warning)
			}
		}
	}
}

func TestCommandsRefuse(t *testing.T) {
	t.Parallel()
	first := func(_ snat.Command, err error) error { return err }
	for want, err := range map[string]error{
		"multiples of 8":    first(snat.CommandPorts(target, 2047, 0)),
		"0 stands for":      first(snat.CommandPorts(target, 0, 0)),
		"64000 to a node":   first(snat.CommandPorts(target, 64_008, 0)),
		"-1 outbound":       first(snat.CommandPorts(target, 8, -1)),
		"3 minutes":         first(snat.CommandIdleTimeout(target, 3)),
		"121 minutes":       first(snat.CommandIdleTimeout(target, 121)),
		"17 addresses":      first(snat.CommandNATGateway(target, 17, 0)),
		"0 addresses":       first(snat.CommandNATGateway(target, 0, 0)),
		"-4 minutes":        first(snat.CommandNATGateway(target, 1, -4)),
		"18 addresses":      first(snat.CommandNATGatewayIPs(target, 18)),
		"2 minutes":         first(snat.CommandNATGatewayIdleTimeout(target, 2)),
		"0 ports per node":  first(snat.CommandCloudNATPorts(target, 0)),
		"-2 ports per node": first(snat.CommandCloudNATDynamic(target, -2, 64)),
		"2000000 ports":     first(snat.CommandCloudNATDynamic(target, 64, 2_000_000)),
		"above the least":   first(snat.CommandCloudNATDynamic(target, 64, 64)),
		"8 more addresses":  first(snat.CommandAWSAddresses(target, 8)),
		"0 more addresses":  first(snat.CommandAWSAddresses(target, 0)),
	} {
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want something with %q", err, want)
		}
	}
}

// hostile are names that try to be more than a name.
var hostile = []string{
	"a b", "it's", "'; rm -rf / #", "$(reboot)", "`reboot`", "$HOME", "a\\b", `"`, "!!", "*", "~root", "a&b", "a|b", "a>b", "(rg)", "{a,b}", "#", "größe", "''", "=ls", "%PATH%",
}

// nameless are names that no cloud gives: a placeholder stands in.
var nameless = []string{
	"", "-h", "--query", "a\nb", "a\rb", "a\x00b", "\x1b[2J", "a\u202eb", "a\u200bb", "a\u2028b", "a\xffb", "a\ufffdb", "\t", "a\u00a0b", strings.Repeat("a", 257),
}

func TestCommandQuotesNames(t *testing.T) {
	t.Parallel()
	for _, name := range hostile {
		got := named(t, name)
		if words := shellWords(t, got); words[4] != name || words[6] != name {
			t.Errorf("%q: %s", name, got)
		}
	}
	for _, name := range nameless {
		want := "az aks update -g RESOURCE_GROUP -n CLUSTER_NAME --load-balancer-outbound-ports 8"
		if got := named(t, name); got != want {
			t.Errorf("%q: %q", name, got)
		}
	}
	for _, name := range []string{"shop", "MC_shop_shop_westeurope", "a.b-c", "projects/p/regions/r", "arn:aws:ec2"} {
		if got := named(t, name); shellWords(t, got)[4] != name || strings.Contains(got, "'") {
			t.Errorf("%q: %q", name, got)
		}
	}
}

// The shell itself, once for all names.
func TestCommandQuotesNamesForASHell(t *testing.T) {
	t.Parallel()
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip("there is no sh here")
	}
	for _, name := range hostile {
		line := "printf '%s\\n' " + named(t, name)
		out, err := exec.CommandContext(t.Context(), sh, "-c", line).CombinedOutput()
		want := fmt.Sprintf("az\naks\nupdate\n-g\n%[1]s\n-n\n%[1]s\n--load-balancer-outbound-ports\n8\n", name)
		if err != nil || string(out) != want {
			t.Errorf("%q: %v\n%s", name, err, out)
		}
	}
}

// Whatever a name is, a command is one line of as many words as it should be,
// each of them the name or a placeholder, and shows no terminal anything but
// letters.
func FuzzCommandQuoting(f *testing.F) {
	for _, name := range append(append([]string{}, hostile...), nameless...) {
		f.Add(name)
	}
	f.Fuzz(func(t *testing.T, name string) {
		line := named(t, name)
		for _, r := range line {
			if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0xfffd || r == 0x202e || r == 0x2028 {
				t.Fatalf("%q holds %U", line, r)
			}
		}
		words := shellWords(t, line)
		if len(words) != 9 || words[4] != name && words[4] != "RESOURCE_GROUP" || words[6] != name && words[6] != "CLUSTER_NAME" {
			t.Fatalf("%q: %q", name, words)
		}
	})
}

func named(t *testing.T, name string) string {
	t.Helper()
	c, err := snat.CommandPorts(snat.CommandTarget{Group: name, Name: name}, 8, 0)
	if err != nil {
		t.Fatal(err)
	}
	return c.Line
}

// shellWords splits a line as a POSIX shell does (IEEE 1003.1, Shell Command
// Language, 2.2 Quoting), and fails where anything is left to interpret.
func shellWords(t *testing.T, line string) []string {
	t.Helper()
	var words []string
	var word strings.Builder
	in := false
	for i := 0; i < len(line); i++ {
		switch b := line[i]; {
		case b == ' ':
			if in {
				words = append(words, word.String())
				word.Reset()
			}
			in = false
		case b == '\'':
			n := strings.IndexByte(line[i+1:], '\'')
			if n < 0 {
				t.Fatalf("a quote is not closed: %q", line)
			}
			word.WriteString(line[i+1 : i+1+n])
			i, in = i+1+n, true
		case b == '\\' && i+1 < len(line):
			i++
			word.WriteByte(line[i])
			in = true
		case strings.IndexByte("-_./:", b) >= 0, b >= '0' && b <= '9', b >= 'a' && b <= 'z', b >= 'A' && b <= 'Z':
			word.WriteByte(b)
			in = true
		default:
			t.Fatalf("%q is left to the shell: %q", b, line)
		}
	}
	if in {
		words = append(words, word.String())
	}
	return words
}
