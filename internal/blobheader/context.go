package blobheader

import (
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strings"
)

// pair is one pair of an encryption context.
type pair = struct{ Key, Value string }

// stackContext is the size up to which a context is hashed without allocating.
// AWS's services use contexts of one to three short pairs.
const stackContext = 512

// ContextHash is the hash of an encryption context:
//
//	SHA-256( u32 count ‖ for each pair, sorted by key bytes: u32 len ‖ key ‖ u32 len ‖ value )
//
// No context (nil) is the empty one. Keys are unique; pairs that are not sorted
// are sorted in a copy.
func ContextHash[P ~struct{ Key, Value string }](pairs []P) [32]byte {
	if !slices.IsSortedFunc(pairs, byKey[P]) {
		pairs = slices.SortedStableFunc(slices.Values(pairs), byKey[P])
	}
	var stack [stackContext]byte
	b := binary.BigEndian.AppendUint32(stack[:0], uint32(len(pairs)))
	for _, p := range pairs {
		q := pair(p)
		b = binary.BigEndian.AppendUint32(b, uint32(len(q.Key)))
		b = append(b, q.Key...)
		b = binary.BigEndian.AppendUint32(b, uint32(len(q.Value)))
		b = append(b, q.Value...)
	}
	return sha256.Sum256(b)
}

func byKey[P ~struct{ Key, Value string }](a, b P) int {
	return strings.Compare(pair(a).Key, pair(b).Key)
}
