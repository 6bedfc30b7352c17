package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"trent/internal/admin"
)

const auditLong = `The audit trail is a folder of files. Its records are chained by hashes, and every
five minutes the crypto module signs what the end of the chain is: a digest. What
has ended and is signed can be encrypted.`

func auditCommand() *cobra.Command {
	c := &cobra.Command{Use: "audit", Short: "Search, verify and read the audit trail", Long: auditLong, Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(auditVerifyCommand(), auditQueryCommand(), auditKeysCommand(), auditCheckpointCommand(), auditProveCommand(), auditVerifyProofCommand(),
		auditCatCommand(), auditRecoveryKeyCommand())
	return c
}

const auditKeysLong = `trent audit keys prints the public keys that verify the digests of the audit trail,
as one PEM file. Keep it where those who can write to the trail cannot: trent
audit verify takes it.`

func auditKeysCommand() *cobra.Command {
	var f operatorFlags
	c := &cobra.Command{
		Use: "keys", Short: "Print the public keys of the digests", Long: auditKeysLong, Args: noArguments,
		Example: `  trent audit keys > trent-audit-keys.pem
  trent audit verify /var/lib/trent/audit --public-key trent-audit-keys.pem`,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := f.client(c)
			if err != nil {
				return err
			}
			status, err := client.Status(c.Context())
			if err != nil {
				return f.hint(c, err)
			}
			if f.output == outputJSON {
				return show(c.OutOrStdout(), f.output, status.Audit.Keys, func(*table, []admin.AuditKey) {})
			}
			for _, k := range status.Audit.Keys {
				fmt.Fprint(c.OutOrStdout(), k.PublicKey)
			}
			return nil
		},
	}
	f.register(c)
	return c
}
