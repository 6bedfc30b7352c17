package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"trent/internal/audit"
	"trent/internal/auditseal"
)

const auditCatLong = `trent audit cat prints the records of the audit trail in a folder, or a copy of it,
one line of JSON each, in CloudTrail's shape, node after node, oldest first. It
needs no server: so the trail is read while Trent is sealed, or gone. Segments that
are encrypted are opened with the private recovery key.

Given one encrypted file of an export in place of a folder, it prints what the file
had been: gzip.

It checks checksums and the chain, and ends with an error where they break; who
wrote the records is what trent audit verify says.`

func auditCatCommand() *cobra.Command {
	var recovery string
	c := &cobra.Command{
		Use: "cat FOLDER|FILE", Short: "Print an audit trail's records, offline", Long: auditCatLong, Args: oneFolder,
		Example: `  trent audit cat ./copy --recovery-key audit-recovery-2026.key | jq -c 'select(.eventName == "Decrypt")'
  trent audit cat ./111122223333_CloudTrail_eu-west-1_20261123T0805Z_x.json.gz.sealed --recovery-key audit-recovery-2026.key | zcat`,
		RunE: func(c *cobra.Command, args []string) error {
			key, err := readRecoveryKey(recovery)
			if err != nil {
				return usageError(c, fmt.Errorf("--recovery-key: %w", err))
			}
			info, err := os.Stat(args[0])
			if err != nil {
				return err
			}
			if info.IsDir() {
				return catTrail(c.OutOrStdout(), args[0], key)
			}
			return catFile(c, args[0], key)
		},
	}
	c.Flags().StringVar(&recovery, "recovery-key", "", "`file` of the private recovery key, for what is encrypted")
	return c
}

// opener is a key as what reads a trail takes it.
func opener(k *auditseal.PrivateKey) audit.Opener {
	if k == nil {
		return nil
	}
	return k
}

func catTrail(out io.Writer, folder string, key *auditseal.PrivateKey) error {
	nodes, err := audit.Nodes(folder)
	if err != nil {
		return err
	}
	w := bufio.NewWriterSize(out, 1<<16)
	for _, node := range nodes {
		if err = catNode(w, folder, node, key); err != nil {
			break
		}
	}
	return errors.Join(err, w.Flush())
}

// catNode prints one node's records. The newest segment may end in a torn record,
// as a crash or a running server leaves it.
func catNode(w *bufio.Writer, folder string, node [16]byte, key *auditseal.PrivateKey) error {
	segments, err := audit.SegmentsWith(folder, node, opener(key))
	if err != nil {
		return err
	}
	var last audit.Head
	var failed error
	for i := range segments {
		err := segments[i].Scan(func(r audit.Record) bool {
			if last.Sequence > 0 && (r.Sequence != last.Sequence+1 || r.PreviousHash != last.Hash) {
				failed = fmt.Errorf("%w: record %d of node %x does not follow record %d", audit.ErrDamaged, r.Sequence, node, last.Sequence)
				return false
			}
			last = audit.Head{Sequence: r.Sequence, Hash: r.Hash}
			_, failed = w.Write(append(r.JSON[:len(r.JSON):len(r.JSON)], '\n'))
			return failed == nil
		})
		if errors.Is(err, audit.ErrSealed) && key == nil {
			err = fmt.Errorf("%w: give --recovery-key", err)
		}
		if err = errors.Join(failed, err); err != nil {
			return err
		}
	}
	return nil
}

// maxSealedFile bounds what is read of a file that is to be opened.
const maxSealedFile = 1 << 30

// catFile opens one sealed file. That it is under its own name shows by the end of
// its path.
func catFile(c *cobra.Command, path string, key *auditseal.PrivateKey) error {
	if key == nil {
		return usageError(c, errors.New("a file is opened with --recovery-key"))
	}
	b, err := audit.ReadRegular(path, maxSealedFile)
	if err != nil {
		return err
	}
	name, _, err := auditseal.Name(b)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	plain, err := key.Open(name, b)
	if err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	own := name[strings.LastIndexByte(name, '/')+1:]
	if segment, is := strings.CutSuffix(own, ".log"); is {
		own = segment + ".sealed"
	}
	if !strings.HasSuffix(path, own) {
		fmt.Fprintln(c.ErrOrStderr(), clean("audit cat: the file was sealed under another name: "+name))
	}
	_, err = c.OutOrStdout().Write(plain)
	return err
}
