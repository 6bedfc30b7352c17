package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"trent/internal/node"
)

// rootCommand is the tree of all commands.
func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "trent",
		Short: "A key management service that speaks the AWS KMS API",
		Long: `Trent is a key management service that speaks the AWS KMS API.

Exit status: 0 success, 1 failure, 2 wrong usage; of commands that ask a
running server also 3, no server is reachable, and 4, it refused (docs/cli.md).`,
		Example: `  trent dev
  trent dev --listen 127.0.0.1:5000 --data ./kms
  AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test AWS_DEFAULT_REGION=eu-west-1 \
      aws --endpoint-url http://127.0.0.1:4599 kms create-key`,
		Args:          noArguments,
		RunE:          func(c *cobra.Command, _ []string) error { return c.Help() },
		SilenceErrors: true, // run prints them, once
		SilenceUsage:  true,
		Version:       node.Version(),
	}
	root.SetVersionTemplate("trent {{.Version}}\n")
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error { return usageError(c, err) })
	root.AddCommand(
		devCommand(), serveCommand(), initCommand(), regionCommand(), configCommand(), backupCommand(), restoreCommand(),
		statusCommand(), accountCommand(), keyCommand(), policyCommand(), hsmCommand(), auditCommand(), reportCommand(), topCommand(), quotaCommand(), reencryptCommand(), versionCommand(),
	)
	return root
}

// noArguments is for commands that take flags only; of a command that has
// others below it, an argument is the name of one that does not exist.
func noArguments(c *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	if c.HasSubCommands() {
		text := fmt.Sprintf("unknown command %q", c.CommandPath()+" "+args[0])
		c.SuggestionsMinimumDistance = 2 // edits; cobra's own default, which it sets for the root only
		if near := c.SuggestionsFor(args[0]); len(near) > 0 {
			text += "; did you mean " + strings.Join(near, " or ") + "?"
		}
		return fmt.Errorf("%w: %s", errUsage, text)
	}
	return fmt.Errorf("%w: %s takes no argument %q", errUsage, c.CommandPath(), args[0])
}

// usageError is an error of a command's flags.
func usageError(c *cobra.Command, err error) error {
	return fmt.Errorf("%w: %v; see %s --help", errUsage, err, c.CommandPath())
}
