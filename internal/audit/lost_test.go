package audit

import (
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
)

// TestLostEpochs: a trail that lacks an epoch which has begun is not gone on
// with; one that has more is.
func TestLostEpochs(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	open := func(began uint64) (Head, error) {
		trail, err := Open(t.Context(), dir, Options{Node: [16]byte{1}, Mode: Relaxed, Began: began})
		if err != nil {
			return Head{}, err
		}
		head := trail.Head()
		return head, trail.Close()
	}
	for epoch := range uint64(3) {
		if head, err := open(epoch); err != nil || head.Epoch != epoch+1 {
			t.Fatalf("after %d epochs: %+v, %v", epoch, head, err)
		}
	}
	if head, err := open(1); err != nil || head.Epoch != 4 {
		t.Errorf("with epochs that nobody knew of: %+v, %v", head, err)
	}
	if _, err := open(5); !errors.Is(err, ErrLost) {
		t.Errorf("without its last epoch: %v", err)
	}
	if head, err := open(4); err != nil || head.Epoch != 5 {
		t.Errorf("after that: %+v, %v", head, err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	if _, err := open(5); !errors.Is(err, ErrLost) {
		t.Errorf("without anything: %v", err)
	}
	if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a lost trail leaves a folder: %v", err)
	}
	if err := os.MkdirAll(filepath.Join(dir, hex.EncodeToString(append([]byte{1}, make([]byte, 15)...))), 0o700); err != nil {
		t.Fatal(err)
	}
	if _, err := open(5); !errors.Is(err, ErrLost) {
		t.Errorf("with an empty folder: %v", err)
	}
}
