package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"trent/internal/audit"
	"trent/internal/tlog"
)

const auditProveLong = `trent audit prove makes, of an audit trail in a folder or a copy of it and of its
transparency log, the proof that one record stands in the trail: a file that
anybody can verify, without the trail and without a server.

It writes two files: the record's JSON as it stands in the trail, and the proof
(C2SP tlog-proof) with the checkpoint. Give the one that witnesses have signed with
--checkpoint; without, the newest of the log is taken.`

func auditProveCommand() *cobra.Command {
	var event, logs, checkpoint, out string
	c := &cobra.Command{
		Use: "prove FOLDER", Short: "Prove that a record stands in the audit trail", Long: auditProveLong, Args: oneFolder,
		Example: `  trent audit prove /var/lib/trent/audit --event 1b4df1bc-8c1e-4b0e-9c3e-0d7a3a1c9b55
  trent audit prove ./copy/audit --event 1b4df1bc-… --checkpoint witnessed --out ./evidence`,
		RunE: func(c *cobra.Command, args []string) error {
			if event == "" {
				return usageError(c, errors.New("--event is missing: the eventID of the record"))
			}
			if logs == "" {
				logs = logsBeside(args[0])
			}
			return prove(c, args[0], logs, event, checkpoint, out)
		},
	}
	c.Flags().StringVar(&event, "event", "", "`eventID` of the record")
	c.Flags().StringVar(&logs, "log", "", "`folder` of the transparency logs; default audit-tlog beside FOLDER")
	c.Flags().StringVar(&checkpoint, "checkpoint", "", "`file` of the checkpoint; default the newest of the log")
	c.Flags().StringVar(&out, "out", ".", "`folder` for the two files")
	return c
}

// logsBeside is where the logs of the trails in a folder are.
func logsBeside(trails string) string {
	return filepath.Join(filepath.Dir(filepath.Clean(trails)), "audit-tlog")
}

func prove(c *cobra.Command, trails, logs, event, checkpoint, out string) error {
	r, err := findEvent(trails, event)
	if err != nil {
		return err
	}
	files := tlog.FilesOf(logs, r.Node)
	var signed []byte
	if checkpoint == "" {
		signed, err = files.Checkpoint()
	} else {
		signed, err = os.ReadFile(checkpoint)
	}
	if err != nil {
		return err
	}
	proof, err := files.Prove(signed, r)
	if err != nil {
		return err
	}
	if err := writeProof(filepath.Join(out, event), r.JSON, proof); err != nil {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "record %d of %x: %s and %s\n", r.Sequence, r.Node, event+".json", event+".tlog-proof")
	return nil
}

// writeProof writes both files, or none.
func writeProof(name string, record, proof []byte) (err error) {
	var files []*newFile
	defer func() {
		for _, n := range files {
			err = errors.Join(err, n.discard())
		}
	}()
	for _, part := range [...]struct {
		name    string
		content []byte
	}{{name + ".json", record}, {name + ".tlog-proof", proof}} {
		n, err := createNew(part.name, 0o600)
		if err != nil {
			return alreadyThere(part.name, "a proof", err)
		}
		files = append(files, n)
		if _, err := n.Write(part.content); err != nil {
			return err
		}
	}
	return keepAll(files...)
}

// findEvent finds the record of an event in the trails of a folder. Segments that
// are sealed, or damaged, are passed over.
func findEvent(trails, event string) (*audit.Record, error) {
	nodes, err := audit.Nodes(trails)
	if err != nil {
		return nil, err
	}
	var found *audit.Record
	look := func(r audit.Record) bool {
		var e struct {
			EventID string `json:"eventID"`
		}
		if bytes.Contains(r.JSON, []byte(event)) && json.Unmarshal(r.JSON, &e) == nil && e.EventID == event {
			r.JSON = bytes.Clone(r.JSON)
			found = &r
		}
		return found == nil
	}
	var unread error
	for _, node := range nodes {
		segments, err := audit.Segments(trails, node)
		if err != nil {
			return nil, err
		}
		for i := range segments {
			if err := segments[i].Scan(look); err != nil {
				unread = err
			}
			if found != nil {
				return found, nil
			}
		}
	}
	if unread != nil {
		return nil, fmt.Errorf("no record that can be read in %s has the eventID %s: %w", trails, clean(event), unread)
	}
	return nil, fmt.Errorf("no record in %s has the eventID %s", trails, clean(event))
}

const auditVerifyProofLong = `trent audit verify-proof verifies that a record is in an audit trail, by the proof that
trent audit prove made, without the trail and without a server. Exit status 1 says
that it is not proven.

--witness gives the keys that must have signed the checkpoint: those of witnesses, the
log's own (trent audit checkpoint --keys), or both. Without any, nothing is proven.`

func auditVerifyProofCommand() *cobra.Command {
	var w witnesses
	var output string
	c := &cobra.Command{
		Use: "verify-proof PROOF RECORD", Short: "Verify the proof that a record stands in an audit trail", Long: auditVerifyProofLong,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usageError(c, fmt.Errorf("want the files of a proof and of a record, got %d arguments", len(args)))
			}
			return nil
		},
		Example: `  trent audit verify-proof 1b4df1bc-….tlog-proof 1b4df1bc-….json --witness keys
  trent audit verify-proof 1b4df1bc-….tlog-proof 1b4df1bc-….json --witness keys --witness witness.example/w1+a5bf2f37+BK…`,
		RunE: func(c *cobra.Command, args []string) error {
			keys, least, err := w.keys()
			if err == nil && len(keys) == 0 {
				err = errors.New("--witness is missing: whose signature is to be believed")
			}
			if err == nil && output != outputTable && output != outputJSON {
				err = fmt.Errorf("--output %q: want table or json", output)
			}
			if err != nil {
				return usageError(c, err)
			}
			p, err := verifyProof(args[0], args[1], keys, least)
			if err != nil {
				return err
			}
			return show(c.OutOrStdout(), output, p, provenTable)
		},
	}
	w.register(c)
	outputFlag(c, &output)
	return c
}

// proven is the result of trent audit verify-proof.
type proven struct {
	Node     string   `json:"node"`
	Sequence uint64   `json:"sequence"`
	Hash     string   `json:"hash"`
	Size     uint64   `json:"checkpointSize"`
	Signers  []string `json:"signers"`
	// Witnessed: one of the signers is not the log itself.
	Witnessed bool `json:"witnessed"`
}

func verifyProof(proof, record string, keys []*tlog.Key, least int) (p proven, err error) {
	file, err := audit.ReadRegular(proof, audit.MaxRecordBytes)
	if err != nil {
		return p, err
	}
	json, err := audit.ReadRegular(record, audit.MaxRecordBytes)
	if err != nil {
		return p, err
	}
	c, r, err := tlog.VerifyProof(file, json, keys...)
	if err != nil {
		return p, err
	}
	signers, err := signedBy(c, keys, least)
	if err != nil {
		return p, err
	}
	p = proven{Signers: signers, Witnessed: slices.ContainsFunc(signers, func(name string) bool { return name != c.Origin }), Node: fmt.Sprintf("%x", r.Node), Sequence: r.Sequence, Hash: fmt.Sprintf("%x", r.Hash), Size: c.Size}
	return p, nil
}

func provenTable(t *table, p proven) {
	t.row(fmt.Sprintf("Proven: this is record %d of the trail of %s.", p.Sequence, p.Node))
	t.row("hash", p.Hash)
	t.row("checkpoint", fmt.Sprintf("%d records", p.Size))
	for i, name := range p.Signers {
		t.row(once(i, "signed by"), name)
	}
	if !p.Witnessed {
		t.row("No witness's signature was looked at: whoever has the log's keys can have made another log.")
	}
}
