package main

import (
	"github.com/spf13/cobra"

	"trent/internal/admin"
)

func hsmCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "hsm", Short: "Show and restart the crypto module", Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(hsmStatusCommand(), hsmRestartCommand())
	return c
}

func hsmStatusCommand() *cobra.Command {
	var f operatorFlags
	c := &cobra.Command{
		Use: "status", Short: "Show the crypto module's state", Args: noArguments,
		Long: `trent hsm status shows the crypto module's state:

  ready       it answers every command
  sealed      it runs, and its domains are not loaded yet
  restarting  there is no connection to it; one is being made
  mute        one of its checks failed: it has erased its keys, and only
              "trent hsm restart" (or a restart of its own service) helps
  down        the service has given up, and ends`,
		Example: "  trent hsm status\n  trent hsm status --output json | jq -r .state",
		RunE: func(c *cobra.Command, _ []string) error {
			return answer(c, &f, func(a *admin.Client) (admin.Module, error) { return a.Module(c.Context()) }, moduleTable)
		},
	}
	f.register(c)
	return c
}

func hsmRestartCommand() *cobra.Command {
	var f operatorFlags
	c := &cobra.Command{
		Use: "restart", Short: "End the crypto module, start it again and wait until it is ready", Args: noArguments,
		Long: `trent hsm restart ends the crypto module that the service has started, starts it
again and waits until its domains are loaded. Until then requests get 503
ServiceUnavailableException, which clients retry.

It is the only way to bring back a mute module without restarting the service.
It is not counted among the restarts after failures, and forgets those.

A module at a socket is a process of its own, which the service cannot restart:
restart that one, for example with "systemctl restart trent-hsm".`,
		Example: "  trent hsm restart",
		RunE: func(c *cobra.Command, _ []string) error {
			return answer(c, &f, func(a *admin.Client) (admin.Module, error) { return a.RestartModule(c.Context()) }, moduleTable)
		},
	}
	f.register(c)
	return c
}
