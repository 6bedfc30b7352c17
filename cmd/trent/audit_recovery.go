package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"trent/internal/auditseal"
)

const recoveryKeyLong = `trent audit recovery-key makes the key pair with which an encrypted audit trail is
read without Trent: while it is sealed, when its KMS key is gone, after a disaster.

NAME.key is the private key: whoever has it and a copy of the trail reads all of
it. Make it on a machine that is not the service's, keep it offline, in a safe, in
two places, and leave no copy. NAME.pub is for audit.encryption.recovery in the
configuration. The command asks no server, and replaces no file.`

// recoveryKey is the command's JSON.
type recoveryKey struct {
	ID      string `json:"id"`
	Private string `json:"private"` // files
	Public  string `json:"public"`
}

func auditRecoveryKeyCommand() *cobra.Command {
	var output string
	c := &cobra.Command{
		Use: "recovery-key NAME", Short: "Make the offline key for an encrypted audit trail", Long: recoveryKeyLong,
		Example: `  trent audit recovery-key audit-recovery-2026
  trent audit cat ./copy --recovery-key audit-recovery-2026.key`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 || args[0] == "" {
				return usageError(c, fmt.Errorf("want one name, got %d arguments", len(args)))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			made := recoveryKey{Private: args[0] + ".key", Public: args[0] + ".pub"}
			private, public, err := auditseal.NewRecoveryKey()
			if err != nil {
				return err
			}
			defer private.Wipe()
			k, err := auditseal.ReadPublicKey(public)
			if err != nil {
				return err
			}
			made.ID = k.String()
			if err := writeNew(made.Private, 0o600, private.Expose()); err != nil {
				return alreadyThere(made.Private, "a key", err)
			}
			if err := writeNew(made.Public, 0o644, public); err != nil {
				return errors.Join(alreadyThere(made.Public, "a key", err), os.Remove(made.Private)) // of a key that nobody has used
			}
			return show(c.OutOrStdout(), output, made, func(t *table, r recoveryKey) {
				t.row("id", r.ID)
				t.row("private key", r.Private+": for the safe, and for no server")
				t.row("public key", r.Public+": for audit.encryption.recovery")
			})
		},
	}
	outputFlag(c, &output)
	return c
}

// maxKeyFile is more than a recovery key's file has.
const maxKeyFile = 16 << 10

// readRecoveryKey reads the private key's file; nil without a path.
func readRecoveryKey(path string) (*auditseal.PrivateKey, error) {
	if path == "" {
		return nil, nil
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxKeyFile))
	defer clear(text)
	if err != nil {
		return nil, err
	}
	k, err := auditseal.ReadPrivateKey(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return k, nil
}
