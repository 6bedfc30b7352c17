package quota

import (
	"bytes"
	"context"
	"math"
	"sync"

	"trent/internal/record"
	"trent/internal/store"
)

// maxCounts bounds the counts that are kept, of accounts and Regions. One more
// takes the place of another, which is then read again.
const maxCounts = 10_000

// Keys counts the keys of each account and Region: once, by reading, and from
// then on by what the store says of each commit. So its counts are exact at any
// moment, and no key's making waits for another's.
type Keys struct {
	store store.Store
	limit int
	stop  func()

	mu     sync.Mutex
	counts map[string]*count // by prefix of the key records' store keys
}

// NewKeys returns the counter of a store's keys that lets an account have limit
// keys in a Region, until Close.
func NewKeys(st store.Store, limit int) *Keys {
	k := &Keys{store: st, limit: limit, counts: map[string]*count{}}
	k.stop = st.Observe(k.observe)
	return k
}

// Close ends the observation.
func (k *Keys) Close() { k.stop() }

// Count returns how many keys an account has in a Region.
func (k *Keys) Count(ctx context.Context, region, account string) (int, error) {
	return k.number(ctx, string(record.KeyPrefix(region, account)))
}

// Total returns how many keys all accounts have in a Region.
func (k *Keys) Total(ctx context.Context, region string) (int, error) {
	return k.number(ctx, string(record.AllKeyPrefix(region)))
}

func (k *Keys) number(ctx context.Context, prefix string) (int, error) {
	c, err := k.count(ctx, prefix)
	if err != nil {
		return 0, err
	}
	defer k.mu.Unlock()
	return c.n, nil
}

// Reserve takes the place of a key that is to be made, or returns AWS's
// LimitExceededException. The caller calls release once the key's record is
// committed, or will not be: a key that has come needs no place any more.
func (k *Keys) Reserve(ctx context.Context, region, account, keyID string) (release func(), err error) {
	prefix := string(record.KeyPrefix(region, account))
	c, err := k.count(ctx, prefix)
	if err != nil {
		return nil, err
	}
	defer k.mu.Unlock()
	if have := c.n + len(c.reserved); have >= k.limit {
		return nil, errKeys(k.limit, have)
	}
	key := prefix + keyID
	c.reserved[key] = struct{}{}
	return func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		delete(c.reserved, key)
	}, nil
}

// count returns the count of a prefix, with the lock held unless there is an
// error. Who comes while it is being made waits.
func (k *Keys) count(ctx context.Context, prefix string) (*count, error) {
	for {
		k.mu.Lock()
		c, known := k.counts[prefix]
		if known && c.complete {
			return c, nil
		}
		if !known {
			c = k.add(prefix)
		}
		k.mu.Unlock()
		if !known {
			if err := k.read(ctx, prefix, c); err != nil {
				return nil, err
			}
			continue
		}
		select {
		case <-c.done: // complete, or given up: then this caller makes it
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// add begins a count, in place of another if there are too many.
func (k *Keys) add(prefix string) *count {
	if len(k.counts) >= maxCounts {
		for p, c := range k.counts { // the map's order picks
			if c.complete && len(c.reserved) == 0 {
				delete(k.counts, p)
				break
			}
		}
	}
	c := &count{done: make(chan struct{}), reserved: map[string]struct{}{}}
	k.counts[prefix] = c
	return c
}

// read completes a count, or gives it up.
func (k *Keys) read(ctx context.Context, prefix string, c *count) error {
	n, rev, err := k.store.Count(ctx, []byte(prefix), record.PrefixEnd([]byte(prefix)), math.MaxInt)
	k.mu.Lock()
	defer k.mu.Unlock()
	defer close(c.done)
	if err != nil {
		delete(k.counts, prefix)
		return err
	}
	c.completeAs(n, rev)
	return nil
}

// observe counts the keys that a transaction made and deleted.
func (k *Keys) observe(rev store.Rev, events []store.Event) {
	for i := range events {
		e := &events[i]
		if !e.Deleted && e.Create != e.Mod {
			continue // a key was changed
		}
		ofRegion, ofAccount, ok := prefixes(e.Key)
		if !ok {
			continue
		}
		change := change{rev: rev, key: e.Key, by: 1}
		if e.Deleted {
			change.by = -1
		}
		k.mu.Lock()
		for _, prefix := range [...][]byte{ofRegion, ofAccount} {
			if c := k.counts[string(prefix)]; c != nil {
				c.take(change)
			}
		}
		k.mu.Unlock()
	}
}

// prefixes are what covers a key record's store key: the Region's key records
// and the account's. Other store keys, which most are, have none.
func prefixes(key []byte) (ofRegion, ofAccount []byte, ok bool) {
	const kind = "/" + string(record.KindKey) + "/"
	region := bytes.IndexByte(key, '/')
	if region < 0 || !bytes.HasPrefix(key[region:], []byte(kind)) {
		return nil, nil, false
	}
	account := bytes.LastIndexByte(key, '/')
	return key[:region+len(kind)], key[:account+1], account >= region+len(kind)
}
