package auditseal

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"trent/internal/audit"
	"trent/internal/digest"
)

// Sealer seals the segments of a node's trail that have ended, in the background.
type Sealer struct {
	*Writer
	Maker *digest.Maker // says which segments can be, and signs what they became
	Every time.Duration // between looks, and after a failure; default a minute
	// Usable says why the KMS key cannot be used, also while there is nothing to
	// seal: one that is to be deleted is found in time. nil: nobody knows.
	Usable func(ctx context.Context) error
	Log    *slog.Logger

	working sync.Mutex
	sealed  atomic.Uint64
	failed  atomic.Pointer[string]
	at      func(step string) error // for tests: may end the work
}

// Sealed is how many segments this process has sealed.
func (s *Sealer) Sealed() uint64 { return s.sealed.Load() }

// Failure is why segments that could be sealed are not; "" if all is well.
func (s *Sealer) Failure() string {
	if text := s.failed.Load(); text != nil {
		return *text
	}
	return ""
}

// Run seals what can be sealed, at once and every Every. While
// it cannot, because the KMS key is disabled or its policy denies, segments stay
// in the clear, and it goes on when it can.
func (s *Sealer) Run(ctx context.Context) {
	const every = time.Minute
	if s.Every == 0 {
		s.Every = every
	}
	for ctx.Err() == nil {
		s.look(ctx)
		timer := time.NewTimer(s.Every)
		select {
		case <-ctx.Done():
		case <-timer.C:
		}
		timer.Stop()
	}
}

// look seals all that can be, and says in the log when that begins to fail and
// when it goes on.
func (s *Sealer) look(ctx context.Context) {
	err := error(nil)
	if s.Usable != nil {
		err = s.Usable(ctx)
	}
	for n := digest.MaxSealed; n == digest.MaxSealed && err == nil; {
		n, err = s.Seal(ctx)
	}
	if ctx.Err() != nil {
		return
	}
	before, now := s.Failure(), ""
	if err != nil {
		now = err.Error()
		s.failed.Store(&now)
	} else {
		s.failed.Store(nil)
	}
	switch {
	case now != "" && now != before:
		s.Log.Error("segments of the audit trail cannot be encrypted and stay in the clear; what is encrypted may not open either", "key", s.Key, "error", err)
	case now == "" && before != "":
		s.Log.Info("segments of the audit trail are being encrypted again", "key", s.Key)
	}
}

// Seal seals segments, as many as one digest names, and returns how many. The
// order keeps each in one form at least: the sealed file is durable and read back
// before a digest names it, and that is durable before the clear file goes. What a
// crash leaves, the next call takes up.
func (s *Sealer) Seal(ctx context.Context) (n int, err error) {
	s.working.Lock()
	defer s.working.Unlock()
	var done []string // paths of clear files
	var held []audit.Sealed
	for p, wrong := range s.Maker.Proven(ctx) {
		named := false
		if wrong == nil {
			named, wrong = s.named(p)
		}
		if wrong == nil && !named {
			if wrong = s.segment(ctx, p); wrong == nil {
				held = append(held, p.Holds)
			}
		}
		if wrong != nil {
			err = errors.Join(err, fmt.Errorf("segment %d of epoch %d: %w", p.Number, p.Epoch, wrong))
			if !errors.Is(wrong, digest.ErrUnproven) {
				break // the key, or the disk: so it would be with the next
			}
			continue
		}
		if done = append(done, p.Path); len(done) == digest.MaxSealed {
			break
		}
	}
	if len(held) > 0 {
		if failed := errors.Join(s.Maker.Seal(ctx, held), s.step("digest")); failed != nil {
			return 0, errors.Join(err, failed)
		}
	}
	for _, path := range done {
		if failed := remove(path); failed != nil {
			return n, errors.Join(err, failed)
		}
		n++
		s.sealed.Add(1)
	}
	return n, err
}

// named reports whether a digest has named the segment's sealed file already: a
// crash came between that and the removal of the clear one.
func (s *Sealer) named(p *digest.Proven) (bool, error) {
	stored, err := audit.ReadRegular(p.SealedPath(), maxFile)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, audit.ErrNotRegular) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	p.Holds.Bytes, p.Holds.SHA256 = int64(len(stored)), sha256.Sum256(stored)
	return s.Maker.Named(&p.Holds)
}

// maxFile bounds a sealed segment.
const maxFile = 1 << 30

// segment writes a segment's sealed file, and fills in what is known of it. It lets
// go of the clear bytes before it reads the file back: segments are large.
func (s *Sealer) segment(ctx context.Context, p *digest.Proven) error {
	was := sha256.Sum256(p.Clear)
	sealed, err := s.Writer.Seal(ctx, p.Name(), p.Clear)
	if err != nil {
		return err
	}
	p.Clear = nil
	if err := s.write(p.SealedPath(), sealed); err != nil {
		return err
	}
	stored, err := audit.ReadRegular(p.SealedPath(), maxFile)
	if err != nil {
		return err
	}
	p.Holds.Bytes, p.Holds.SHA256 = int64(len(stored)), sha256.Sum256(stored)
	again, err := (&Reader{ctx, s.Keys}).Open(p.Name(), stored)
	if err != nil {
		return err
	}
	if sha256.Sum256(again) != was {
		return errors.New("what was sealed is not what is read back")
	}
	return s.step("sealed")
}

// write makes a file that is whole and durable under its name, or not there.
func (s *Sealer) write(path string, content []byte) error {
	folder, name := filepath.Split(path)
	temporary := filepath.Join(folder, "."+name)
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(content)
	if err == nil {
		err = s.step("written")
	}
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(temporary, path)
	}
	if err != nil {
		return err
	}
	return syncFolder(folder)
}

func remove(path string) error {
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return syncFolder(filepath.Dir(path))
}

func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// step is a place at which tests end the work.
func (s *Sealer) step(name string) error {
	if s.at == nil {
		return nil
	}
	return s.at(name)
}
