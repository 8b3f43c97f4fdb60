package cli

import (
	"fmt"

	"github.com/spf13/cobra"
)

func newClean(o *options) *cobra.Command {
	var all bool
	cmd := &cobra.Command{
		Use: "clean", Short: "Remove every pod that snattop left behind, and what belongs to it", Args: cobra.NoArgs, Annotations: redacting(),
		Long: `clean removes snattop's debug pods, and the ConfigMaps that carry its probe
where exec does not work; those of sessions that still run elsewhere too. It
looks in the debug namespace; --all-namespaces looks everywhere.
Ephemeral containers cannot be removed: they end by themselves and go with
their pod.`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			client, err := o.connect(cmd.Context())
			if err != nil {
				return err
			}
			namespace := o.debugNamespace
			if all {
				namespace = ""
			}
			left, err := client.Clean(cmd.Context(), namespace)
			for _, p := range left {
				if p.Kind != "" {
					fmt.Fprintf(o.streams.Out, "removed %s %s/%s\n", p.Kind, p.Namespace, p.Name)
					continue
				}
				fmt.Fprintf(o.streams.Out, "removed pod %s/%s from node %s\n", p.Namespace, p.Name, p.Node)
			}
			if err != nil {
				return err
			}
			if len(left) == 0 {
				fmt.Fprintln(o.streams.Out, "nothing to remove")
			}
			return nil
		},
	}
	cmd.Flags().BoolVarP(&all, "all-namespaces", "A", false, "look in every namespace")
	return cmd
}
