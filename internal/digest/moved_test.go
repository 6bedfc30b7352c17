package digest

import (
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"trent/internal/audit"
	"trent/internal/tlog"
)

// logSigner signs checkpoints.
type logSigner struct{ ed25519.PrivateKey }

func (s logSigner) Keys(context.Context) ([][]byte, error) {
	spki, err := x509.MarshalPKIXPublicKey(s.Public())
	return [][]byte{spki}, err
}

func (s logSigner) Sign(_ context.Context, _, message []byte) ([]byte, error) {
	return ed25519.Sign(s.PrivateKey, message), nil
}

// TestTreesOfMovedRecords: of a trail whose begin was moved away, a checkpoint is
// checked with the log's hashes; without the log it is said that it cannot be; and
// what was changed is found, in the records or in the log.
func TestTreesOfMovedRecords(t *testing.T) {
	t.Parallel()
	tr := usual(t)
	logs := t.TempDir()
	a, m := tr.open()
	tr.digest(m)
	head := a.Head()
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	l := tlog.New(tlog.Config{
		Trail: tr.dir, Folder: logs, Node: node, Signer: logSigner{ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))},
		Covered: func() audit.Head { return head }, Now: time.Now, Log: discard(),
	})
	if err := l.Update(t.Context()); err != nil {
		t.Fatal(err)
	}
	whole, early := tree(t, tr.dir, head.Sequence), tree(t, tr.dir, 2)
	files := segments(t, tr.dir)
	if err := os.Remove(files[0]); err != nil {
		t.Fatal(err)
	}
	var first uint64
	for r := range audit.Records(tr.dir) {
		first = r.Sequence
		break
	}
	check := func(what, text string, o Options) {
		t.Helper()
		o.From = from(first)
		r := tr.verify(tr.dir, o)
		if text == "" && (!r.Sound() || r.Nodes[0].Checkpoint != head.Sequence) {
			t.Errorf("%s: %v, up to %d", what, r.Findings, r.Nodes[0].Checkpoint)
		}
		if text != "" && (len(r.Findings) != 1 || !strings.Contains(r.Findings[0].What, text)) {
			t.Errorf("%s: %v, want %q", what, r.Findings, text)
		}
	}
	check("with the log", "", Options{Trees: []Tree{whole}, Logs: logs})
	check("without it", "which is not given", Options{Trees: []Tree{whole}})
	check("with another folder", "does not have the hashes of records 1 to ", Options{Trees: []Tree{whole}, Logs: t.TempDir()})
	check("of moved records alone", "cannot be checked", Options{Trees: []Tree{early}, Logs: logs})
	tiles, err := filepath.Glob(filepath.Join(tlog.FolderOf(logs, node), "tile/0/000.p/*"))
	if err != nil || len(tiles) != 1 {
		t.Fatalf("%v, %v", tiles, err)
	}
	b, err := os.ReadFile(tiles[0])
	if err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1
	if err := os.WriteFile(tiles[0], b, 0o600); err != nil {
		t.Fatal(err)
	}
	check("with a log that was changed", "are not those of the checkpoint", Options{Trees: []Tree{whole}, Logs: logs})
}
