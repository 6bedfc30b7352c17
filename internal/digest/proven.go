package digest

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"iter"
	"path/filepath"
	"slices"
	"sort"

	"trent/internal/audit"
)

// ErrUnproven: a segment's records are not those that digests were made of, or
// cannot be read.
var ErrUnproven = errors.New("digest: the segment's records are not those that were signed")

// Proven is a segment in the clear that can be sealed: it has ended, and its
// records, for which Seal will vouch, are the ones that digests cover.
type Proven struct {
	audit.Segment
	Holds audit.Sealed // without what is known of the sealed bytes
	Clear []byte       // the segment; whoever needs it no longer may let it go
}

// Proven yields the node's segments that can be sealed, oldest first, and an
// ErrUnproven with each that should be and is not as it was signed. A digest
// covers more than any of them holds, and what it covers was synced: so none has
// the trail's last record.
func (m *Maker) Proven(ctx context.Context) iter.Seq2[*Proven, error] {
	return func(yield func(*Proven, error) bool) {
		last := m.Last()
		if last == nil {
			return
		}
		segments, err := audit.Segments(m.Dir, m.Node)
		own, keysErr := m.Signer.Keys(ctx)
		if err = errors.Join(err, keysErr); err != nil {
			yield(&Proven{}, fmt.Errorf("digest: %w", err))
			return
		}
		p := prover{ctx: ctx, folder: filepath.Join(m.folder(), folderName), node: hex.EncodeToString(m.Node[:]), keys: map[string][]byte{}, until: last.Sequence}
		for _, k := range own {
			p.keys[k.ID] = k.PublicKey
		}
		for i := range segments {
			if segments[i].Sealed || segments[i].Newest {
				continue
			}
			proven := Proven{Segment: segments[i]}
			err := p.prove(&proven, segments[i+1:])
			if errors.Is(err, errLater) || ctx.Err() != nil {
				return
			}
			if proven.Holds.Last == 0 && err == nil { // it holds nothing
				continue
			}
			if !yield(&proven, err) {
				return
			}
		}
	}
}

// Named reports whether a digest of this service, the last that is about the
// segment, says this of it.
func (m *Maker) Named(holds *audit.Sealed) (bool, error) {
	folder := filepath.Join(m.folder(), folderName)
	numbers, err := list(folder)
	if err != nil {
		return false, err
	}
	for _, number := range slices.Backward(numbers) {
		d, err := readDigest(folder, number)
		if err != nil {
			return false, err
		}
		if d.Sequence <= holds.Last {
			break
		}
		for i := range d.Sealed {
			if said := d.Sealed[i].said(); said.Epoch == holds.Epoch && said.Number == holds.Number {
				return *said == *holds, nil
			}
		}
	}
	return false, nil
}

// errLater: no digest covers more than the segment yet.
var errLater = errors.New("digest: not covered yet")

// prover holds segments against digests.
type prover struct {
	ctx    context.Context
	folder string
	node   string
	keys   map[string][]byte
	until  uint64 // record that the last digest covers
}

// prove reads a segment, holds it against the digests, and reads on to the record
// that the next digest covers: the chain of hashes leads from that to all before.
func (p *prover) prove(s *Proven, behind []audit.Segment) (err error) {
	holds := &s.Holds
	holds.Epoch, holds.Number = s.Epoch, s.Number
	if s.Clear, err = audit.ReadRegular(s.Path, maxSegment); err != nil {
		return fmt.Errorf("%w: %w", ErrUnproven, err)
	}
	var hashes [][32]byte
	err = s.ScanBytes(s.Clear, func(r audit.Record) bool {
		if holds.First == 0 {
			holds.First, holds.Before = r.Sequence, r.PreviousHash
		}
		holds.Last, holds.Hash = r.Sequence, r.Hash
		hashes = append(hashes, r.Hash)
		return p.ctx.Err() == nil
	})
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrUnproven, err)
	case p.ctx.Err() != nil || holds.Last == 0:
		return context.Cause(p.ctx)
	case holds.Last >= p.until:
		return errLater
	}
	next, err := p.compare(holds, hashes)
	if err != nil {
		return err
	}
	return p.follow(behind, holds, next)
}

// maxSegment bounds what is read of a segment.
const maxSegment = 1 << 30

// compare holds records against the digests that are about them, and returns the
// next digest.
func (p *prover) compare(holds *audit.Sealed, hashes [][32]byte) (*Digest, error) {
	numbers, err := list(p.folder)
	if err != nil {
		return nil, err
	}
	var failed error
	from := sort.Search(len(numbers), func(i int) bool {
		d, err := readDigest(p.folder, numbers[i])
		failed = cmp.Or(failed, err)
		return err == nil && d.Sequence >= holds.First
	})
	for _, number := range numbers[from:] {
		d, err := readDigest(p.folder, number)
		if failed = cmp.Or(failed, err); failed != nil {
			break
		}
		if text := d.verify(p.keys, true); text != "" || d.Node != p.node {
			return nil, fmt.Errorf("%w: digest %d is not this service's: %s", ErrUnproven, number, text)
		}
		if d.Sequence > holds.Last {
			return d, nil
		}
		if at := d.Sequence - holds.First; d.Hash != hex.EncodeToString(hashes[at][:]) {
			return nil, fmt.Errorf("%w: digest %d", ErrUnproven, number)
		}
	}
	if failed != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnproven, failed)
	}
	return nil, errLater
}

// follow reads the segments behind one as far as a digest reaches.
func (p *prover) follow(segments []audit.Segment, holds *audit.Sealed, next *Digest) error {
	head := audit.Head{Sequence: holds.Last, Hash: holds.Hash}
	for i := range segments {
		broken := false
		err := segments[i].Scan(func(r audit.Record) bool {
			broken = broken || r.Sequence != head.Sequence+1 || r.PreviousHash != head.Hash
			head = audit.Head{Sequence: r.Sequence, Hash: r.Hash}
			return !broken && r.Sequence < next.Sequence && p.ctx.Err() == nil
		})
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUnproven, err)
		}
		if p.ctx.Err() != nil {
			return context.Cause(p.ctx)
		}
		if broken || head.Sequence >= next.Sequence {
			break
		}
	}
	if head.Sequence != next.Sequence || next.Hash != hex.EncodeToString(head.Hash[:]) {
		return fmt.Errorf("%w: the chain does not lead to digest %d", ErrUnproven, next.Number)
	}
	return nil
}
