package main

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"trent/internal/tlog"
)

// TestFrom: the first record that must be there is a node's. Without the node it is
// taken only where there is but one.
func TestFrom(t *testing.T) {
	t.Parallel()
	one, two := strings.Repeat("ab", 16), strings.Repeat("cd", 16)
	folder := t.TempDir()
	parse := func(texts ...string) map[string]uint64 {
		from, err := parseFrom("from", texts, folder)
		if err != nil {
			return nil
		}
		named := map[string]uint64{}
		for node, n := range from {
			named[hex.EncodeToString(node[:])] = n
		}
		return named
	}
	if got := parse("7"); got != nil {
		t.Errorf("no node is there: %v", got)
	}
	for i, node := range []string{one, two} {
		if err := os.Mkdir(filepath.Join(folder, node), 0o700); err != nil {
			t.Fatal(err)
		}
		if got := parse("7"); (i == 0) != (got[one] == 7) {
			t.Errorf("%d nodes: %v", i+1, got)
		}
	}
	if got := parse(one+":7", two+":9"); len(got) != 2 || got[one] != 7 || got[two] != 9 {
		t.Error(got)
	}
	for _, wrong := range [][]string{{"0"}, {one + ":0"}, {one + ":-1"}, {one + ":"}, {one[1:] + ":7"}, {"x"}, {one + ":7", one + ":8"}} {
		if got := parse(wrong...); got != nil {
			t.Errorf("%q is taken: %v", wrong, got)
		}
	}
}

// TestSignedBy: a witness counts once, however many keys it has, and the log is none
// of its own. Without a number every key that is given must have signed.
func TestSignedBy(t *testing.T) {
	t.Parallel()
	const origin = "trent/000102030405060708090a0b0c0d0e0f"
	text := origin + "\n0\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n"
	file := text + "\n"
	var keys []*tlog.Key
	for i, name := range []string{origin, "w.example/1", "w.example/1", "w.example/2", "w.example/3"} {
		private := ed25519.NewKeyFromSeed([]byte(strings.Repeat(string(rune('a'+i)), ed25519.SeedSize)))
		public := append([]byte{1}, private.Public().(ed25519.PublicKey)...)
		hash := sha256.Sum256(append([]byte(name+"\n"), public...))
		k, err := tlog.ParseKey(fmt.Sprintf("%s+%x+%s", name, hash[:4], base64.StdEncoding.EncodeToString(public)))
		if err != nil {
			t.Fatal(err)
		}
		keys = append(keys, k)
		if i < 4 { // the last does not sign
			signature := append(binary.BigEndian.AppendUint32(nil, k.KeyHash()), ed25519.Sign(private, []byte(text))...)
			file += "\u2014 " + name + " " + base64.StdEncoding.EncodeToString(signature) + "\n"
		}
	}
	for _, test := range []struct {
		keys  []*tlog.Key
		least int
		ok    bool
	}{
		{keys[:4], 0, true},
		{keys, 0, false},
		{keys, 2, true},
		{keys, 3, false},
		{keys[:1], 1, false},
		{keys[:2], 2, false},
		{keys[1:3], 2, false},
		{keys[1:4], 2, true},
		{keys[:1], 0, true},
		{nil, 0, true},
	} {
		c, err := tlog.ParseCheckpoint([]byte(file), test.keys...)
		if err != nil {
			t.Fatal(err)
		}
		if names, err := signedBy(c, test.keys, test.least); (err == nil) != test.ok {
			t.Errorf("%d keys, at least %d: %v, %v", len(test.keys), test.least, names, err)
		}
	}
	w := witnesses{texts: []string{keys[1].String(), keys[2].String()}, least: 2}
	if _, _, err := w.keys(); err == nil {
		t.Error("two keys of one witness are two")
	}
}
