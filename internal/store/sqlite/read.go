package sqlite

import (
	"bytes"
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"math"

	"modernc.org/sqlite"

	"trent/internal/store"
)

// reader is a connection that only reads.
type reader struct {
	conn
	begin, commit, rev, get, from, fromTo, count, countTo *stmt
}

func (s *Store) openReader() (*reader, error) {
	c, err := s.openConn(
		"PRAGMA busy_timeout=1000", // ms; readers meet no lock except while a WAL is recovered
		"PRAGMA query_only=ON",
		"PRAGMA cache_size=-2048", // KiB
		"PRAGMA temp_store=MEMORY",
		"PRAGMA cell_size_check=ON",
	)
	if err != nil {
		return nil, err
	}
	r := &reader{conn: c}
	err = c.prepareAll(map[**stmt]string{
		&r.begin:  "BEGIN",
		&r.commit: "COMMIT",
		&r.rev:    "SELECT rev FROM meta WHERE id = 1",
		// One statement sees one snapshot: the revision is the answer's.
		&r.get:    "SELECT m.rev, kv.v, kv.cre, kv.mod FROM meta m LEFT JOIN kv ON kv.k = ?1 WHERE m.id = 1",
		&r.from:   "SELECT k, v, cre, mod FROM kv WHERE k >= ?1 ORDER BY k LIMIT ?2",
		&r.fromTo: "SELECT k, v, cre, mod FROM kv WHERE k >= ?1 AND k < ?2 ORDER BY k LIMIT ?3",
		// The index on k is all that these read, and they too see one snapshot.
		&r.count:   "SELECT m.rev, (SELECT count(*) FROM (SELECT 1 FROM kv WHERE k >= ?1 LIMIT ?2)) FROM meta m WHERE m.id = 1",
		&r.countTo: "SELECT m.rev, (SELECT count(*) FROM (SELECT 1 FROM kv WHERE k >= ?1 AND k < ?2 LIMIT ?3)) FROM meta m WHERE m.id = 1",
	})
	if err != nil {
		return nil, errors.Join(err, r.close())
	}
	return r, nil
}

func (r *reader) close() error {
	var errs []error
	for _, st := range []*stmt{r.begin, r.commit, r.rev, r.get, r.from, r.fromTo, r.count, r.countTo} {
		if st != nil {
			errs = append(errs, st.close())
		}
	}
	return errors.Join(append(errs, r.conn.close())...)
}

// read runs f with a reader of the pool.
func (s *Store) read(ctx context.Context, f func(*reader) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := s.enter(); err != nil {
		return err
	}
	defer s.running.Done()
	var r *reader
	select {
	case r = <-s.readers:
	default:
		select {
		case r = <-s.readers:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	// The slot goes back; empty after SQLite failed, so that the next call opens
	// a connection in a known state.
	defer func() { s.readers <- r }()
	if r == nil {
		var err error
		if r, err = s.openReader(); err != nil {
			return fmt.Errorf("store: open a reader: %w", err)
		}
	}
	s.counts.reads.Add(1)
	err := f(r)
	if failure := (*sqlite.Error)(nil); errors.As(err, &failure) {
		err = fmt.Errorf("store: read: %w", errors.Join(err, r.close()))
		r = nil
	}
	return err
}

// Get implements store.Store.
func (s *Store) Get(ctx context.Context, key []byte) (kv store.KV, rev store.Rev, err error) {
	err = s.read(ctx, func(r *reader) error {
		var row [4]driver.Value
		found, err := r.get.row(row[:], key)
		if err != nil {
			return err
		}
		if !found {
			return errors.New("table meta has no row")
		}
		rev = store.Rev(integer(row[0]))
		if row[3] == nil {
			return store.ErrNotFound
		}
		kv = store.KV{
			Key: bytes.Clone(key), Value: blob(row[1]),
			Create: store.Rev(integer(row[2])), Mod: store.Rev(integer(row[3])),
		}
		return nil
	})
	return kv, rev, err
}

// Range implements store.Store.
func (s *Store) Range(ctx context.Context, from, to []byte, limit int) (kvs []store.KV, more bool, rev store.Rev, err error) {
	if limit <= 0 {
		return nil, false, 0, fmt.Errorf("store: limit %d is not positive", limit)
	}
	err = s.read(ctx, func(r *reader) error {
		return r.snapshot(func() error {
			var err error
			if rev, err = r.revision(); err != nil {
				return err
			}
			return r.scan(from, to, min(limit, math.MaxInt32)+1, func(kv store.KV) error {
				if more = len(kvs) == limit; !more {
					kvs = append(kvs, kv)
				}
				return ctx.Err()
			})
		})
	})
	if err != nil {
		return nil, false, 0, err
	}
	return kvs, more, rev, nil
}

// Count implements store.Store.
func (s *Store) Count(ctx context.Context, from, to []byte, limit int) (n int, rev store.Rev, err error) {
	if limit <= 0 {
		return 0, 0, fmt.Errorf("store: limit %d is not positive", limit)
	}
	if from == nil {
		from = []byte{}
	}
	err = s.read(ctx, func(r *reader) error {
		st, args := r.count, []driver.Value{from, int64(limit)}
		if len(to) > 0 {
			st, args = r.countTo, []driver.Value{from, to, int64(limit)}
		}
		var row [2]driver.Value
		if found, err := st.row(row[:], args...); err != nil || !found {
			return errors.Join(errors.New("no revision in table meta"), err)
		}
		rev, n = store.Rev(integer(row[0])), int(integer(row[1]))
		return nil
	})
	return n, rev, err
}

// snapshot runs f in a read transaction: all that f reads is of one revision,
// that of its first read.
func (r *reader) snapshot(f func() error) error {
	if _, err := r.begin.exec(); err != nil {
		return err
	}
	err := f()
	_, end := r.commit.exec()
	return errors.Join(err, end)
}

// revision is the store's revision in the reader's snapshot.
func (r *reader) revision() (store.Rev, error) {
	var row [1]driver.Value
	if found, err := r.rev.row(row[:]); err != nil || !found {
		return 0, errors.Join(errors.New("no revision in table meta"), err)
	}
	return store.Rev(integer(row[0])), nil
}

// scan calls f for at most limit keys in order until f returns an error.
func (r *reader) scan(from, to []byte, limit int, f func(store.KV) error) error {
	if from == nil {
		from = []byte{}
	}
	st, args := r.from, []driver.Value{from, int64(limit)}
	if len(to) > 0 {
		st, args = r.fromTo, []driver.Value{from, to, int64(limit)}
	}
	var row [4]driver.Value
	var stopped error
	err := st.rows(row[:], func() bool {
		stopped = f(store.KV{
			Key: blob(row[0]), Value: blob(row[1]),
			Create: store.Rev(integer(row[2])), Mod: store.Rev(integer(row[3])),
		})
		return stopped == nil
	}, args...)
	return errors.Join(stopped, err)
}
