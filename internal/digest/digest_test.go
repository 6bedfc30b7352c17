package digest

import (
	"context"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"trent/internal/audit"
)

func TestSound(t *testing.T) {
	t.Parallel()
	tr := usual(t)
	r := tr.verify(tr.dir, Options{})
	if !r.Sound() || len(r.Nodes) != 1 || !r.KeysGiven {
		t.Fatalf("%+v", r)
	}
	n := r.Nodes[0]
	if n.Records != 78 || n.First != 1 || n.Last != 78 || n.Digests != 6 || n.Covered != 75 || n.Unsigned != 3 || n.Torn {
		t.Errorf("%+v", n)
	}
	// Without keys, those beside the trail do.
	if r := tr.verify(tr.dir, Options{Keys: [][]byte{}}); !r.Sound() || r.KeysGiven {
		t.Errorf("%+v", r)
	}
	// Another service's keys do not.
	if r := tr.verify(tr.dir, Options{Keys: newSigner(t).trusted(t)}); r.Sound() {
		t.Error("digests of unknown keys are taken")
	}
}

// TestMovedAway: a trail whose begin was moved away is sound where its reader
// knows that.
func TestMovedAway(t *testing.T) {
	t.Parallel()
	tr := usual(t)
	if err := os.Remove(filepath.Join(tr.dir, hex.EncodeToString(node[:]), "00000001", "00000001.log")); err != nil {
		t.Fatal(err)
	}
	r := tr.verify(tr.dir, Options{})
	if r.Sound() || r.Nodes[0].First < 2 {
		t.Fatalf("a missing segment is not found: %+v", r)
	}
	if again := tr.verify(tr.dir, Options{From: r.Nodes[0].First}); !again.Sound() || again.Nodes[0].Covered != 75 {
		t.Errorf("%+v", again)
	}
	if again := tr.verify(tr.dir, Options{From: r.Nodes[0].First - 1}); again.Sound() {
		t.Error("one more record is missing")
	}
}

// TestCutEnd: what was cut off behind the last digest that is left shows by a
// head that is kept elsewhere, and the service's next start refuses a trail
// that is shorter than its last digest says.
func TestCutEnd(t *testing.T) {
	t.Parallel()
	tr := newTrail(t)
	a, m := tr.open()
	tr.write(a, 5)
	tr.digest(m)
	tr.write(a, 5)
	last := tr.digest(m)
	if err := a.Close(); err != nil {
		t.Fatal(err)
	}
	head := Head{Node: node, Sequence: last.Sequence}
	hex.Decode(head.Hash[:], []byte(last.Hash))
	if r := tr.verify(tr.dir, Options{Heads: []Head{head}}); !r.Sound() {
		t.Fatalf("%+v", r.Findings)
	}
	e := read(t, tr.dir)
	e.records = e.records[:7]
	e.write(t, tr.dir)

	if r := tr.verify(tr.dir, Options{}); r.Sound() {
		t.Error("records that a digest covers are missing")
	}
	covered, err := Covered(tr.dir, node)
	if err != nil || covered.Sequence != last.Sequence {
		t.Fatalf("%+v, %v", covered, err)
	}
	if _, err := audit.Open(t.Context(), tr.dir, audit.Options{Node: node, Mode: audit.Relaxed, Covered: covered}); !errors.Is(err, audit.ErrLost) {
		t.Errorf("a start goes on behind a cut: %v", err)
	}
	if err := os.Remove(filepath.Join(tr.dir, hex.EncodeToString(node[:]), folderName, fileName(last.Number))); err != nil {
		t.Fatal(err)
	}
	if r := tr.verify(tr.dir, Options{}); !r.Sound() || r.Nodes[0].Last != 7 {
		t.Errorf("what is left fits together: %+v", r)
	}
	if r := tr.verify(tr.dir, Options{Heads: []Head{head}}); r.Sound() {
		t.Error("a head that is kept elsewhere does not show the cut")
	}
	head.Node[0]++
	if r := tr.verify(tr.dir, Options{Heads: []Head{head}}); r.Sound() {
		t.Error("a whole node is missing")
	}
}

// TestIntervals: a digest is made at once, every five minutes without any
// traffic, when a segment has ended, and at the stop.
func TestIntervals(t *testing.T) {
	t.Parallel()
	dir := t.TempDir() // outside of the bubble
	synctest.Test(t, func(t *testing.T) {
		tr := &trail{T: t, dir: dir, signer: newSigner(t)}
		a, _ := tr.open()
		wake := make(chan struct{}, 1)
		c := tr.config(a)
		c.Wake = wake
		m, err := Open(c)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { m.Run(ctx); close(done) }()
		expect := func(number, sequence uint64) {
			t.Helper()
			synctest.Wait()
			if last := m.Last(); last == nil || last.Number != number || last.Sequence != sequence {
				t.Errorf("%+v, want number %d, record %d", last, number, sequence)
			}
		}
		expect(1, 0)
		time.Sleep(15*time.Minute + time.Second)
		expect(4, 0)
		tr.write(a, 2)
		wake <- struct{}{}
		expect(5, 2)
		tr.write(a, 1)
		cancel()
		<-done
		expect(6, 3)
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		if r := tr.verify(dir, Options{}); !r.Sound() || r.Nodes[0].Unsigned != 0 || r.Nodes[0].Digests != 6 {
			t.Errorf("%+v", r)
		}
	})
}

func TestAbsence(t *testing.T) {
	t.Parallel()
	tr := usual(t)
	at := func(minute int) time.Time { return time.Date(2026, 11, 20, 8, minute, 0, 0, time.UTC) }
	for _, test := range []struct {
		name         string
		since, until time.Time
		proven       bool
	}{
		{"Event99", time.Time{}, time.Time{}, true},
		{"Event5", at(6), at(59), true},
		{"Event5", at(5), at(59), false},
		{"Event5", at(0), at(4), true},
		{"Event5", time.Time{}, time.Time{}, false},
		{"Event99", time.Time{}, time.Now().Add(time.Hour), false}, // not covered yet
	} {
		a := &Absence{Name: test.name, Since: test.since, Until: test.until}
		r := tr.verify(tr.dir, Options{Visit: a.Visit})
		a.Conclude(r)
		if a.Proven != test.proven || r.Sound() != test.proven {
			t.Errorf("%s %v–%v: %+v", test.name, test.since, test.until, a)
		}
	}
}

// TestStrippedSignature: each algorithm must have signed, so that breaking one
// is of no use.
func TestStrippedSignature(t *testing.T) {
	t.Parallel()
	tr := usual(t)
	path := filepath.Join(tr.dir, hex.EncodeToString(node[:]), folderName, fileName(3))
	whole, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	lines := strings.SplitAfter(string(whole), "\n")
	for _, left := range []string{lines[0] + lines[1], lines[0] + lines[2], lines[0]} {
		if err := os.WriteFile(path, []byte(left), 0o600); err != nil {
			t.Fatal(err)
		}
		if r := tr.verify(tr.dir, Options{}); r.Sound() {
			t.Errorf("%d bytes of %d are enough", len(left), len(whole))
		}
	}
}

// FuzzParse: what is taken is exactly what a digest's file is made as.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"type":"trent-audit-digest-1","node":"000102030405060708090a0b0c0d0e0f","number":1,"time":"2026-11-23T08:00:00.000Z","previous":"","after":0,"epoch":1,"sequence":2,"hash":"` +
		strings.Repeat("ab", 32) + `","storeRevision":3}` + "\nECDSA_SHA_384 " + strings.Repeat("cd", 16) + " AAAA\n"))
	f.Add([]byte("{}\nA b c\n"))
	f.Fuzz(func(t *testing.T, file []byte) {
		d, err := Parse(file)
		if err != nil {
			return
		}
		if again := encodeFile(d.Signed, d.Signatures); string(again) != string(file) {
			t.Errorf("%q is taken, and made as %q", file, again)
		}
	})
}
