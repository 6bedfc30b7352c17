package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"trent/internal/bootstrap"
	"trent/internal/domains"
)

const regionAddLong = `trent region add makes the domains of the Regions that the configuration lists
and the data folder lacks. The service must not be running. A Region is never
removed: its keys would be lost.`

func regionCommand() *cobra.Command {
	c := &cobra.Command{
		Use: "region", Short: "Add Regions to a data folder, show their replication keys", Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(regionAddCommand(), regionReplicationKeyCommand())
	return c
}

func regionAddCommand() *cobra.Command {
	var path string
	c := &cobra.Command{
		Use: "add", Short: "Make the Regions that the configuration lists and the data folder lacks",
		Long: regionAddLong, Example: "  trent region add --config trent.yaml", Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return regionAdd(c, path) },
	}
	configFlag(c, &path)
	return c
}

func regionAdd(c *cobra.Command, path string) error {
	return withDomains(c, path, true, func(d *domains.Manager, names []string) error {
		for _, name := range names {
			fmt.Fprintln(c.OutOrStdout(), name)
		}
		return nil
	})
}

const regionReplicationKeyLong = `trent region replication-key prints a line for each Region: its name, the id of its
domain, and the public key by which the crypto module signs what it sends when a
multi-Region key goes to another Region. A Region that has no such key yet gets one;
it never changes. The service must not be running.

Regions of one service need no more. For two crypto modules to exchange keys, each
is given the other's lines, by "trent-hsm --replication-peers FILE".`

func regionReplicationKeyCommand() *cobra.Command {
	var path string
	c := &cobra.Command{
		Use: "replication-key", Short: "Print the Regions' replication keys, for another crypto module's file of peers",
		Long: regionReplicationKeyLong, Example: "  trent region replication-key --config trent.yaml > peers-of-berlin", Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return withDomains(c, path, false, func(d *domains.Manager, names []string) error {
				for _, name := range names {
					id, spki, err := d.ReplicationKey(c.Context(), name)
					if err != nil {
						return err
					}
					fmt.Fprintf(c.OutOrStdout(), "%s %x %s\n", name, id, base64.StdEncoding.EncodeToString(spki))
				}
				return nil
			})
		},
	}
	configFlag(c, &path)
	return c
}

// withDomains opens the data folder while no service runs, and calls f with its
// Regions, in order; add has the missing ones made before.
func withDomains(c *cobra.Command, path string, add bool, f func(d *domains.Manager, names []string) error) (err error) {
	conf, err := readConfig(c, path)
	if err != nil {
		return err
	}
	if err := bootstrap.Ready(conf.Data); err != nil {
		return err
	}
	log := newLog(conf, c.ErrOrStderr())
	m := &module{conf: conf, log: log}
	defer m.close() // after the node, which is connected to it
	settings := nodeConfig(conf, m, log)
	settings.AddRegions = add
	n, err := openOffline(c.Context(), conf, settings)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	names := slices.DeleteFunc(n.Domains.Names(), func(name string) bool { return name == domains.Global })
	slices.Sort(names)
	return f(n.Domains, names)
}
