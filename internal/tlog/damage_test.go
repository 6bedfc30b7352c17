package tlog

import (
	"context"
	"errors"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trent/internal/audit"
)

// TestDamagedFiles: whatever happens to a log's files, the next start has the tree
// of the trail again.
func TestDamagedFiles(t *testing.T) {
	t.Parallel()
	tr := newTrail(t)
	tr.write(600)
	tr.update(tr.log())
	tr.write(3)
	whole := tr.files()
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(tr.folder(), name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	stranger := &trail{T: t, trails: tr.trails, logs: filepath.Join(t.TempDir(), "x"), signer: newSigner(t), covered: tr.covered}
	stranger.update(stranger.log())
	for name, damage := range map[string]func(){
		"nothing":                    func() {},
		"no folder":                  func() { os.RemoveAll(tr.logs) },
		"no tiles":                   func() { os.RemoveAll(filepath.Join(tr.folder(), "tile")) },
		"no checkpoint":              func() { os.Remove(filepath.Join(tr.folder(), "checkpoint")) },
		"an empty checkpoint":        func() { write("checkpoint", "") },
		"no checkpoint, but text":    func() { write("checkpoint", "trent\n\n— x\n") },
		"a checkpoint with a change": func() { write("checkpoint", strings.Replace(whole["checkpoint"], "\n600\n", "\n599\n", 1)) },
		"another's checkpoint":       func() { write("checkpoint", stranger.files()["checkpoint"]) },
		"an edge with a change":      func() { write("tile/0/002.p/88", strings.Repeat("x", 88*32)) },
		"an edge that is short":      func() { write("tile/0/002.p/88", "x") },
		"a bundle with a change": func() {
			write("tile/entries/002.p/88", strings.Replace(whole["tile/entries/002.p/88"], "\x00\x20", "\x00\x21", 1))
		},
		"a bundle of other entries": func() { write("tile/entries/002.p/88", whole["tile/entries/001"][:88*34]) },
		"a link in place of a tile": func() {
			path := filepath.Join(tr.folder(), "tile/0/002.p/88")
			os.Remove(path)
			os.Symlink("/dev/zero", path)
		},
		"a tree that was not finished": func() {
			os.RemoveAll(filepath.Join(tr.folder(), "tile/0/002.p"))
			os.CopyFS(filepath.Join(tr.folder(), ".new"), os.DirFS(stranger.folder()))
		},
		"a tree between two places": func() {
			os.CopyFS(filepath.Join(tr.folder(), ".new"), os.DirFS(filepath.Join(tr.folder(), "tile")))
			os.Rename(filepath.Join(tr.folder(), "tile"), filepath.Join(tr.folder(), ".old"))
		},
		"temporary files": func() { write("tile/0/.002", "x"); write(".checkpoint", "x") },
	} {
		damage()
		tr.update(tr.log())
		tr.check()
		for file := range tr.files() {
			if strings.HasPrefix(file, anewName) || strings.HasPrefix(file, beforeName) {
				t.Errorf("%s is left", file)
			}
		}
		if err := os.RemoveAll(tr.logs); err != nil {
			t.Fatal(err)
		}
		for name, content := range whole {
			if err := os.MkdirAll(filepath.Dir(filepath.Join(tr.folder(), name)), 0o700); err != nil {
				t.Fatal(err)
			}
			write(name, content)
		}
		if t.Failed() {
			t.Fatal(name)
		}
	}
}

// TestKilledAnywhere: a log that is ended anywhere, with what it had not synced lost
// in part, has the tree of the trail after the next start, and never a checkpoint
// without its tiles.
func TestKilledAnywhere(t *testing.T) {
	t.Parallel()
	tr := newTrail(t)
	random := rand.New(rand.NewPCG(rand.Uint64(), 0))
	for range 25 {
		tr.write(1 + random.IntN(400))
		before := map[string]string{}
		if tr.covered.Sequence > 400 {
			before = tr.files()
		}
		ctx, cancel := context.WithCancel(t.Context())
		l := tr.log()
		calls, ends := 0, random.IntN(6)
		signer := endingSigner{tr.signer, func() {
			if calls++; calls > ends {
				cancel()
			}
		}}
		l.Signer = signer
		err := l.Update(ctx)
		cancel()
		if now := tr.filesIfAny(); err != nil && now["checkpoint"] != before["checkpoint"] && before["checkpoint"] != "" {
			t.Fatalf("%v, and another checkpoint", err)
		} else if err != nil {
			for name := range now { // not synced: lost, or empty
				if before[name] == "" && strings.HasPrefix(name, "tile/") && random.IntN(2) == 0 {
					if err := os.Truncate(filepath.Join(tr.folder(), name), 0); err != nil {
						t.Fatal(err)
					}
				}
			}
		}
		tr.update(tr.log())
		tr.check()
	}
}

// endingSigner calls end at each use.
type endingSigner struct {
	*signer
	end func()
}

func (s endingSigner) Keys(ctx context.Context) ([][]byte, error) {
	s.end()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return s.signer.Keys(ctx)
}

func (s endingSigner) Sign(ctx context.Context, spki, message []byte) ([]byte, error) {
	s.end()
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return s.signer.Sign(ctx, spki, message)
}

func (t *trail) filesIfAny() map[string]string {
	if _, err := os.Stat(t.folder()); err != nil {
		return nil
	}
	return t.files()
}

// TestMovedSegments: without its oldest segments the log goes on, from its own
// files; without these as well it says so, and signs nothing until they are back.
func TestMovedSegments(t *testing.T) {
	t.Parallel()
	tr := newTrail(t)
	tr.write(1500)
	tr.update(tr.log())
	segments, err := audit.Segments(tr.trails, node)
	if err != nil || len(segments) < 3 {
		t.Fatalf("%d segments, %v", len(segments), err)
	}
	away := filepath.Join(t.TempDir(), "away")
	if err := os.Rename(segments[0].Path, away); err != nil {
		t.Fatal(err)
	}
	hashes := slices.Clone(tr.hashes)
	tr.write(10) // reads those that are there
	tr.hashes = append(hashes, tr.hashes[len(tr.hashes)-10:]...)
	tr.update(tr.log())
	tr.check()

	tr.write(10)
	tiles := filepath.Join(tr.folder(), "tile")
	if err := os.Rename(tiles, tiles+"-away"); err != nil {
		t.Fatal(err)
	}
	before := tr.files()["checkpoint"]
	l := tr.log()
	if err := l.Update(t.Context()); !errors.Is(err, errGone) || l.State().Failures != 1 || !strings.Contains(l.State().Failure, "records 1 to ") {
		t.Errorf("%v; state %+v", err, l.State())
	}
	if tr.files()["checkpoint"] != before {
		t.Error("another checkpoint was signed")
	}
	if err := os.Rename(away, segments[0].Path); err != nil {
		t.Fatal(err)
	}
	tr.update(l)
	tr.write(0)
	tr.check()
	if l.State().Failure != "" {
		t.Errorf("%+v", l.State())
	}
}

// TestForksAreNotSigned: a trail that is not the one of the last checkpoint gets no
// other, whether the tiles are there or not, and overwrites none; nor does one that
// is shorter.
func TestForksAreNotSigned(t *testing.T) {
	t.Parallel()
	tr := newTrail(t)
	tr.write(400)
	tr.update(tr.log())
	for name, records := range map[string]int{"as long": 400, "longer": 700, "shorter": 300} {
		for _, tiles := range []bool{true, false} {
			fork := &trail{T: t, trails: t.TempDir(), logs: t.TempDir(), signer: tr.signer}
			if err := os.CopyFS(fork.logs, os.DirFS(tr.logs)); err != nil {
				t.Fatal(err)
			}
			if !tiles {
				os.RemoveAll(filepath.Join(fork.folder(), "tile/0/001.p"))
			}
			before := fork.files()
			fork.open()
			if err := fork.Append(t.Context(), []byte(`{"eventName":"Other"}`)); err != nil {
				t.Fatal(err)
			}
			fork.write(records - 1)
			err := fork.log().Update(t.Context())
			if err == nil && (records > 400 || !tiles) {
				t.Errorf("%s, tiles %v: no error", name, tiles)
			}
			after := fork.files()
			maps.DeleteFunc(after, func(name, _ string) bool { return strings.HasPrefix(name, anewName+"/") })
			if !maps.Equal(after, before) {
				t.Errorf("%s, tiles %v: another checkpoint was signed, or tiles were overwritten", name, tiles)
			}
			fork.Close()
		}
	}
}

// TestOnlyWhatDigestsCover: records behind the last digest are not in the tree, and a
// record that is not the digest's is not signed.
func TestOnlyWhatDigestsCover(t *testing.T) {
	t.Parallel()
	tr := newTrail(t)
	tr.write(20)
	covered := tr.covered
	tr.write(20)
	whole := tr.covered
	tr.covered = covered
	tr.update(tr.log())
	tr.check()
	tr.covered = whole
	tr.covered.Hash[0] ^= 1
	if err := tr.log().Update(t.Context()); err == nil {
		t.Error("a record that no digest covers was signed")
	}
	tr.covered.Hash[0] ^= 1
	tr.covered.Sequence++
	if err := tr.log().Update(t.Context()); err == nil {
		t.Error("a record that there is not was signed")
	}
}
