package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"trent/internal/auditseal"
	"trent/internal/config"
)

// TestRecoveryKey: the public key is read; a private one, something else, nothing
// and what is no file are refused.
func TestRecoveryKey(t *testing.T) {
	t.Parallel()
	private, public, err := auditseal.NewRecoveryKey()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, content := range map[string][]byte{"public": public, "private": private.Expose(), "text": []byte("key"), "long": make([]byte, 1<<20)} {
		if err := os.WriteFile(filepath.Join(dir, name), content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"public", "private", "text", "long", "none", "."} {
		e := config.AuditEncryption{Recovery: filepath.Join(dir, name)}
		k, err := e.ReadRecovery()
		if (k != nil) != (name == "public") || (err == nil) != (name == "public") || errors.Is(err, auditseal.ErrPrivate) != (name == "private") {
			t.Errorf("%s: %v, %v", name, k, err)
		}
	}
}
