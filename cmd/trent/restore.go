package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"trent/internal/audit"
	"trent/internal/backup"
	"trent/internal/config"
	"trent/internal/node"
)

const restoreLong = `trent restore makes a data folder of a backup. The folder must be missing or
empty. A restore that fails leaves it so. One that is killed leaves a folder with
the file restore-unfinished, which no server opens: empty it and restore again.

The crypto module opens what the backup holds before the restore is declared
done, so the key file must be the one of the server that was backed up, and a
backup that somebody else made is refused. In production it stands where the
configuration says; run the command as the service's user. With --dev, which
makes a folder of trent dev, --key-file is copied into it.

FILE can be -, standard input.

The audit trail begins anew. Its first record names the last record of the old
trail that the backup covers.`

// standardStream in place of a file is standard input or output: the service's
// user need not be able to open what root can, and a container has no folders.
const standardStream = "-"

const restoreExample = `  trent restore --config /etc/trent/trent.yaml /backup/trent-2026-11-22.backup
  runuser -u trent -- trent restore --config /etc/trent/trent.yaml - < trent.backup
  trent restore --dev --data ./copy --key-file ./trent-data/module/key dev.backup`

// restoreFlags are the flags of trent restore.
type restoreFlags struct {
	config, data, keyFile, hsmBinary, output string
	dev                                      bool
}

func restoreCommand() *cobra.Command {
	var f restoreFlags
	c := &cobra.Command{
		Use: "restore FILE", Short: "Make a data folder of a backup", Long: restoreLong, Example: restoreExample, Args: oneArgument,
		RunE: func(c *cobra.Command, args []string) error {
			if err := f.check(); err != nil {
				return usageError(c, err)
			}
			r, err := f.restoration(c)
			if err != nil {
				return err
			}
			return r.run(c, args[0], f.output)
		},
	}
	fs := c.Flags()
	fs.SortFlags = false
	fs.StringVar(&f.config, "config", "", "configuration `file` (docs/configuration.md)")
	fs.BoolVar(&f.dev, "dev", false, "make a data folder of trent dev")
	fs.StringVar(&f.data, "data", "", "with --dev: data `folder` to make")
	fs.StringVar(&f.keyFile, "key-file", "", "with --dev: the crypto module's key `file` of the folder that was backed up")
	fs.StringVar(&f.hsmBinary, "hsm-binary", "", "with --dev: trent-hsm `program` to start (default: beside trent)")
	outputFlag(c, &f.output)
	return c
}

func (f *restoreFlags) check() error {
	switch {
	case f.output != outputTable && f.output != outputJSON:
		return fmt.Errorf("--output %q: want table or json", f.output)
	case f.dev && f.config != "":
		return errors.New("--config and --dev exclude each other")
	case f.dev && (f.data == "" || f.keyFile == ""):
		return errors.New("--dev needs --data and --key-file")
	case !f.dev && f.config == "":
		return errors.New("--config is missing")
	case !f.dev && (f.data != "" || f.keyFile != "" || f.hsmBinary != ""):
		return errors.New("--data, --key-file and --hsm-binary go with --dev; the configuration says them in production")
	}
	return nil
}

// restoration is a restore to be done.
type restoration struct {
	conf *config.Config // nil with --dev
	node node.Config
	// prepare puts into the new folder what the crypto module needs.
	prepare func() error
	close   func() // ends the crypto module
}

func (f *restoreFlags) restoration(c *cobra.Command) (*restoration, error) {
	if !f.dev {
		conf, err := readConfig(c, f.config)
		if err != nil {
			return nil, err
		}
		log := newLog(conf, c.ErrOrStderr())
		m := &module{conf: conf, log: log}
		return &restoration{conf: conf, node: nodeConfig(conf, m, log), close: m.close, prepare: func() error { return nil }}, nil
	}
	data, err := filepath.Abs(f.data)
	if err != nil {
		return nil, err
	}
	log := slog.New(slog.NewTextHandler(c.ErrOrStderr(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	m := &devModule{program: f.hsmBinary, keyFile: devKeyFile(data), log: log}
	return &restoration{
		node:    node.Config{Data: data, Dev: true, Audit: audit.Strict, RotateEvery: defaultRotation, Log: log, Module: m.source},
		close:   m.Close,
		prepare: func() error { return copyKeyFile(m.keyFile, f.keyFile) },
	}, nil
}

// run restores, and leaves nothing behind if it fails.
func (r *restoration) run(c *cobra.Command, path, output string) (err error) {
	in := c.InOrStdin()
	if path != standardStream {
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		in = file
	}
	if r.conf != nil {
		if err := probeModule(r.conf); err != nil {
			return err
		}
	}
	folder, err := backup.BeginFolder(r.node.Data)
	if err != nil {
		return err
	}
	m, err := r.fill(c.Context(), &progress{r: in, w: c.ErrOrStderr(), what: "restore"})
	if err == nil {
		err = folder.Finish()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("%s: %w", path, err), folder.Abandon())
	}
	if found := m.Contents.RegionNames(); r.conf != nil && !sameNames(found, r.conf.Regions) {
		fmt.Fprintf(c.ErrOrStderr(), "trent restore: the backup has the Regions %q, and %s lists %q: make them equal before trent serve\n", found, r.conf.File, r.conf.Regions)
	}
	return show(c.OutOrStdout(), output, describeBackup(path, m), func(t *table, b backupInfo) {
		t.row("restored to", r.node.Data)
		backupTable(t, b)
	})
}

func (r *restoration) fill(ctx context.Context, in io.Reader) (*backup.Manifest, error) {
	if err := r.prepare(); err != nil {
		return nil, err
	}
	defer r.close() // after the node, which is connected to it
	return node.Restore(ctx, r.node, operator(), in)
}

func sameNames(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// copyKeyFile copies a crypto module's key file, for its owner only.
func copyKeyFile(to, from string) error {
	b, err := os.ReadFile(from)
	if err != nil {
		return fmt.Errorf("the crypto module's key file: %w", err)
	}
	defer clear(b)
	if err := makeFolder(filepath.Dir(to), syncFolder); err != nil {
		return err
	}
	return writeNew(to, 0o600, b)
}
