package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestNewFileFollowsNothing: what somebody else has put in the way, under the names
// that a new file has or may have, is neither followed nor written to nor replaced.
func TestNewFileFollowsNothing(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	victim := filepath.Join(folder, "victim")
	if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"q4.html", "q4.json"} {
		if err := os.Symlink(victim, filepath.Join(folder, name+".partial")); err != nil {
			t.Fatal(err)
		}
	}
	p, err := createPair(filepath.Join(folder, "q4"))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range []*newFile{p.html, p.json} {
		if _, err := n.Write([]byte("report")); err != nil {
			t.Fatal(err)
		}
	}
	// In the meantime somebody takes the second name.
	if err := os.Symlink(filepath.Join(folder, "nowhere"), filepath.Join(folder, "q4.json")); err != nil {
		t.Fatal(err)
	}
	if err := p.keep(); !errors.Is(err, fs.ErrExist) {
		t.Errorf("the name was taken, and %v", err)
	}
	if err := p.discard(); err != nil {
		t.Error(err)
	}
	if b, err := os.ReadFile(victim); err != nil || string(b) != "precious" {
		t.Errorf("the victim is %q, %v", b, err)
	}
	left, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range left {
		names = append(names, e.Name())
	}
	if got := strings.Join(names, " "); got != "q4.html.partial q4.json q4.json.partial victim" {
		t.Errorf("left are %s", got)
	}
	if _, err := createPair(filepath.Join(folder, "q4")); err == nil || !strings.Contains(err.Error(), "overwrites nothing") {
		t.Errorf("the name is taken, and %v", err)
	}
}

// TestWritersOverwriteNothing: nor do the commands that write one file or two.
func TestWritersOverwriteNothing(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	path := func(name string) string { return filepath.Join(folder, name) }
	if err := writeNew(path("key"), 0o600, []byte("first")); err != nil {
		t.Fatal(err)
	}
	if err := writeProof(path("event"), []byte("record"), []byte("proof")); err != nil {
		t.Fatal(err)
	}
	if i, err := os.Stat(path("event.json")); err != nil || i.Mode() != 0o600 {
		t.Errorf("%v, %v", i, err)
	}
	if err := os.Remove(path("event.json")); err != nil {
		t.Fatal(err)
	}
	if err := writeNew(path("key"), 0o600, []byte("second")); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second key: %v", err)
	}
	if err := writeProof(path("event"), []byte("record 2"), []byte("proof 2")); err == nil {
		t.Error("a second proof")
	}
	if b, err := os.ReadFile(path("event.tlog-proof")); err != nil || string(b) != "proof" {
		t.Errorf("%q, %v", b, err)
	}
	if left, err := os.ReadDir(folder); err != nil || len(left) != 2 {
		t.Errorf("left are %v, %v", left, err)
	}
}
