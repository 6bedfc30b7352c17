package grantdir

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"trent/internal/awsjson"
	"trent/internal/domains"
	"trent/internal/grant"
	"trent/internal/key"
	"trent/internal/policy"
	"trent/internal/record"
	"trent/internal/store"
	"trent/internal/store/sqlite"
)

// decrypting is a grant to the user u for one volume.
func decrypting(volume string) *record.Grant {
	return &record.Grant{
		Grantee: arnOf("user", "u"), IssuingAccount: account, Operations: []string{"Decrypt"},
		Constraint: grant.Subset, Context: map[string]string{"volume": volume, "tenant": "t"},
	}
}

var theUser = policy.Principal{Account: account, ARN: arnOf("user", "u"), ID: "AIDAONE"}

func askDecrypt(volume string) *grant.Ask {
	return &grant.Ask{Operation: grant.Decrypt, Context: []awsjson.Pair{{Key: "tenant", Value: "t"}, {Key: "volume", Value: volume}}}
}

// TestAtOnce: while many commit, indexes are read for the first time, and are
// evicted, a grant allows from the moment when it is committed, and no longer
// than its end. Of the grants that nobody ends none is ever missed.
func TestAtOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.maxKeys = 2
	keys := make([]*key.Key, 4)
	for i := range keys {
		k := *aKey
		k.ID = fmt.Sprintf("1234abcd-12ab-34cd-56ef-%012d", i)
		keys[i] = &k
		for range 300 { // so that a reading takes a while
			w.put(t, &k, decrypting("other"))
		}
		w.put(t, &k, decrypting("kept"))
	}
	var writers, readers sync.WaitGroup
	var done atomic.Bool
	allowed := func(k *key.Key, volume string) bool {
		via, _, err := w.Allow(t.Context(), k, &theUser, askDecrypt(volume))
		if err != nil {
			t.Error(err)
		}
		return via == policy.ViaSelf
	}
	for n := range 4 {
		writers.Go(func() {
			mine := &world{Dir: w.Dir, st: w.st, reg: w.reg, rnd: rand.New(rand.NewPCG(uint64(n), 2))}
			for i := range 60 {
				k, volume := keys[mine.rnd.IntN(len(keys))], fmt.Sprintf("volume-%d-%d", n, i)
				id := mine.put(t, k, decrypting(volume))
				if !allowed(k, volume) {
					t.Errorf("%s: a new grant does not allow", volume)
				}
				mine.revoke(t, k, id)
				if allowed(k, volume) {
					t.Errorf("%s: a grant that has ended allows", volume)
				}
			}
		})
		readers.Go(func() {
			r := rand.New(rand.NewPCG(uint64(n), 3))
			for !done.Load() {
				if k := keys[r.IntN(len(keys))]; !allowed(k, "kept") || allowed(k, "never") {
					t.Errorf("a grant was missed, or one is made up")
				}
			}
		})
	}
	writers.Wait()
	done.Store(true)
	readers.Wait()
	if u := w.Usage(); u.Entries > w.maxKeys || u.Misses < 5 {
		t.Errorf("%+v: want at most %d keys, some of them read again", u, w.maxKeys)
	}
	for _, k := range keys {
		if n, err := w.Count(t.Context(), k); err != nil || n != 301 {
			t.Errorf("%d grants, %v", n, err)
		}
	}
}

// TestBounds: what the directory holds is bounded in keys and in bytes, and what
// it counts is what it holds.
func TestBounds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.maxKeys, w.maxBytes = 50, 40_000
	for i := range 200 {
		k := *aKey
		k.ID = fmt.Sprintf("1234abcd-12ab-34cd-56ef-%012d", i)
		for range i % 4 {
			w.put(t, &k, decrypting("a"))
		}
		if n, err := w.Count(t.Context(), &k); err != nil || n != i%4 {
			t.Errorf("%d grants, %v; want %d", n, err, i%4)
		}
		w.put(t, &k, decrypting("b")) // one more, while it is held
		if u := w.Usage(); u.Entries > w.maxKeys || u.Bytes > w.maxBytes {
			t.Errorf("%+v", u)
		}
	}
	keys, bytes := 0, 0
	for i := range w.shard {
		for _, x := range w.shard[i].m {
			keys++
			bytes += x.size()
		}
	}
	if u := w.Usage(); u.Entries != keys || u.Bytes != bytes || keys == 0 {
		t.Errorf("%+v, and there are %d keys of %d bytes", u, keys, bytes)
	}
}

// TestTamperedGrant: a key of whose grants one is not authentic allows nothing
// by any of them, until it is.
func TestTamperedGrant(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	good, bad := w.put(t, aKey, decrypting("good")), w.put(t, aKey, decrypting("bad"))
	path := func(id string) []byte { return record.GrantPath(region, account, aKey.ID, id) }
	kv, _, err := w.st.Get(t.Context(), path(good))
	if err != nil {
		t.Fatal(err)
	}
	ask := func(want error) {
		t.Helper()
		for range 2 {
			via, _, err := w.Allow(t.Context(), aKey, &theUser, askDecrypt("good"))
			if !errors.Is(err, want) || (via == policy.ViaSelf) != (want == nil) {
				t.Errorf("%d, %v; want the error %v", via, err, want)
			}
		}
	}
	ask(nil)
	// Another grant's record in its place: seen as it is committed, and by who reads it later.
	if _, _, err := w.st.Txn(t.Context(), nil, []store.Op{{Key: path(bad), Value: kv.Value}}); err != nil {
		t.Fatal(err)
	}
	ask(record.ErrTampered)
	w.Close()
	w.Dir = New(w.st, w.reg)
	ask(record.ErrTampered)
	w.revoke(t, aKey, bad)
	ask(nil)
	if u := w.Usage(); u.Entries != 1 {
		t.Errorf("%+v", u)
	}
}

// slow is a store whose ranges wait.
type slow struct {
	store.Store
	began, goOn chan struct{}
}

func (s *slow) Range(ctx context.Context, from, to []byte, limit int) ([]store.KV, bool, store.Rev, error) {
	close(s.began)
	<-s.goOn
	return s.Store.Range(ctx, from, to, limit)
}

// TestWhoWaits: a client that goes away while the index is being read neither
// waits nor keeps the others from it.
func TestWhoWaits(t *testing.T) {
	t.Parallel()
	w := newWorld(t, 1)
	w.put(t, aKey, decrypting("a"))
	s := &slow{w.st, make(chan struct{}), make(chan struct{})}
	d := New(s, w.reg)
	t.Cleanup(d.Close)
	ctx, cancel := context.WithCancel(t.Context())
	first := make(chan error)
	go func() {
		_, _, err := d.Allow(ctx, aKey, &theUser, askDecrypt("a"))
		first <- err
	}()
	<-s.began
	cancel()
	if _, _, err := d.Allow(ctx, aKey, &theUser, askDecrypt("a")); !errors.Is(err, context.Canceled) {
		t.Errorf("who waits and goes away: %v", err)
	}
	second := make(chan policy.Via)
	go func() {
		via, _, err := d.Allow(t.Context(), aKey, &theUser, askDecrypt("b"))
		if err != nil {
			t.Error(err)
		}
		second <- via
	}()
	w.put(t, aKey, decrypting("b")) // while it is being read
	close(s.goOn)
	if err := <-first; err != nil {
		t.Errorf("who reads it: %v", err)
	}
	if via := <-second; via != policy.ViaSelf {
		t.Errorf("who waits: %d", via)
	}
}

// BenchmarkAllow asks for a Decrypt of one of 25,000 grants of one grantee, told
// apart by EncryptionContextSubset, on a key with as many of others; and on a key
// without grants.
func BenchmarkAllow(b *testing.B) {
	st, err := sqlite.Open(b.Context(), b.TempDir()+"/store", sqlite.Options{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { st.Close() })
	w := newWorld(b, 1)
	w.st = st
	w.Dir = New(st, w.reg)
	b.Cleanup(w.Close)
	const grants = 50_000
	for i := 0; i < grants; i += store.MaxOps {
		var ops []store.Op
		for j := i; j < i+store.MaxOps; j++ {
			g := decrypting(fmt.Sprint("vol-", j))
			if j%2 == 1 {
				g.Grantee = arnOf("role", fmt.Sprint("r", j))
			}
			path := record.GrantPath(region, account, aKey.ID, fmt.Sprintf("%064x", j))
			value, err := w.reg.region.Records.Seal(path, record.TypeGrant, 1, g)
			if err != nil {
				b.Fatal(err)
			}
			ops = append(ops, store.Op{Key: path, Value: value})
		}
		if _, _, err := st.Txn(b.Context(), nil, ops); err != nil {
			b.Fatal(err)
		}
	}
	began := time.Now()
	if n, err := w.Count(b.Context(), aKey); err != nil || n != grants {
		b.Fatal(n, err)
	}
	b.Logf("%d grants are read in %v, and take %d bytes", grants, time.Since(began), w.Usage().Bytes)
	none := *aKey
	none.ID = "0000abcd-12ab-34cd-56ef-1234567890ab"
	for name, test := range map[string]struct {
		k    *key.Key
		want policy.Via
	}{"50000": {aKey, policy.ViaSelf}, "none": {&none, policy.ViaNothing}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			ask := askDecrypt("vol-24680")
			for b.Loop() {
				if via, _, err := w.Allow(b.Context(), test.k, &theUser, ask); err != nil || via != test.want {
					b.Fatal(via, err)
				}
			}
		})
	}
}

var _ domains.Finder = (*one)(nil)
