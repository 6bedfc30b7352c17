package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"trent/internal/node"
)

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(c.OutOrStdout(), "trent", node.Version())
			return err
		},
	}
}
