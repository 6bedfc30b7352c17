package grantdir

import (
	"context"
	"fmt"

	"trent/internal/key"
	"trent/internal/record"
	"trent/internal/store"
)

// pageRows is how many grants are read at once.
const pageRows = 1000

// index returns a key's index, which the first request reads. Who comes while it
// is being read waits.
func (d *Dir) index(ctx context.Context, k *key.Key) (*index, error) {
	name := keyName{k.Region, k.Account, k.ID}
	s := d.of(name)
	s.mu.RLock()
	x := s.m[name]
	s.mu.RUnlock()
	if x == nil {
		s.mu.Lock()
		if x = s.m[name]; x == nil {
			x = newIndex()
			s.m[name] = x
			s.mu.Unlock()
			d.misses.Add(1)
			// A client that goes away takes nothing from those who wait.
			d.load(context.WithoutCancel(ctx), name, x)
			return x, x.err
		}
		s.mu.Unlock()
	}
	select {
	case <-x.ready:
	default:
		select {
		case <-x.ready:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	d.hits.Add(1)
	return x, x.err
}

// load reads a key's grants into its index. What is committed meanwhile is
// observed, waits in the index, and is applied at the end: a grant is made once
// and deleted once, so it does no harm if a page shows it already.
func (d *Dir) load(ctx context.Context, name keyName, x *index) {
	defer close(x.ready)
	records, grants, err := d.read(ctx, name)
	if err == nil {
		err = x.fill(records, grants)
	}
	size := 0
	if err == nil {
		size, err = x.complete()
	}
	if x.err = err; err != nil {
		d.drop(name, x, 0)
		return
	}
	d.keys.Add(1)
	d.bytes.Add(int64(size))
	d.evict(name)
}

// read reads the grants of a key.
func (d *Dir) read(ctx context.Context, name keyName) (records *record.Sealer, grants []store.KV, err error) {
	region, err := d.regions.Region(ctx, name.region)
	if err != nil {
		return nil, nil, err
	}
	from := record.GrantPrefix(name.region, name.account, name.id)
	to := record.PrefixEnd(from)
	for more := true; more; {
		var page []store.KV
		if page, more, _, err = d.store.Range(ctx, from, to, pageRows); err != nil {
			return nil, nil, fmt.Errorf("read the grants of %s: %w", name.id, err)
		}
		if len(page) > 0 {
			from = append(page[len(page)-1].Key, 0)
		}
		grants = append(grants, page...)
	}
	return region.Records, grants, nil
}

// drop forgets an index that was counted with so many bytes, if it is still the
// key's.
func (d *Dir) drop(name keyName, x *index, counted int) {
	s := d.of(name)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.m[name] != x {
		return
	}
	delete(s.m, name)
	if counted > 0 {
		d.keys.Add(-1)
		d.bytes.Add(-int64(counted))
	}
}

// evict forgets other keys' indexes, shard after shard and as the maps' order
// picks them, while there is too much. An index that is being read stays: what is observed goes there.
func (d *Dir) evict(keep keyName) {
	for i := 0; i < shards && d.over(); i++ {
		s := &d.shard[d.victim.Add(1)%shards]
		s.mu.Lock()
		for name, x := range s.m {
			if !d.over() {
				break
			}
			if name == keep {
				continue
			}
			if size := x.size(); size > 0 {
				delete(s.m, name)
				d.keys.Add(-1)
				d.bytes.Add(-int64(size))
			}
		}
		s.mu.Unlock()
	}
}

func (d *Dir) over() bool {
	return d.keys.Load() > int64(d.maxKeys) || d.bytes.Load() > int64(d.maxBytes)
}

// observe changes the indexes that a transaction concerns.
func (d *Dir) observe(_ store.Rev, events []store.Event) {
	for i := range events {
		e := &events[i]
		p, ok := record.ParsePath(e.Key)
		if !ok || p.Kind != record.KindGrant {
			continue
		}
		name := keyName{p.Region, p.Account, p.KeyID}
		s := d.of(name)
		s.mu.Lock() // so that it is not evicted meanwhile, which needs its size
		x := s.m[name]
		if x == nil {
			s.mu.Unlock()
			continue
		}
		grown, err := x.observe(p.Name, e)
		d.bytes.Add(int64(grown))
		s.mu.Unlock()
		if err != nil { // whoever asks next reads it again, and is told
			d.drop(name, x, x.size())
		} else if grown > 0 && d.over() {
			d.evict(name)
		}
	}
}
