package tunnel

import (
	"strings"
	"sync"

	"github.com/snattop/snattop/internal/runbook"
	"github.com/snattop/snattop/internal/runbook/step"
	"github.com/snattop/snattop/k8s/inventory"
)

// byHand is what the guides say of every change on a node.
const byHand = "Changes by hand on a node may take it out of what your provider supports: read its support policy (on AKS: maintenance of and access to nodes) before. What set the node up so may do it again."

// azureRun is the command that runs a script on a node of Azure's, whose
// doors may be shut; ok is false elsewhere. quoted is a script without single
// quotes.
func azureRun(n inventory.Node, script string) (string, bool) {
	rest, ok := strings.CutPrefix(n.ProviderID, "azure:///subscriptions/")
	parts := strings.Split(rest, "/")
	// SUB/resourceGroups/RG/providers/Microsoft.Compute/virtualMachineScaleSets/VMSS/virtualMachines/N
	if !ok || len(parts) != 9 || !strings.EqualFold(parts[1], "resourceGroups") || !strings.EqualFold(parts[5], "virtualMachineScaleSets") {
		return "", false
	}
	for _, p := range []string{parts[2], parts[6], parts[8]} {
		if !plainWord(p) {
			return "", false
		}
	}
	return "az vmss run-command invoke --resource-group " + parts[2] + " --name " + parts[6] + " --command-id RunShellScript --instance-id " + parts[8] +
		" --scripts '" + script + "' --output tsv --query 'value[0].message'", true
}

// plainWord reports whether a word means itself in a shell.
func plainWord(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("-_.:/,=+@%", r)
	})
}

// onNode is a remedy that is a command on a node: in the way of the node's
// cloud where there is one.
func onNode(n inventory.Node, text, script string) []runbook.Remedy {
	out := []runbook.Remedy{{Text: text + " On node " + n.Name + ":", Command: script, Warning: byHand}}
	if az, ok := azureRun(n, script); ok && !strings.Contains(script, "'") {
		out = append(out, runbook.Remedy{Text: "The same without a shell on the node:", Command: az, Warning: byHand})
	}
	return out
}

// eachNode runs fn for every node at once.
func eachNode(l *step.Look, fn func(n inventory.Node)) {
	var wg sync.WaitGroup
	for _, n := range l.Nodes {
		wg.Go(func() { fn(n) })
	}
	wg.Wait()
}
