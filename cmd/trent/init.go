package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"os/user"
	"time"

	"github.com/spf13/cobra"

	"trent/internal/arn"
	"trent/internal/bootstrap"
	"trent/internal/config"
	"trent/internal/identity"
	"trent/internal/node"
)

const initLong = `trent init makes what a configuration describes: the data folder, the crypto
module's key file (if the module is the service's child), the domains of the
Regions, the first account and its root access key, whose secret it shows once.
Run it as the service's user.

It overwrites nothing: run again, it fails and changes nothing. If it is cut
off, run it again with the same configuration, and it finishes; a root access
key that it had made by then authenticates nothing any more.

A module at a socket runs before: "trent-hsm init --key-file PATH", as the
module's user, makes its key file.

Keep a copy of the key file apart from backups of the data folder. Without it
nothing can be decrypted; with both, everything can.`

const initExample = `  trent init --config trent.yaml
  trent init --config trent.yaml --account 111122223333 --credentials-file ./root.credentials
  trent init --config trent.yaml --output json`

// moduleTimeout is how long init waits for the crypto module.
const moduleTimeout = 30 * time.Second

// initFlags are the flags of trent init.
type initFlags struct{ config, account, credentials, output string }

func initCommand() *cobra.Command {
	var f initFlags
	c := &cobra.Command{
		Use: "init", Short: "Make the data folder, the first account and its root access key",
		Long: initLong, Example: initExample, Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if f.account != "" && !arn.ValidAccount(f.account) {
				return usageError(c, fmt.Errorf("--account %q: want 12 digits", f.account))
			}
			if f.output != outputTable && f.output != outputJSON {
				return usageError(c, fmt.Errorf("--output %q: want table or json", f.output))
			}
			conf, err := readConfig(c, f.config)
			if err != nil {
				return err
			}
			return f.run(c.Context(), conf, c.OutOrStdout(), newLog(conf, c.ErrOrStderr()))
		},
	}
	configFlag(c, &f.config)
	c.Flags().StringVar(&f.account, "account", "", "`id` of the first account, 12 digits (default: a random one)")
	c.Flags().StringVar(&f.credentials, "credentials-file", "", "write the root access key to this new `file`, in the AWS CLI's form, and do not show it")
	outputFlag(c, &f.output)
	return c
}

// run makes everything. The data folder counts as unfinished until the root
// access key has been handed over.
func (f *initFlags) run(ctx context.Context, conf *config.Config, stdout io.Writer, log *slog.Logger) (err error) {
	if f.credentials != "" {
		if _, err := os.Lstat(f.credentials); !errors.Is(err, fs.ErrNotExist) {
			err = errors.Join(err, fmt.Errorf("%s: %w", f.credentials, bootstrap.ErrExists))
			if errors.Is(bootstrap.Ready(conf.Data), bootstrap.ErrUnfinished) {
				err = fmt.Errorf("%w; an init was cut off here, and if the file is its, remove it: this one makes another access key", err)
			}
			return err
		}
	}
	var elsewhere []string
	if child := conf.Module.Child; child != nil {
		elsewhere = append(elsewhere, child.KeyFile)
	}
	folder, err := bootstrap.Begin(conf.Data, elsewhere...)
	if err != nil {
		return err
	}
	if folder.Resumed {
		log.Warn("an init was cut off here: this one finishes it", "data", conf.Data)
	}
	made, err := f.fill(ctx, conf, log)
	if err == nil {
		defer made.Secret.Wipe()
		err = f.handOver(conf, made, stdout)
	}
	if err != nil {
		return errors.Join(err, folder.Abandon())
	}
	return folder.Finish()
}

// fill makes the store, the domains, the account and its key.
func (f *initFlags) fill(ctx context.Context, conf *config.Config, log *slog.Logger) (made identity.NewKey, err error) {
	m := &module{conf: conf, log: log}
	defer m.close() // after the node, which is connected to it
	c := nodeConfig(conf, m, log)
	c.Init = true
	c.Module = m.source // a child's key file is made while there is no domain that one could have sealed
	n, err := openOffline(ctx, conf, c)
	if err != nil {
		return made, err
	}
	defer func() { err = errors.Join(err, n.Close()) }()
	return bootstrap.Root(ctx, n.Identity, operator(), f.account)
}

// openOffline opens a node for a command that serves nothing. A module at a
// socket must be there: serve waits for it, a person should not have to.
func openOffline(ctx context.Context, conf *config.Config, c node.Config) (*node.Node, error) {
	if err := probeModule(conf); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, moduleTimeout)
	defer cancel()
	n, err := node.Open(ctx, c)
	if errors.Is(err, context.DeadlineExceeded) && conf.Module.Socket != "" {
		err = moduleAbsent(conf, err)
	}
	return n, err
}

// probeModule says so if nobody listens where the module should.
func probeModule(conf *config.Config) error {
	if conf.Module.Socket == "" {
		return nil // a child is started
	}
	probe, err := net.Dial("unix", conf.Module.Socket)
	if err != nil {
		return moduleAbsent(conf, err)
	}
	return probe.Close()
}

func moduleAbsent(conf *config.Config, err error) error {
	return fmt.Errorf("no crypto module answers at %s: start trent-hsm there, under its own user and with --allow-uid %d; if it has no key file yet, \"trent-hsm init --key-file PATH\" makes it: %w",
		conf.Module.Socket, os.Geteuid(), err)
}

// operator is the user who runs this command.
func operator() identity.Operator {
	o := identity.Operator{UID: uint32(os.Getuid())}
	if u, err := user.Current(); err == nil {
		o.Name = u.Username
	}
	return o
}

// initResult is what init prints with --output json.
type initResult struct {
	Data            string   `json:"data"`
	Regions         []string `json:"regions"`
	Account         string   `json:"account"`
	AccessKeyID     string   `json:"accessKeyId"`
	SecretAccessKey string   `json:"secretAccessKey,omitempty"`
	CredentialsFile string   `json:"credentialsFile,omitempty"`
}

// handOver writes the root access key to the credentials file, if there is to
// be one, and to the output otherwise.
func (f *initFlags) handOver(conf *config.Config, k identity.NewKey, stdout io.Writer) error {
	if f.credentials != "" {
		if err := writeCredentials(f.credentials, k); err != nil {
			return err
		}
	}
	if f.output == outputJSON {
		r := initResult{
			Data: conf.Data, Regions: conf.Regions, Account: k.Account, AccessKeyID: k.ID, CredentialsFile: f.credentials,
		}
		if f.credentials == "" {
			r.SecretAccessKey = string(k.Secret.Expose())
		}
		return json.NewEncoder(stdout).Encode(r)
	}
	var b bytes.Buffer
	defer func() { clear(b.Bytes()) }()
	fmt.Fprintf(&b, "data folder        %s\naccount            %s\naccess key id      %s\n", conf.Data, k.Account, k.ID)
	if f.credentials == "" {
		fmt.Fprintf(&b, "secret access key  %s\n\nThis is the account's root access key. Its secret is not shown again and kept\nnowhere in the clear.\n", k.Secret.Expose())
	} else {
		fmt.Fprintf(&b, "secret access key  in %s\n", f.credentials)
	}
	if child := conf.Module.Child; child != nil {
		fmt.Fprintf(&b, "\nKeep a copy of %s, apart from backups of the\ndata folder: without it nothing can be decrypted.\n", child.KeyFile)
	}
	_, err := stdout.Write(b.Bytes())
	return err
}

// writeCredentials writes a new file for its owner only, in the form of the AWS
// CLI's credentials file, and returns when it is on disk.
func writeCredentials(path string, k identity.NewKey) error {
	text := fmt.Appendf(nil, "[default]\naws_access_key_id = %s\naws_secret_access_key = %s\n", k.ID, k.Secret.Expose())
	defer clear(text)
	return writeNew(path, 0o600, text)
}
