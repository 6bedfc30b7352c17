package tlog

import (
	"bytes"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"trent/internal/audit"
)

// proofs is a log with the proof of each of its records.
func proofs(t *testing.T, n int) (tr *trail, all []audit.Record, files [][]byte) {
	t.Helper()
	tr = newTrail(t)
	tr.write(n)
	tr.update(tr.log())
	f := FilesOf(tr.logs, node)
	checkpoint, err := f.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	for r, err := range audit.Records(tr.trails) {
		if err != nil {
			t.Fatal(err)
		}
		r.JSON = bytes.Clone(r.JSON)
		file, err := f.Prove(checkpoint, &r)
		if err != nil {
			t.Fatal(err)
		}
		all, files = append(all, r), append(files, file)
	}
	return tr, all, files
}

// TestProofs: each record's proof proves that record, and no other; no byte of it,
// or of the record, can be another.
func TestProofs(t *testing.T) {
	t.Parallel()
	tr, records, files := proofs(t, 300)
	keys := tr.signer.keys(t)
	for i, r := range records {
		c, got, err := VerifyProof(files[i], r.JSON, keys...)
		if err != nil || len(c.Signers) != 2 || c.Size != 300 || got.Hash != r.Hash || got.Sequence != r.Sequence {
			t.Fatalf("record %d: %v, %v, %v", i+1, c, got.Sequence, err)
		}
		if _, _, err := VerifyProof(files[i], records[(i+1)%300].JSON, keys...); err == nil {
			t.Errorf("the proof of record %d is one of the next", i+1)
		}
	}
	file, json := files[257], records[257].JSON
	for i := rand.IntN(5); i < len(file); i += 5 { // each in some run
		bad := bytes.Clone(file)
		bad[i] ^= 1
		if c, _, err := VerifyProof(bad, json, keys...); err == nil && len(c.Signers) == 2 {
			t.Errorf("byte %d of the proof can be another: %q", i, bad)
		}
	}
	for i := range json {
		bad := bytes.Clone(json)
		bad[i] ^= 1
		if _, _, err := VerifyProof(file, bad, keys...); err == nil {
			t.Errorf("byte %d of the record can be another", i)
		}
	}
	if c, _, err := VerifyProof(file, json, newSigner(t).keys(t)...); err != nil || len(c.Signers) != 0 {
		t.Errorf("another log's keys have signed it: %v, %v", c, err)
	}
}

// TestNoProof: a record that is not in the log, or is behind its checkpoint, or is of
// a tile that was changed, is not proven.
func TestNoProof(t *testing.T) {
	t.Parallel()
	tr, records, _ := proofs(t, 300)
	f := FilesOf(tr.logs, node)
	checkpoint, err := f.Checkpoint()
	if err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func(r *audit.Record){
		"another hash":  func(r *audit.Record) { r.Hash[3] ^= 1 },
		"another place": func(r *audit.Record) { r.Sequence++ },
		"none":          func(r *audit.Record) { r.Sequence = 0 },
		"behind":        func(r *audit.Record) { r.Sequence = 301 },
		"another node":  func(r *audit.Record) { r.Node[0]++ },
	} {
		r := records[100]
		change(&r)
		if _, err := f.Prove(checkpoint, &r); err == nil {
			t.Errorf("%s is proven", name)
		}
	}
	path := f.folder.tile(0, 0, tileWidth)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := f.Prove(checkpoint, &records[100]); err == nil {
		t.Error("a tile that was changed proves something")
	}
}

// FuzzProof: no file makes VerifyProof fail otherwise than by an error, and what it
// takes for a proof of a record is one: its lines are the only way to write it.
func FuzzProof(f *testing.F) {
	f.Add([]byte(proofHead+"\nextra AAAA\nindex 0\n\norigin\n1\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n\n— a AAAAAAAA\n"), []byte("{}"))
	f.Add([]byte(proofHead+"\nindex 7\n\n\n\n"), []byte(""))
	f.Fuzz(func(t *testing.T, file, json []byte) {
		c, r, err := VerifyProof(file, json)
		if err != nil {
			return
		}
		if c.Origin != Origin(r.Node) || r.Sequence == 0 || r.Sequence > c.Size || !strings.HasPrefix(string(file), proofHead) {
			t.Errorf("%q proves %+v", file, r)
		}
	})
}
