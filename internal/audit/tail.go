package audit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// path is the segment's file in its node's directory.
func (s segmentID) path(nodeDir string) string {
	path := filepath.Join(nodeDir, epochName(s.epoch), segmentName(s.number))
	if s.sealed {
		path = strings.TrimSuffix(path, clearSuffix) + sealedSuffix
	}
	return path
}

// listSegments returns a node's segments in order, sealed ones only if they are
// not there in the clear, and its newest epoch, which
// may have none; names of other forms are not the trail's and are passed over.
func listSegments(fs fsys, nodeDir string, node [16]byte) (segments []segmentID, lastEpoch uint64, err error) {
	epochs, err := fs.list(nodeDir)
	if err != nil {
		return nil, 0, fmt.Errorf("audit: %w", err)
	}
	for _, name := range epochs {
		epoch, ok := parseNumber(name)
		if !ok {
			continue
		}
		lastEpoch = max(lastEpoch, epoch)
		files, err := fs.list(filepath.Join(nodeDir, name))
		if err != nil {
			return nil, 0, fmt.Errorf("audit: %w", err)
		}
		for _, file := range files {
			base, isClear := strings.CutSuffix(file, clearSuffix)
			base, isSealed := strings.CutSuffix(base, sealedSuffix)
			if number, ok := parseNumber(base); ok && isClear != isSealed {
				segments = append(segments, segmentID{node: node, epoch: epoch, number: number, sealed: isSealed})
			}
		}
	}
	slices.SortFunc(segments, func(a, b segmentID) int {
		return cmp.Or(cmp.Compare(a.epoch, b.epoch), cmp.Compare(a.number, b.number), sealedLast(a, b))
	})
	// While a segment is being sealed there are both files.
	segments = slices.CompactFunc(segments, func(a, b segmentID) bool { return a.epoch == b.epoch && a.number == b.number })
	return segments, lastEpoch, nil
}

// sealedLast puts the segment in the clear before the sealed one.
func sealedLast(a, b segmentID) int {
	switch {
	case a.sealed == b.sealed:
		return 0
	case a.sealed:
		return 1
	}
	return -1
}

// parseNumber reads an epoch's or segment's number: at least eight digits.
func parseNumber(name string) (uint64, bool) {
	n, err := strconv.ParseUint(name, 10, 63)
	return n, err == nil && n > 0 && name == fmt.Sprintf("%08d", n)
}

// chainEnd is what an earlier run has left of a node's trail.
type chainEnd struct {
	lastEpoch uint64
	head      Head      // zero if there is no record
	segment   segmentID // that holds the last record
	cut       int64     // bytes of the torn tail that was cut, zeros at its end not counted
}

// findTail finds the end of the chain: it verifies the newest segment that
// holds records, cuts zeros and a torn tail off the newest segment of the newest epoch,
// if it then ends no earlier than covered, sets the tail aside, and syncs what it then relies on, which a killed process may have left
// unsynced. No other segment can end in either: each was cut and made durable
// before the next segment or epoch was made.
func findTail(ctx context.Context, o *Options, nodeDir string) (chainEnd, error) {
	fs, node := o.fs, o.Node
	segments, lastEpoch, err := listSegments(fs, nodeDir, node)
	if err != nil {
		return chainEnd{}, err
	}
	end := chainEnd{lastEpoch: lastEpoch}
	for i := len(segments) - 1; i >= 0; i-- {
		id := segments[i]
		if id.sealed { // the one with the last record never is
			return chainEnd{}, fmt.Errorf("%w: what followed %s, which is sealed", ErrLost, id.path(nodeDir))
		}
		newest := i == len(segments)-1 && id.epoch == lastEpoch
		found, err := scanWritten(fs, nodeDir, id, o.Mode, nil, func(Record) bool { return ctx.Err() == nil })
		if ctx.Err() != nil {
			return chainEnd{}, context.Cause(ctx)
		}
		if !newest {
			err = found.whole(err)
		}
		if err != nil && !errors.Is(err, ErrTorn) {
			return chainEnd{}, err
		}
		if newest && found.torn > 0 {
			if found.head.Sequence < o.Covered.Sequence {
				return chainEnd{}, fmt.Errorf("%w: record %d, which a digest covers: %w", ErrDamaged, o.Covered.Sequence, err)
			}
			if err := setAside(fs, id.path(nodeDir), found.size, found.torn); err != nil {
				return chainEnd{}, fmt.Errorf("audit: set torn tail aside: %w", err)
			}
		}
		if newest {
			if err := makeWhole(fs, id.path(nodeDir), found.size); err != nil {
				return chainEnd{}, fmt.Errorf("audit: cut torn tail: %w", err)
			}
			end.cut = found.torn
		}
		if found.head.Sequence > 0 {
			end.head, end.segment = found.head, id
			break
		}
	}
	return end, nil
}

// makeWhole cuts a segment to size and makes that durable; a segment without a
// whole header is removed.
func makeWhole(fs fsys, path string, size int64) error {
	if size > 0 {
		return fs.truncate(path, size)
	}
	if err := fs.remove(path); err != nil {
		return err
	}
	return fs.syncDir(filepath.Dir(path))
}
