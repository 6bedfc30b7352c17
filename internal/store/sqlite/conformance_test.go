package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"trent/internal/store"
	"trent/internal/store/storetest"
)

// engine is this engine as the conformance suite knows it.
var engine = storetest.Engine{
	// Characters that mean something in a URI stand in the folder's name.
	New:       func(t *testing.T) string { return filepath.Join(t.TempDir(), "a b?c#d%25") },
	Open:      func(ctx context.Context, dir string) (store.Store, error) { return Open(ctx, dir, Options{}) },
	Exclusive: true,
	Check:     integrity,
}

func TestConformance(t *testing.T) { storetest.Run(t, engine) }

// integrity is SQLite's own check of a closed store's database.
func integrity(dir string) error {
	s := &Store{dir: dir}
	c, err := s.openConn()
	if err != nil {
		return err
	}
	v, err := c.value("PRAGMA integrity_check")
	if err == nil && v != "ok" {
		err = fmt.Errorf("integrity check: %v", v)
	}
	return errors.Join(err, c.close())
}

func TestCrash(t *testing.T) {
	rounds := 4
	if os.Getenv("TRENT_SOAK") == "1" {
		rounds = 20
	}
	storetest.Crash(t, engine, rounds)
}
