package main

import (
	"github.com/spf13/cobra"
)

func reportCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "report", Short: "Make reports for auditors", Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(reportEvidenceCommand())
	return c
}
