package digest

import (
	"math"
	"slices"
	"strings"
	"testing"

	"trent/internal/audit"
)

// TestSealedStatement: what a digest says of sealed segments is read as it was
// written; the crypto module takes the longest; and what cannot be is refused.
func TestSealedStatement(t *testing.T) {
	t.Parallel()
	one := audit.Sealed{Epoch: math.MaxUint32, Number: 1e8 - 1, First: 1e15, Last: 2e15, Before: [32]byte{1}, Hash: [32]byte{2}, Bytes: 1 << 30, SHA256: [32]byte{3}}
	if member := statement(&one); *member.said() != one {
		t.Errorf("%+v", member)
	}
	s := Statement{
		Type: statementType, Node: strings.Repeat("0a", 16), Number: maxNumber, Time: "2026-11-23T08:00:00.000Z", Previous: strings.Repeat("0b", 32), After: 3e15,
		Epoch: math.MaxUint32, Sequence: 3e15, Hash: strings.Repeat("0c", 32), Revision: math.MaxInt64, Sealed: slices.Repeat([]SealedSegment{statement(&one)}, MaxSealed),
	}
	signed, err := s.encode()
	const most = 4096 // of what the module signs
	if err != nil || len(signed) > most {
		t.Fatalf("%d bytes, %v", len(signed), err)
	}
	if d, err := Parse(encodeFile(signed, []Signature{{ECDSA, strings.Repeat("0d", 16), []byte{1}}})); err != nil || len(d.Sealed) != MaxSealed || *d.Sealed[0].said() != one {
		t.Fatal(err)
	}
	for name, change := range map[string]func(*SealedSegment){
		"no epoch": func(s *SealedSegment) { s.Epoch = 0 }, "no number": func(s *SealedSegment) { s.Segment = 0 }, "no record": func(s *SealedSegment) { s.First = 0 },
		"an end before": func(s *SealedSegment) { s.Last = s.First - 1 }, "no bytes": func(s *SealedSegment) { s.Bytes = 0 },
		"the trail's end": func(s *SealedSegment) { s.Last = 3e15 }, "no hash": func(s *SealedSegment) { s.Hash = "" },
		"a short hash": func(s *SealedSegment) { s.Previous = s.Previous[2:] }, "upper case": func(s *SealedSegment) { s.SHA256 = strings.Repeat("AA", 32) },
	} {
		wrong := s
		wrong.Sealed = slices.Clone(s.Sealed)
		change(&wrong.Sealed[3])
		signed, err := wrong.encode()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(encodeFile(signed, []Signature{{ECDSA, strings.Repeat("0d", 16), []byte{1}}})); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}
