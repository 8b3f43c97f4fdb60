package ground

import (
	"encoding/base64"
	"fmt"
	"os"
	"path/filepath"
)

// writeKubeconfig writes a kubeconfig that holds its certificates inside, for
// the identity of the given name in the pki directory.
func writeKubeconfig(path, pki, name, server, clusterName string) error {
	encode := func(file string) (string, error) {
		data, err := os.ReadFile(filepath.Join(pki, file))
		if err != nil {
			return "", fmt.Errorf("making the kubeconfig of %s: %w", name, err)
		}
		return base64.StdEncoding.EncodeToString(data), nil
	}
	ca, err := encode("ca.crt")
	if err != nil {
		return err
	}
	certificate, err := encode(name + ".crt")
	if err != nil {
		return err
	}
	key, err := encode(name + ".key")
	if err != nil {
		return err
	}
	config := fmt.Sprintf(`apiVersion: v1
kind: Config
clusters:
- name: %[1]s
  cluster:
    server: %[2]s
    certificate-authority-data: %[3]s
users:
- name: %[4]s
  user:
    client-certificate-data: %[5]s
    client-key-data: %[6]s
contexts:
- name: %[1]s
  context: {cluster: %[1]s, user: %[4]s}
current-context: %[1]s
`, clusterName, server, ca, name, certificate, key)
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		return fmt.Errorf("writing the kubeconfig of %s: %w", name, err)
	}
	return nil
}
