package sqlite

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"trent/internal/store"
)

// Snapshot implements store.Store. It reads with a connection of its own; as
// long as it runs, the log cannot be started anew, and Erase waits.
func (s *Store) Snapshot(ctx context.Context, w io.Writer) (rev store.Rev, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if err := s.enter(); err != nil {
		return 0, err
	}
	defer s.running.Done()
	r, err := s.openReader()
	if err != nil {
		return 0, fmt.Errorf("store: snapshot: %w", err)
	}
	err = r.snapshot(func() error {
		if rev, err = r.revision(); err != nil {
			return err
		}
		out, err := store.NewSnapshotWriter(w, rev)
		if err != nil {
			return err
		}
		err = r.scan(nil, nil, math.MaxInt, func(kv store.KV) error {
			return errors.Join(ctx.Err(), out.Put(kv))
		})
		if err != nil {
			return err
		}
		return out.Close()
	})
	if err = errors.Join(err, r.close()); err != nil {
		return 0, fmt.Errorf("store: snapshot: %w", err)
	}
	return rev, nil
}

// Restore implements store.Store: all of the stream or, after an error,
// nothing. Observers and watches are told of nothing; watches must start
// afresh (store.ErrCompacted). Restore comes before anything is served.
func (s *Store) Restore(ctx context.Context, r io.Reader) error {
	return s.onWriter(ctx, func(w *writer) error { return w.restore(ctx, r) })
}

func (w *writer) restore(ctx context.Context, r io.Reader) error {
	if w.rev != 0 {
		return store.ErrNotEmpty
	}
	if err := w.s.refusal(); err != nil {
		return err
	}
	in, err := store.NewSnapshotReader(r)
	if err != nil {
		return err
	}
	if _, err := w.begin.exec(); err != nil {
		return fmt.Errorf("store: restore: %w", err)
	}
	if err := w.load(ctx, in); err != nil {
		if _, undo := w.rollback.exec(); undo != nil {
			w.s.fail(errors.Join(err, undo))
		}
		return err
	}
	if err := w.commitOpen(w.rev); err != nil {
		return err
	}
	w.rev = in.Rev()
	w.s.feed.reset(w.rev)
	w.ckpt.wrote(w.s.opt.checkpointEvery)
	return nil
}

// load inserts what the stream holds into the open transaction.
func (w *writer) load(ctx context.Context, in *store.SnapshotReader) error {
	put, err := w.c.prepare("INSERT INTO kv(k, v, cre, mod) VALUES(?1, ?2, ?3, ?4)")
	if err != nil {
		return fmt.Errorf("store: restore: %w", err)
	}
	defer put.close()
	for {
		kv, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			_, err = put.exec(kv.Key, kv.Value, int64(kv.Create), int64(kv.Mod))
		}
		if err != nil {
			return fmt.Errorf("store: restore: %w", err)
		}
	}
	_, err = w.setRev.exec(int64(in.Rev()))
	return err
}
