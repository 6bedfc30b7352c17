package sqlite

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"trent/internal/store"
)

// createKeyTxn is a transaction of CreateKey's shape: a condition and six puts
// of about 300 bytes under random keys.
func createKeyTxn(rng *rand.Rand) ([]store.Cmp, []store.Op) {
	id := fmt.Sprintf("%016x%016x", rng.Uint64(), rng.Uint64())
	ops := make([]store.Op, 6)
	for i, kind := range []string{"k", "p", "m", "x", "t", "o"} {
		v := make([]byte, 300)
		binary.BigEndian.PutUint64(v, rng.Uint64())
		ops[i] = store.Op{Key: []byte("eu-central-1/" + kind + "/111122223333/" + id), Value: v}
	}
	return []store.Cmp{{Key: ops[0].Key}}, ops
}

func createKey(t testing.TB, s *Store, rng *rand.Rand) []byte {
	cmps, ops := createKeyTxn(rng)
	if ok, _, err := s.Txn(t.Context(), cmps, ops); !ok || err != nil {
		t.Errorf("transaction of a new key: %v, %v", ok, err)
	}
	return ops[0].Key
}

// reportCPU adds the CPU time of the process per operation, which is steadier
// than the time itself on a shared machine.
func reportCPU(b *testing.B) func() {
	cpu := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	before := cpu()
	return func() { b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-µs/op") }
}

func BenchmarkTxnSerial(b *testing.B) {
	s := openDir(b, b.TempDir())
	rng := rand.New(rand.NewPCG(1, 2))
	b.ReportAllocs()
	defer reportCPU(b)()
	for b.Loop() {
		createKey(b, s, rng)
	}
}

func BenchmarkTxnParallel16(b *testing.B) {
	s := openDir(b, b.TempDir())
	b.ReportAllocs()
	b.SetParallelism(8) // times GOMAXPROCS, 2 here
	defer reportCPU(b)()
	b.RunParallel(func(pb *testing.PB) {
		rng := rand.New(rand.NewPCG(rand.Uint64(), 2))
		for pb.Next() {
			createKey(b, s, rng)
		}
	})
}

func BenchmarkTxnOnePut(b *testing.B) {
	s := openDir(b, b.TempDir())
	value := make([]byte, 300)
	b.ReportAllocs()
	defer reportCPU(b)()
	for b.Loop() {
		if ok, _, err := s.Txn(b.Context(), nil, []store.Op{{Key: []byte("k"), Value: value}}); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
}

// filled is a store with n keys of CreateKey's shape, six store keys each.
func filled(b *testing.B, n int) (*Store, [][]byte) {
	s := openDir(b, b.TempDir())
	rng := rand.New(rand.NewPCG(1, 2))
	var keys [][]byte
	for len(keys) < n {
		var ops []store.Op
		for range 16 {
			_, more := createKeyTxn(rng)
			ops = append(ops, more...)
			keys = append(keys, more[0].Key)
		}
		if ok, _, err := s.Txn(b.Context(), nil, ops); !ok || err != nil {
			b.Fatal(ok, err)
		}
	}
	return s, keys
}

func BenchmarkGet(b *testing.B) {
	s, keys := filled(b, 10_000)
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		i = (i + 7919) % len(keys)
		if _, _, err := s.Get(b.Context(), keys[i]); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkRange1000(b *testing.B) {
	s, _ := filled(b, 10_000)
	b.ReportAllocs()
	for b.Loop() {
		kvs, _, _, err := s.Range(b.Context(), []byte("eu-central-1/k/"), nil, 1000)
		if err != nil || len(kvs) != 1000 {
			b.Fatal(len(kvs), err)
		}
	}
}

func BenchmarkOpen(b *testing.B) {
	dir := b.TempDir()
	s, err := Open(b.Context(), dir, Options{})
	if err != nil {
		b.Fatal(err)
	}
	createKey(b, s, rand.New(rand.NewPCG(1, 2)))
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		s, err := Open(b.Context(), dir, Options{})
		if err != nil {
			b.Fatal(err)
		}
		if err := s.Close(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFsync is the floor of a durable transaction: one page written at the
// end of a file and synced.
func BenchmarkFsync(b *testing.B) {
	f, err := os.Create(filepath.Join(b.TempDir(), "file"))
	if err != nil {
		b.Fatal(err)
	}
	defer f.Close()
	page := make([]byte, 4096)
	for b.Loop() {
		if _, err := f.Write(page); err != nil {
			b.Fatal(err)
		}
		if err := unix.Fdatasync(int(f.Fd())); err != nil {
			b.Fatal(err)
		}
	}
}

// openDir opens a store in dir for the length of a test.
func openDir(t testing.TB, dir string) *Store {
	t.Helper()
	s, err := Open(t.Context(), dir, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}
