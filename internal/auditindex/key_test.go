package auditindex

import (
	"bytes"
	"errors"
	"testing"

	"trent/internal/audit"
	"trent/internal/secret"
)

// TestHashesAreKeyed: the hash of a term tells nothing to who has another key, and
// a file of another key is none.
func TestHashesAreKeyed(t *testing.T) {
	t.Parallel()
	one, other := newHasher(secret.Copy([]byte("one"))), newHasher(secret.Copy([]byte("other")))
	term := Term{Kind: Principal, Value: "alice"}
	if one.of(term) != newHasher(secret.Copy([]byte("one"))).of(term) || one.of(term) == other.of(term) || one.id == other.id {
		t.Error("hashes do not go by the key")
	}
	segment := audit.Segment{Epoch: 1, Number: 1, Bytes: 1000}
	b := newBuilder(0, one)
	b.add(64, []byte(`{"eventTime":"2026-11-20T08:00:00Z","userIdentity":{"userName":"alice"}}`))
	file := b.file(&segment)
	if !bytes.HasPrefix(file, named(&segment, one.id)) || bytes.HasPrefix(file, named(&segment, other.id)) {
		t.Error("the file does not say which key it is of")
	}
	path := t.TempDir() + "/x.idx"
	if err := writeFile(path, file); err != nil {
		t.Fatal(err)
	}
	for h, want := range map[*hasher]error{one: nil, other: errStale} {
		x, err := openIndex(path, &segment, h)
		if !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
		if err == nil {
			if got, err := x.having(term); err != nil || len(got) != 1 {
				t.Errorf("%v, %v", got, err)
			}
			x.f.Close()
		}
	}
}
