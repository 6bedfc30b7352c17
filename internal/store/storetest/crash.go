package storetest

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"trent/internal/store"
)

const crashWriters = 16

// Crash starts a process with sixteen writers that tell each acknowledged
// transaction through a pipe, kills it with SIGKILL at a random moment, and
// looks at what is left; so many times on the same store. It shows that
// recovery works, not that anything was synced: the kernel survives. A test
// that calls it must call nothing else.
//
// Writer i's transaction n moves its head, crash/i/head, from n-1 to n by
// compare-and-swap, puts crash/i/n/a and crash/i/n/b, and moves the one key
// crash/i/tail/n: so it shows whether it was lost or applied in part.
func Crash(t *testing.T, e Engine, rounds int) {
	if os.Getenv(roleVar) == "crash" {
		if err := crashProcess(e); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		return
	}
	place := e.New(t)
	acknowledged := make([]int, crashWriters) // each writer's last transaction
	var last store.Rev
	total := 0
	for range rounds {
		acks, lastAck := crashRound(t, place, acknowledged)
		total += acks
		last = max(last, lastAck)
		if e.Check != nil {
			if err := e.Check(place); err != nil {
				t.Error(err)
			}
		}
		last = inspect(t, e, place, acknowledged, last)
	}
	t.Logf("%d rounds, %d transactions acknowledged", rounds, total)
}

// crashRound runs one process until it is killed, and notes in acknowledged
// what it told. It returns how much that was and the last revision told.
func crashRound(t *testing.T, place string, acknowledged []int) (acks int, last store.Rev) {
	t.Helper()
	cmd := again(t, "crash", place)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	killAfter := 1 + rand.IntN(400)
	lines := bufio.NewScanner(out)
	for lines.Scan() {
		var i, n int
		var rev store.Rev
		if _, err := fmt.Sscanf(lines.Text(), "ack %d %d %d.", &i, &n, &rev); err != nil {
			break // the last line may be cut
		}
		acknowledged[i] = max(acknowledged[i], n)
		last = max(last, rev)
		if acks++; acks == killAfter {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if acks < killAfter {
		t.Errorf("the process ended by itself after %d transactions", acks)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("the process was not killed")
	}
	return acks, last
}

// crashProcess is the process that gets killed. Its writers go on from what
// they find and never end.
func crashProcess(e Engine) error {
	s, err := e.Open(context.Background(), os.Getenv(placeVar))
	if err != nil {
		return err
	}
	errs := make(chan error)
	var mu sync.Mutex
	for i := range crashWriters {
		go func() {
			for {
				n, rev, err := crashWrite(s, i)
				if err != nil {
					errs <- err
					return
				}
				mu.Lock()
				_, err = fmt.Printf("ack %d %d %d.\n", i, n, rev)
				mu.Unlock()
				if err != nil {
					errs <- err
					return
				}
			}
		}()
	}
	return errors.Join(<-errs, s.Close())
}

func crashWrite(s store.Store, i int) (n int, rev store.Rev, err error) {
	at := func(parts ...any) string { return string(key(append([]any{"crash/", i, "/"}, parts...)...)) }
	head, _, err := s.Get(context.Background(), []byte(at("head")))
	if err == nil {
		n, err = strconv.Atoi(string(head.Value))
	} else if errors.Is(err, store.ErrNotFound) {
		err = nil
	}
	if err != nil {
		return 0, 0, err
	}
	next := strconv.Itoa(n + 1)
	ok, rev, err := s.Txn(context.Background(), []store.Cmp{is(at("head"), head.Mod)}, []store.Op{
		putOp(at("head"), next), putOp(at(next, "/a"), strings.Repeat("a", 300)), putOp(at(next, "/b"), strings.Repeat("b", 300)),
		delOp(at("tail/", n)), putOp(at("tail/", next), ""),
	})
	if err == nil && !ok {
		err = fmt.Errorf("writer %d is not alone", i)
	}
	return n + 1, rev, err
}

// inspect opens the store that a killed process left and checks that nothing
// acknowledged is lost, nothing half applied, and the revision has not gone
// back. It returns the revision.
func inspect(t *testing.T, e Engine, place string, acknowledged []int, last store.Rev) store.Rev {
	t.Helper()
	s, err := e.Open(t.Context(), place)
	if err != nil {
		t.Fatalf("after kill -9: %v", err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	kvs, rev := all(t, s)
	stored := make(map[string]store.KV, len(kvs))
	for _, kv := range kvs {
		stored[string(kv.Key)] = kv
	}
	transactions, want := 0, 0
	for i, ack := range acknowledged {
		at := func(parts ...any) string { return string(key(append([]any{"crash/", i, "/"}, parts...)...)) }
		head, ok := stored[at("head")]
		if !ok {
			if ack > 0 {
				t.Errorf("writer %d: all of %d acknowledged transactions are lost", i, ack)
			}
			continue
		}
		n, err := strconv.Atoi(string(head.Value))
		if err != nil || n < ack {
			t.Errorf("writer %d: acknowledged %d, found %d, %v", i, ack, n, err)
		}
		acknowledged[i] = n
		for j := 1; j <= n; j++ {
			a, b := stored[at(j, "/a")], stored[at(j, "/b")]
			if a.Mod == 0 || a.Mod != b.Mod || j == n && a.Mod != head.Mod {
				t.Errorf("writer %d: transaction %d is there in part: %d, %d", i, j, a.Mod, b.Mod)
			}
		}
		if tail := stored[at("tail/", n)]; tail.Mod != head.Mod {
			t.Errorf("writer %d: its tail is of revision %d, its head of %d", i, tail.Mod, head.Mod)
		}
		transactions += n
		want += 2*n + 2
	}
	if len(kvs) != want {
		t.Errorf("%d keys, want %d: something was applied in part", len(kvs), want)
	}
	if rev < last || int(rev) != transactions {
		t.Errorf("revision %d after %d, with %d transactions", rev, last, transactions)
	}
	return rev
}
