package domain

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// line is that of a peer.
func (p Peer) line() string {
	return fmt.Sprintf("%s %x %s\n", p.Region, p.ID, base64.StdEncoding.EncodeToString(p.Public))
}

// somePeer has the replication key of frozenReplicating.
func somePeer(tb testing.TB) Peer {
	tb.Helper()
	tok, err := hex.DecodeString(frozenReplicating)
	if err != nil {
		tb.Fatal(err)
	}
	s := newSet(tb, false)
	load(tb, s, tok)
	id, public, err := s.ReplicationKey("eu-west-1")
	if err != nil {
		tb.Fatal(err)
	}
	return Peer{"eu-west-1", id, public}
}

func TestParsePeers(t *testing.T) {
	t.Parallel()
	p := somePeer(t)
	q := p
	q.ID[15] ^= 1
	q.Region = "us-west-2"
	got, err := ParsePeers([]byte("# ours\n\n" + p.line() + "  " + q.line()))
	if err != nil || len(got) != 2 || got[0].line() != p.line() || got[1].line() != q.line() {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := ParsePeers(nil); err != nil || len(got) != 0 {
		t.Errorf("an empty file: %v, %v", got, err)
	}
	fields := strings.Fields(p.line())
	with := func(i int, text string) string {
		f := append([]string(nil), fields...)
		f[i] = text
		return strings.Join(f, " ")
	}
	for name, text := range map[string]string{
		"a line twice": p.line() + p.line(), "a domain twice": p.line() + with(0, "us-west-2"), "two fields": fields[0] + " " + fields[1],
		"four fields": strings.TrimSpace(p.line()) + " x", "global": with(0, "global"), "a strange Region": with(0, "EU"), "a short id": with(1, fields[1][:30]),
		"a strange id": with(1, strings.Repeat("x", 32)), "an id of neither kind": with(1, "03"+fields[1][2:]), "no base64": with(2, "****"),
		"a short key": with(2, fields[2][:8]), "not on the curve": with(2, base64.StdEncoding.EncodeToString(append([]byte(spkiPrefix), bytes.Repeat([]byte{4}, 97)...))),
		"too long": strings.Repeat("#\n", maxPeersFile),
	} {
		if got, err := ParsePeers([]byte(text)); !errors.Is(err, ErrPeers) || got != nil {
			t.Errorf("%s: %v, %v", name, got, err)
		}
	}
}

// TestOpenPeers: a file that somebody else could write is not believed.
func TestOpenPeers(t *testing.T) {
	t.Parallel()
	p := somePeer(t)
	path := filepath.Join(t.TempDir(), "peers")
	if err := os.WriteFile(path, []byte(p.line()), 0o600); err != nil {
		t.Fatal(err)
	}
	for mode, ok := range map[os.FileMode]bool{0o600: true, 0o644: true, 0o400: true, 0o620: false, 0o602: false, 0o666: false} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if got, err := OpenPeers(path); ok != (err == nil && len(got) == 1) || !ok && !errors.Is(err, ErrPeers) {
			t.Errorf("mode %o: %v, %v", mode, got, err)
		}
	}
	link := path + "-link"
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenPeers(link); !errors.Is(err, ErrPeers) {
		t.Errorf("a symbolic link: %v", err)
	}
	if _, err := OpenPeers(filepath.Dir(path)); !errors.Is(err, ErrPeers) {
		t.Errorf("a folder: %v", err)
	}
	if _, err := OpenPeers(path + "-none"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no file: %v", err)
	}
}

// FuzzPeers: what parses is told again by its lines.
func FuzzPeers(f *testing.F) {
	p := somePeer(f)
	f.Add([]byte(p.line()))
	f.Add([]byte("# " + p.line() + "\r\n" + p.line()))
	f.Fuzz(func(t *testing.T, text []byte) {
		peers, err := ParsePeers(text)
		if err != nil {
			return
		}
		var lines string
		for _, p := range peers {
			lines += p.line()
		}
		again, err := ParsePeers([]byte(lines))
		if err != nil || len(again) != len(peers) {
			t.Fatalf("%q parses to %v, and that to %v, %v", text, peers, again, err)
		}
	})
}
