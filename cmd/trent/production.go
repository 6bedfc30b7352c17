package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"trent/internal/audit"
	"trent/internal/config"
	"trent/internal/hsm/client"
	"trent/internal/hsm/supervisor"
	"trent/internal/node"
)

// configFlag adds --config, which is required.
func configFlag(c *cobra.Command, path *string) {
	c.Flags().StringVar(path, "config", "", "configuration `file` (docs/configuration.md)")
}

// readConfig reads a configuration and checks the files that it names.
func readConfig(c *cobra.Command, path string) (*config.Config, error) {
	conf, _, err := readWarned(c, path)
	return conf, err
}

// readWarned is readConfig with what the operator of a service should know.
func readWarned(c *cobra.Command, path string) (conf *config.Config, warnings config.Errors, err error) {
	if path == "" {
		return nil, nil, usageError(c, errors.New("--config is missing"))
	}
	if conf, err = config.Read(path); err != nil {
		return nil, nil, err
	}
	warnings, err = conf.Check(time.Now())
	return conf, warnings, err
}

// newLog is the log that a configuration describes.
func newLog(conf *config.Config, stderr io.Writer) *slog.Logger {
	return slog.New(newHandler(conf, stderr))
}

// newHandler writes what newLog's log is told.
func newHandler(conf *config.Config, stderr io.Writer) slog.Handler {
	level, _ := conf.Log.SlogLevel() // an unknown one was refused
	options := &slog.HandlerOptions{Level: level}
	if conf.Log.Format == config.FormatText {
		return slog.NewTextHandler(stderr, options)
	}
	return slog.NewJSONHandler(stderr, options)
}

// module is the crypto module of a configuration.
type module struct {
	conf  *config.Config
	log   *slog.Logger
	child *supervisor.Child // nil for a module at a socket, and before source
}

// source is where connections to the module come from. create has a child make
// its key file, which must not be there.
func (m *module) source(create bool) (client.Source, error) {
	child := m.conf.Module.Child
	if child == nil {
		return supervisor.NewSocket(m.conf.Module.Socket, m.log), nil
	}
	program, err := m.conf.ModuleProgram()
	if err != nil {
		return nil, err
	}
	m.child = supervisor.NewChild(program, []string{"--key-file", child.KeyFile}, m.log)
	if create {
		folder := filepath.Dir(child.KeyFile)
		if err := os.MkdirAll(folder, 0o700); err != nil {
			return nil, err
		}
		if err := errors.Join(syncFolder(folder), syncFolder(filepath.Dir(folder))); err != nil {
			return nil, err
		}
		m.child.First("--create-key-file")
		return m.child, nil
	}
	if _, err := os.Stat(child.KeyFile); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("the crypto module's key file %s is missing: put back your copy of it; it is never made anew", child.KeyFile)
	}
	return m.child, nil
}

// close ends a child.
func (m *module) close() {
	if m.child != nil {
		m.child.Close()
	}
}

// nodeConfig is what a configuration makes of a node.
func nodeConfig(conf *config.Config, m *module, log *slog.Logger) node.Config {
	mode := audit.Strict
	if conf.Audit.Durability == config.DurabilityRelaxed {
		mode = audit.Relaxed
	}
	return node.Config{
		Data: conf.Data, Partition: conf.Partition, Regions: conf.Regions, Audit: mode, RotateEvery: conf.DomainRotation, StallTimeout: conf.Audit.StallTimeout,
		DeletionGuardDays: int(conf.Keys.DeletionGuardDays),
		DiskWarnPercent:   int(conf.Disk.WarnPercent), DiskWarnBefore: conf.Disk.WarnBefore,
		Limits: conf.Quotas.Limits(), Requests: conf.Quotas.RequestNumbers(), ApprovedOnly: conf.FIPS == config.FIPSStrict, Log: log,
		Module: func(bool) (client.Source, error) { return m.source(false) },
	}
}
