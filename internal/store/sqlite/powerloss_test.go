package sqlite

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"trent/internal/store"
)

// TestPowerLoss cuts the power after acknowledged transactions and looks for
// them on what the disk kept. kill -9 would prove nothing here: the kernel
// keeps what was never synced.
func TestPowerLoss(t *testing.T) {
	t.Parallel()
	r := losePower(t, "")
	t.Logf("%d transactions, %d syncs, %d images", r.txns, r.syncs, r.images)
	for _, err := range r.lost {
		t.Error(err)
	}
}

// TestPowerLossIsNoticed is the negative control: with a weaker setting of
// synchronous the same test must find loss, or it finds nothing at all.
func TestPowerLossIsNoticed(t *testing.T) {
	t.Parallel()
	for _, synchronous := range []string{"NORMAL", "OFF"} {
		if r := losePower(t, synchronous); len(r.lost) == 0 {
			t.Errorf("synchronous=%s lost nothing in %d images of %d transactions", synchronous, r.images, r.txns)
		}
	}
}

type lossReport struct {
	txns, syncs, images int
	lost                []error
}

// losePower runs writers and, whenever one has been acknowledged, cuts the
// power: once so that nothing unsynced is left, once so that some of it is. Checkpoints
// come often enough that the power also fails in the middle of some.
func losePower(t *testing.T, synchronous string) (r lossReport) {
	dir := t.TempDir()
	lossy() // makes the VFS known
	s, err := Open(t.Context(), dir, Options{vfs: lossyName, synchronous: synchronous, checkpointEvery: 40})
	if err != nil {
		t.Fatal(err)
	}
	const writers, keys = 4, 8
	each := 4
	if os.Getenv("TRENT_SOAK") == "1" {
		each = 50
	}
	var mu sync.Mutex
	var acknowledged [][]byte
	rng := rand.New(rand.NewPCG(1, 2))
	var wg sync.WaitGroup
	for i := range writers {
		wg.Go(func() {
			for n := range each {
				prefix := fmt.Appendf(nil, "%d/%d/", i, n)
				var ops []store.Op
				for k := range keys {
					ops = append(ops, store.Op{Key: fmt.Append(nil, string(prefix), k), Value: make([]byte, 300)})
				}
				ok, _, err := s.Txn(t.Context(), nil, ops)
				if !ok || err != nil {
					t.Errorf("Txn: %v, %v", ok, err)
					return
				}
				mu.Lock()
				acknowledged = append(acknowledged, prefix)
				for _, some := range []*rand.Rand{nil, rng} {
					image := lossy().powerLoss(t, dir, some)
					r.images++
					r.lost = append(r.lost, missing(t, image, acknowledged, keys)...)
				}
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	r.txns, r.syncs = len(acknowledged), lossy().syncs(dir)
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	return r
}

// missing opens the image of a disk and says what is wrong with it: an
// acknowledged transaction that is not there, or any that is there in part.
func missing(t *testing.T, image string, acknowledged [][]byte, keys int) (lost []error) {
	s, err := Open(t.Context(), image, Options{})
	if err != nil {
		return []error{fmt.Errorf("the store does not open: %w", err)}
	}
	kvs, _, rev, err := s.Range(t.Context(), nil, nil, 1<<20)
	if err != nil {
		lost = append(lost, err)
	}
	found := map[string]int{}
	revs := map[store.Rev]bool{}
	for _, kv := range kvs {
		found[filepath.Dir(string(kv.Key))+"/"]++
		revs[kv.Mod] = true
	}
	for _, prefix := range acknowledged {
		if found[string(prefix)] == 0 {
			lost = append(lost, fmt.Errorf("acknowledged transaction %s is lost", prefix))
		}
	}
	for prefix, n := range found {
		if n != keys {
			lost = append(lost, fmt.Errorf("transaction %s is there with %d of %d keys", prefix, n, keys))
		}
	}
	if int(rev) != len(revs) || len(revs) != len(found) {
		lost = append(lost, fmt.Errorf("revision %d with %d transactions", rev, len(found)))
	}
	if err := s.Close(); err != nil {
		lost = append(lost, err)
	}
	if err := integrity(image); err != nil {
		lost = append(lost, err)
	}
	return lost
}
