package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"trent/internal/admin"
)

const auditCheckpointLong = `trent audit checkpoint prints the newest checkpoint of the audit trail's transparency
log: a signed note (C2SP tlog-checkpoint) of how many records the trail has and the
root of the Merkle tree over them. The server makes one soon after each digest.

Have others sign it who are not under your command, or keep it with them. Then no
record up to it can be changed or removed without a trace, by whoever has the
server and its crypto module either: trent audit verify --head takes it.

--keys prints the log's verifier keys, which witnesses are told. --old SIZE prints
what a witness's add-checkpoint takes (C2SP tlog-witness): the proof that the log
continues the one of that size, and the checkpoint. What the witness answers are
lines to append to the checkpoint.`

func auditCheckpointCommand() *cobra.Command {
	var f operatorFlags
	var keys bool
	var old uint64
	c := &cobra.Command{
		Use: "checkpoint", Short: "Print the newest checkpoint of the audit trail, for witnesses", Long: auditCheckpointLong, Args: noArguments,
		Example: `  trent audit checkpoint > checkpoint
  trent audit checkpoint --keys
  trent audit checkpoint --old 20852014 | curl --data-binary @- https://witness.example/add-checkpoint`,
		RunE: func(c *cobra.Command, _ []string) error {
			client, err := f.client(c)
			if err != nil {
				return err
			}
			s, err := client.Checkpoint(c.Context(), admin.CheckpointQuery{Old: old})
			if err != nil {
				return f.hint(c, err)
			}
			out := c.OutOrStdout()
			switch {
			case f.output == outputJSON:
				return show(out, f.output, s, func(*table, admin.SignedCheckpoint) {})
			case keys:
				fmt.Fprintln(out, strings.Join(s.Keys, "\n"))
			case c.Flags().Changed("old"):
				fmt.Fprintf(out, "old %d\n%s\n%s", old, lines(s.Consistency), s.Checkpoint)
			default:
				fmt.Fprint(out, s.Checkpoint)
			}
			return nil
		},
	}
	f.register(c)
	c.Flags().BoolVar(&keys, "keys", false, "print the log's verifier keys")
	c.Flags().Uint64Var(&old, "old", 0, "print a request to a witness who knows the log at this `size`; 0: not at all")
	return c
}

// lines ends each text with a newline.
func lines(texts []string) (all string) {
	for _, t := range texts {
		all += t + "\n"
	}
	return all
}
