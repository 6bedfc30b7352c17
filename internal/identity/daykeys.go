package identity

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
)

// maxDayKeys bounds the day keys that are kept.
const maxDayKeys = 10_000

// dayKeys keeps the SigV4 signing keys of a day by access key. They are read and
// wiped under its lock only.
type dayKeys struct {
	mu    sync.RWMutex
	of    map[string]*ownDayKeys // by access key id
	count int

	hits, misses atomic.Uint64
}

// ownDayKeys are those of one access key.
type ownDayKeys struct {
	account string
	keys    map[scope]*[32]byte
}

// scope is a day key's part of a credential scope.
type scope struct{ date, region, service string }

// copy copies a day key into dst.
func (d *dayKeys) copy(accessKeyID string, s scope, dst *[32]byte) bool {
	d.mu.RLock()
	var k *[32]byte
	if own := d.of[accessKeyID]; own != nil {
		k = own.keys[s]
	}
	if k != nil {
		*dst = *k
	}
	d.mu.RUnlock()
	if k != nil {
		d.hits.Add(1)
	} else {
		d.misses.Add(1)
	}
	return k != nil
}

// keep keeps a day key if still says, under the lock, that the access key is
// what it was: a wipe comes after the change that it is for.
func (d *dayKeys) keep(ak *AccessKey, s scope, k *[32]byte, still func() bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if !still() {
		return
	}
	if d.count >= maxDayKeys {
		d.evict()
	}
	// The strings may point into a request's buffer.
	s = scope{strings.Clone(s.date), strings.Clone(s.region), strings.Clone(s.service)}
	own := d.of[ak.ID]
	if own == nil {
		own = &ownDayKeys{account: ak.Caller.Account, keys: map[scope]*[32]byte{}}
		d.of[strings.Clone(ak.ID)] = own
	}
	if own.keys[s] == nil {
		d.count++
	}
	kept := *k
	own.keys[s] = &kept
}

// evict wipes and removes the day keys of an access key that the map's order picks.
func (d *dayKeys) evict() {
	for id := range d.of {
		d.remove(id)
		return
	}
}

func (d *dayKeys) remove(accessKeyID string) {
	own := d.of[accessKeyID]
	if own == nil {
		return
	}
	for _, k := range own.keys {
		clear(k[:])
	}
	d.count -= len(own.keys)
	delete(d.of, accessKeyID)
}

// wipe forgets the day keys of an access key.
func (d *dayKeys) wipe(accessKeyID string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.remove(accessKeyID)
}

// wipeAccount forgets those of all access keys of an account; "" is every account.
func (d *dayKeys) wipeAccount(account string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, own := range d.of {
		if account == "" || own.account == account {
			d.remove(id)
		}
	}
}

func (d *dayKeys) usage() Usage {
	d.mu.RLock()
	defer d.mu.RUnlock()
	return Usage{Cache: "day_keys", Entries: d.count, Bytes: d.count * len([32]byte{}), Hits: d.hits.Load(), Misses: d.misses.Load()}
}

// DayKey copies into dst the SigV4 signing key of an access key for a date
// (YYYYMMDD), a Region and a service. The caller wipes dst after use.
func (d *Directory) DayKey(ctx context.Context, ak *AccessKey, date, region, service string, dst *[32]byte) error {
	s := scope{date, region, service}
	if d.days.copy(ak.ID, s, dst) {
		return nil
	}
	fresh, err := d.Module.DayKey(ctx, ak.Caller.Account, ak.ID, ak.token, date, region, service)
	if err != nil {
		return err
	}
	defer fresh.Wipe()
	copy(dst[:], fresh.Expose())
	d.days.keep(ak, s, dst, func() bool { return d.changes.hold(ak.seen) })
	return nil
}
