package export

import (
	"bytes"
	"encoding/binary"
	"os"
	"testing"

	"trent/internal/audit"
)

// opener opens what is sealed in name only, and counts.
type opener struct{ opened map[string]int }

func (o opener) Open(name string, sealed []byte) ([]byte, error) {
	o.opened[name]++
	return bytes.Clone(sealed[len(audit.SealedMagic)+8:]), nil
}

// TestSealedOpenedOnce: to open a sealed segment is a use of the key, with a record
// in the trail: once for each, however many batches it is read in.
func TestSealedOpenedOnce(t *testing.T) {
	t.Parallel()
	w, m, o := newWorld(t), &memory{}, opener{map[string]int{}}
	w.append(60, "111122223333")
	segments := mustSegments(t, w)
	for _, s := range segments[:len(segments)-1] {
		b, err := os.ReadFile(s.Path)
		if err != nil {
			t.Fatal(err)
		}
		sealed := append(binary.BigEndian.AppendUint64([]byte(audit.SealedMagic), uint64(len(b))), b...)
		if err := os.WriteFile(s.SealedPath(), sealed, 0o600); err != nil {
			t.Fatal(err)
		}
		mustRemove(t, s.Path)
	}
	c := w.config()
	c.Opener = o
	x, err := New(c, plainExport("a"))
	if err != nil {
		t.Fatal(err)
	}
	x.deliverTo(m).limit, x.MaxBytes = 800, 800
	mustRound(t, x)
	mustEqual(t, "delivered", m.ids, ids(1, 1, 60))
	if len(m.lots) < 20 || len(o.opened) != len(segments)-1 || len(o.opened) < 3 {
		t.Fatalf("%d batches of %d segments", len(m.lots), len(o.opened))
	}
	for name, times := range o.opened {
		if times != 1 {
			t.Errorf("%s is opened %d times", name, times)
		}
	}
	if x.r.sealed != nil {
		t.Error("a sealed segment stays in memory in the clear when it has been read")
	}
}
