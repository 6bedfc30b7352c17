package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"trent/internal/admin"
	"trent/internal/backup"
)

const backupLong = `trent backup writes the state of a running server, as of one moment, to a new
file: keys with their policies, aliases and tags, accounts, and the domains of
all Regions. Requests go on meanwhile. The file stands under its name only when
it is whole and on disk; a file that is there is not overwritten. With --out -
the bytes go to standard output: a reader must look at the exit status.

The crypto module's key file is not in it: without a copy of that file, kept
elsewhere, a backup opens nothing. The audit trail is not in it either, but for
the hash of its last record.`

func backupCommand() *cobra.Command {
	var f operatorFlags
	var out string
	c := &cobra.Command{
		Use: "backup", Short: "Write a backup of a running server", Long: backupLong, Args: noArguments,
		Example: `  trent backup --config /etc/trent/trent.yaml --out /backup/trent-$(date +%F).backup
  docker exec trent /usr/bin/trent backup --config /etc/trent/trent.yaml --out - > trent.backup
  trent backup verify /backup/trent-2026-11-22.backup`,
		RunE: func(c *cobra.Command, _ []string) error {
			if out == "" {
				return usageError(c, errors.New("--out is missing"))
			}
			return makeBackup(c, &f, out)
		},
	}
	f.register(c)
	c.Flags().StringVar(&out, "out", "", "new `file` for the backup, or - for standard output")
	c.AddCommand(backupVerifyCommand())
	return c
}

func makeBackup(c *cobra.Command, f *operatorFlags, path string) error {
	client, err := f.client(c)
	if err != nil {
		return err
	}
	if _, err := os.Lstat(path); err == nil && path != standardStream {
		return exists(path)
	}
	body, err := client.Backup(c.Context())
	if err != nil {
		return f.hint(c, err)
	}
	defer body.Close()
	in := &progress{r: body, w: c.ErrOrStderr(), what: "backup"}
	var m *backup.Manifest
	if path == standardStream {
		_, err = backup.Verify(io.TeeReader(in, c.OutOrStdout()))
	} else {
		m, err = backup.Save(path, in)
	}
	switch {
	case errors.Is(err, fs.ErrExist):
		return exists(path)
	case errors.Is(err, backup.ErrNotValid), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("the server cut the backup off, and its log says why: %w", err)
	case err != nil || m == nil:
		return err
	}
	return show(c.OutOrStdout(), f.output, describeBackup(path, m), backupTable)
}

func exists(path string) error {
	return fmt.Errorf("%s is there already, and a backup overwrites nothing", path)
}

const backupVerifyLong = `trent backup verify reads a backup to its end and checks its hashes, its order
and its counts, without a server and without any key. It finds damage, cuts, and
parts of other backups. Whether the backup was made by the server whose keys it
holds shows when it is restored: that takes the crypto module's key file.`

func backupVerifyCommand() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use: "verify FILE", Short: "Check that a backup is whole", Long: backupVerifyLong, Args: oneArgument,
		Example: `  trent backup verify /backup/trent-2026-11-22.backup
  trent backup verify /backup/trent-2026-11-22.backup --output json | jq .audit`,
		RunE: func(c *cobra.Command, args []string) error {
			if output != outputTable && output != outputJSON {
				return usageError(c, fmt.Errorf("--output %q: want table or json", output))
			}
			file, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer file.Close()
			sealed, err := backup.Verify(&progress{r: file, w: c.ErrOrStderr(), what: "backup verify"})
			if err != nil {
				return fmt.Errorf("%s: %w", args[0], err)
			}
			return show(c.OutOrStdout(), output, describeBackup(args[0], &sealed.Manifest), backupTable)
		},
	}
	outputFlag(c, &output)
	return c
}

// outputFlag adds --output of a command that asks no server.
func outputFlag(c *cobra.Command, output *string) {
	c.Flags().StringVarP(output, "output", "o", outputTable, "`form` of the output: table or json")
}

// oneArgument is for commands that take a file.
func oneArgument(c *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError(c, fmt.Errorf("want one file, got %d arguments", len(args)))
	}
	return nil
}

// progress tells how much of a backup has been read, every 64 MiB.
type progress struct {
	r    io.Reader
	w    io.Writer
	what string
	n    int64
}

const progressBytes = 64 << 20

func (p *progress) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	before := p.n / progressBytes
	p.n += int64(n)
	if p.n/progressBytes > before {
		fmt.Fprintf(p.w, "trent %s: %d MiB\n", p.what, p.n>>20)
	}
	return n, err
}

// backupInfo is what is shown of a backup.
type backupInfo struct {
	File     string         `json:"file"`
	Created  time.Time      `json:"created"`
	Release  string         `json:"release"` // of trent that made it
	Mode     string         `json:"mode"`    // dev or production
	StoreID  string         `json:"storeId"` // 32 hex digits
	Revision int64          `json:"revision"`
	Rows     uint64         `json:"rows"`
	Bytes    uint64         `json:"bytes"` // of the snapshot
	Accounts uint64         `json:"accounts"`
	Regions  []backupRegion `json:"regions"`
	Audit    backupHead     `json:"audit"`
}

type backupRegion struct {
	Name string `json:"name"`
	Keys uint64 `json:"keys"`
}

// backupHead is a record of the audit trail that comes after those of all
// mutations in the backup.
type backupHead struct {
	Node     string `json:"node"`
	Epoch    uint64 `json:"epoch"`
	Sequence uint64 `json:"sequence"`
	Hash     string `json:"hash"`
}

func describeBackup(file string, m *backup.Manifest) backupInfo {
	info := backupInfo{
		File: file, Created: m.Created(), Release: m.Release, Mode: admin.ModeProduction, StoreID: hex.EncodeToString(m.Contents.StoreID),
		Revision: m.Contents.Revision, Rows: m.Contents.Rows, Bytes: m.Bytes, Accounts: m.Contents.Accounts,
		Audit: backupHead{
			Node: hex.EncodeToString(m.Contents.Node), Epoch: m.Head.Epoch, Sequence: m.Head.Sequence, Hash: hex.EncodeToString(m.Head.Hash),
		},
	}
	if m.Contents.Dev {
		info.Mode = admin.ModeDev
	}
	for _, r := range m.Contents.Regions {
		info.Regions = append(info.Regions, backupRegion{r.Name, r.Keys})
	}
	return info
}

func backupTable(t *table, b backupInfo) {
	t.row("backup", b.File)
	t.row("created", b.Created)
	t.row("by release", b.Release)
	t.row("mode", b.Mode)
	t.row("store", b.StoreID)
	t.row("revision", b.Revision)
	t.row("rows", b.Rows)
	t.row("accounts", b.Accounts)
	for i, r := range b.Regions {
		t.row(once(i, "keys"), fmt.Sprintf("%s: %d", r.Name, r.Keys))
	}
	t.row("audit head", fmt.Sprintf("node %s, epoch %d, sequence %d, hash %s", b.Audit.Node, b.Audit.Epoch, b.Audit.Sequence, b.Audit.Hash))
}
