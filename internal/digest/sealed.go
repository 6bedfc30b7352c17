package digest

import (
	"context"
	"encoding/hex"
	"fmt"

	"trent/internal/audit"
)

// SealedSegment is what a digest says of a segment that was encrypted before it
// was made: which records it holds, as part of the chain, and its bytes as they
// are stored, so that both can be verified without its key.
type SealedSegment struct {
	Epoch    uint64 `json:"epoch"`
	Segment  uint64 `json:"segment"`
	First    uint64 `json:"first"` // records
	Last     uint64 `json:"last"`
	Previous string `json:"previous"` // hash of the record before the first, hex
	Hash     string `json:"hash"`     // of the last record
	Bytes    int64  `json:"bytes"`    // as stored
	SHA256   string `json:"sha256"`   // of the bytes as stored
}

// MaxSealed is how many segments one digest names: the crypto module signs
// statements of up to 4 KB.
const MaxSealed = 8

// statement is s as it stands in a statement.
func statement(s *audit.Sealed) SealedSegment {
	return SealedSegment{
		Epoch: s.Epoch, Segment: s.Number, First: s.First, Last: s.Last, Previous: hex.EncodeToString(s.Before[:]),
		Hash: hex.EncodeToString(s.Hash[:]), Bytes: s.Bytes, SHA256: hex.EncodeToString(s.SHA256[:]),
	}
}

// valid reports whether the member can be one of a digest that covers so many
// records.
func (s *SealedSegment) valid(covered uint64) bool {
	return s.Epoch > 0 && s.Segment > 0 && s.First > 0 && s.First <= s.Last && s.Last < covered && s.Bytes > 0 &&
		isHex(s.Previous, 32) && isHex(s.Hash, 32) && isHex(s.SHA256, 32)
}

// said is what the member says; it is valid.
func (s *SealedSegment) said() *audit.Sealed {
	out := &audit.Sealed{Epoch: s.Epoch, Number: s.Segment, First: s.First, Last: s.Last, Bytes: s.Bytes}
	for _, part := range [...]struct {
		to   []byte
		from string
	}{{out.Before[:], s.Previous}, {out.Hash[:], s.Hash}, {out.SHA256[:], s.SHA256}} {
		_, _ = hex.Decode(part.to, []byte(part.from)) // isHex
	}
	return out
}

// Seal makes a digest that names segments which are sealed by now, at most
// MaxSealed.
func (m *Maker) Seal(ctx context.Context, segments []audit.Sealed) error {
	if len(segments) == 0 || len(segments) > MaxSealed {
		return fmt.Errorf("digest: %d sealed segments in one", len(segments))
	}
	_, err := m.makeNaming(ctx, segments)
	return err
}
