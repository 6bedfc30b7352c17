package main

import (
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
		Use: "region", Short: "Add Regions to a data folder", Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(regionAddCommand())
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

func regionAdd(c *cobra.Command, path string) (err error) {
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
	settings.AddRegions = true
	n, err := openOffline(c.Context(), conf, settings)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	names := n.Domains.Names()
	slices.Sort(names)
	for _, name := range names {
		if name != domains.Global {
			fmt.Fprintln(c.OutOrStdout(), name)
		}
	}
	return nil
}
