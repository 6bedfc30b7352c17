package unixsocket

import (
	"os"
	"path/filepath"
	"testing"
)

// TestWidenFollowsNothing: a link that somebody put in the socket's place does
// not open the file behind it to everybody.
func TestWidenFollowsNothing(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secret, link := filepath.Join(dir, "secret"), filepath.Join(dir, "link")
	if err := os.WriteFile(secret, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, link); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{secret, link} {
		if err := widen(path, 0o666); err == nil {
			t.Errorf("%s: no error", path)
		}
	}
	if info, err := os.Stat(secret); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}
