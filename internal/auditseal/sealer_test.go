package auditseal

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trent/internal/audit"
	"trent/internal/digest"
)

// sound checks that the trail has all its records, with and without a key.
func (w *trail) sound(dir string) {
	w.Helper()
	for name, o := range map[string]audit.Opener{"no key": nil, "the recovery key": w.recovery, "the KMS key": &Reader{w.Context(), w.keys}} {
		r := w.verify(dir, o)
		if !r.Sound() || r.Nodes[0].First != 1 || r.Nodes[0].Last != uint64(w.records) || r.Nodes[0].Records != uint64(w.records) || r.Nodes[0].Unsigned != 0 {
			w.Errorf("with %s: %+v, %.500v; want %d records", name, r.Nodes, r.Findings, w.records)
		}
	}
	n := 0
	for r, err := range audit.RecordsWith(dir, w.recovery) {
		if n++; err != nil || !strings.Contains(string(r.JSON), fmt.Sprintf(`"Event%d"`, n)) {
			w.Fatalf("record %d: %s, %v", n, r.JSON, err)
		}
	}
	if n != w.records {
		w.Errorf("%d records can be read, of %d", n, w.records)
	}
}

// TestSealedTrail: of a trail that goes on, all but the end is sealed, nothing of
// it stays in the clear, and all of it can be verified and read.
func TestSealedTrail(t *testing.T) {
	t.Parallel()
	w := newTrail(t)
	if n := w.seal(); n != 0 {
		t.Fatalf("%d segments of an empty trail are sealed", n)
	}
	for range 3 {
		w.write(100)
		if n := w.seal(); n < 2 {
			t.Fatalf("%d segments were sealed", n)
		}
		w.sound(w.dir)
		if clear := w.files(w.dir, ".log"); len(clear) != 1 && len(clear) != 2 {
			t.Errorf("in the clear there are %q", clear)
		}
	}
	for _, path := range w.files(w.dir, ".sealed") {
		b, err := os.ReadFile(path)
		if err != nil || strings.Contains(string(b), "eventName") {
			t.Errorf("%s: %v, or records in the clear", path, err)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%v, %v", info, err)
		}
	}
}

// TestSealingGoesOn: a process that ends between any two steps leaves each segment
// in one form at least, and a trail that verifies; the next one goes on.
func TestSealingGoesOn(t *testing.T) {
	t.Parallel()
	ended := errors.New("ended")
	for _, step := range []string{"written", "sealed", "digest"} {
		for count := 1; count <= 3; count++ {
			w := newTrail(t)
			w.write(60)
			left := count
			w.sealer.at = func(at string) error {
				if at == step {
					left--
				}
				if left <= 0 {
					return ended
				}
				return nil
			}
			for left > 0 {
				if n, err := w.sealer.Seal(t.Context()); err == nil && n == 0 {
					break // a step that comes once
				} else if err != nil && !errors.Is(err, ended) {
					t.Fatal(err)
				}
			}
			w.sound(w.copied())
			w.sealer = w.newSealer(w.sealer.Recovery)
			w.seal()
			w.sound(w.dir)
			if left, err := filepath.Glob(filepath.Join(w.dir, "*", "*", ".*")); err != nil || len(left) > 0 {
				t.Errorf("%s: %q are left, %v", step, left, err)
			}
			for _, path := range w.files(w.dir, ".sealed") {
				if _, err := os.Stat(strings.TrimSuffix(path, ".sealed") + ".log"); !errors.Is(err, os.ErrNotExist) {
					t.Errorf("%s: %s is in the clear too", step, path)
				}
			}
		}
	}
}

// TestNamedSegmentsAreNotSealedAgain: if the process ended behind the digest, only
// the clear file is left to remove; unless the sealed one is not what was named.
func TestNamedSegmentsAreNotSealedAgain(t *testing.T) {
	t.Parallel()
	for _, damaged := range []bool{false, true} {
		w := newTrail(t)
		w.write(40)
		w.sealer.at = func(at string) error {
			if at == "digest" {
				return errKey
			}
			return nil
		}
		if _, err := w.sealer.Seal(t.Context()); !errors.Is(err, errKey) {
			t.Fatal(err)
		}
		sealed, made := w.files(w.dir, ".sealed"), w.keys.made
		if damaged {
			if err := os.WriteFile(sealed[0], []byte("damaged"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		w.sealer.at = nil
		if n := w.seal(); n != len(sealed) || (w.keys.made != made) != damaged {
			t.Errorf("%d of %d clear files were removed, with %d more keys; damaged: %v", n, len(sealed), w.keys.made-made, damaged)
		}
		w.sound(w.dir)
	}
}

// TestForgedSegmentsAreNotSealed: what was changed in the clear is not made
// trustworthy by sealing it, and stays for verification to find; the others are
// sealed.
func TestForgedSegmentsAreNotSealed(t *testing.T) {
	t.Parallel()
	w := newTrail(t)
	w.write(60)
	clear := w.files(w.dir, ".log")
	b, err := os.ReadFile(clear[1])
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-10] ^= 1
	if err := os.WriteFile(clear[1], b, 0o600); err != nil {
		t.Fatal(err)
	}
	n, err := w.sealer.Seal(t.Context())
	if !errors.Is(err, digest.ErrUnproven) || n == 0 {
		t.Errorf("%d segments were sealed, %v", n, err)
	}
	if _, err := os.Stat(clear[1]); err != nil {
		t.Error(err)
	}
	if r := w.verify(w.dir, nil); r.Sound() {
		t.Error("what was changed is not found")
	}
}

// TestSealingPauses: with a key that cannot be used everything stays in the clear,
// which is said once; and it goes on.
func TestSealingPauses(t *testing.T) {
	t.Parallel()
	w := newTrail(t)
	w.write(60)
	w.keys.disabled = true
	w.sealer.look(t.Context())
	if len(w.files(w.dir, ".sealed")) != 0 || !strings.Contains(w.sealer.Failure(), errKey.Error()) {
		t.Errorf("%q, %q", w.files(w.dir, ".sealed"), w.sealer.Failure())
	}
	w.keys.disabled = false
	w.sealer.look(t.Context())
	if w.sealer.Failure() != "" || w.sealer.Sealed() == 0 || w.seal() != 0 {
		t.Errorf("%q, %d", w.sealer.Failure(), w.sealer.Sealed())
	}
	w.sound(w.dir)
}
