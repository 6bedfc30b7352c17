package domain

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"

	"github.com/fxamacker/cbor/v2"

	"trent/internal/hsm/domain/slab"
	"trent/internal/hsm/unseal"
)

// Limits of a domain token. MaxGenerations keeps a token below MaxToken.
const (
	MaxToken       = 60 << 10 // bytes
	MaxGenerations = 1024
	maxName        = 32
	maxSlots       = 16
	maxSealedSlot  = 2048 // bytes of one slot's sealed token key
)

const (
	magic       = "TD"
	version     = 1
	headSize    = len(magic) + 2
	gcmExtra    = 12 + 16 // nonce and tag
	active      = 1
	deactivated = 2
	hashSize    = sha256.Size
	cborUint    = 0 << 5 // CBOR major types
	cborBytes   = 2 << 5
	cborMap     = 5 << 5
	keyEncoded  = 2 + slab.KeySize // a 32-byte string
)

// none is a member that version 1 leaves empty: a list without elements.
type none [0]struct{}

// state is the clear part of a domain token.
type state struct {
	Name            string           `cbor:"1,keyasint"`
	ID              ID               `cbor:"2,keyasint"`
	Epoch           uint64           `cbor:"3,keyasint"`
	Previous        [hashSize]byte   `cbor:"4,keyasint"`
	Members         none             `cbor:"5,keyasint"`
	Operators       none             `cbor:"6,keyasint"`
	Rules           none             `cbor:"7,keyasint"`
	Generations     []generation     `cbor:"8,keyasint"`
	Slots           []slot           `cbor:"9,keyasint"`
	ReplicationKeys []replicationKey `cbor:"10,keyasint"` // one at most, never nil
	Roots           none             `cbor:"11,keyasint"`
	Peers           none             `cbor:"12,keyasint"`
	Evidence        none             `cbor:"13,keyasint"`
	Signature       none             `cbor:"14,keyasint"`
}

type generation struct {
	Number  uint32 `cbor:"1,keyasint"`
	Created int64  `cbor:"2,keyasint"` // Unix seconds
	State   uint8  `cbor:"3,keyasint"`
}

// replicationKey is the public part of the key by which a domain signs
// replication messages: ECDSA on P-384. Its scalar is sealed with the domain keys.
type replicationKey struct {
	Created int64  `cbor:"1,keyasint"` // Unix seconds
	Public  []byte `cbor:"2,keyasint"` // SPKI
}

type slot struct {
	Provider string                 `cbor:"1,keyasint"`
	Nonce    [unseal.NonceSize]byte `cbor:"2,keyasint"`
	Sealed   []byte                 `cbor:"3,keyasint"`
}

// tokenParts is a domain token taken apart; the slices point into it.
type tokenParts struct {
	aad    []byte // header ‖ clear
	clear  []byte
	sealed []byte
}

// codec is the one way in which clear parts become bytes and back.
type codec struct {
	enc cbor.EncMode
	dec cbor.DecMode
}

func newCodec() (codec, error) {
	enc, err := cbor.CoreDetEncOptions().EncMode()
	if err != nil {
		return codec{}, err
	}
	dec, err := cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		MaxNestedLevels:   4,
		MaxArrayElements:  MaxGenerations,
		MaxMapPairs:       16,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
		UTF8:              cbor.UTF8RejectInvalid,
	}.DecMode()
	return codec{enc, dec}, err
}

// decode reads a clear part strictly: what decode accepts, encode returns to
// the same bytes.
func (c codec) decode(clear []byte) (*state, error) {
	var s state
	if err := c.dec.Unmarshal(clear, &s); err != nil {
		return nil, ErrRefused // a CBOR error may quote the input
	}
	again, err := c.enc.Marshal(&s)
	if err != nil || !bytes.Equal(again, clear) || !s.wellFormed() {
		return nil, ErrRefused
	}
	return &s, nil
}

// wellFormed says whether the members are in their ranges and agree.
func (s *state) wellFormed() bool {
	if !validName(s.Name) || !s.ID.valid() || s.Epoch == 0 || s.Epoch == 1 && s.Previous != [hashSize]byte{} {
		return false
	}
	if len(s.Generations) == 0 || len(s.Generations) > MaxGenerations || len(s.Slots) == 0 || len(s.Slots) > maxSlots {
		return false
	}
	actives, last := 0, uint32(0)
	for _, g := range s.Generations {
		if g.Number <= last || g.Created < 0 || g.State != active && g.State != deactivated {
			return false
		}
		if g.State == active {
			actives++
		}
		last = g.Number
	}
	if s.ReplicationKeys == nil || len(s.ReplicationKeys) > 1 || len(s.ReplicationKeys) == 1 && s.Name == globalName {
		return false
	}
	for _, k := range s.ReplicationKeys {
		if k.Created < 0 || pointOf(k.Public) == nil {
			return false
		}
	}
	for _, slot := range s.Slots {
		if len(slot.Provider) == 0 || len(slot.Provider) > maxName || len(slot.Sealed) == 0 || len(slot.Sealed) > maxSealedSlot {
			return false
		}
	}
	return actives == 1
}

// activeGeneration returns the number of the generation that wraps.
func (s *state) activeGeneration() uint32 {
	for _, g := range s.Generations {
		if g.State == active {
			return g.Number
		}
	}
	return 0
}

// validName says whether name can be a Region's or `global`.
func validName(name string) bool {
	if len(name) == 0 || len(name) > maxName {
		return false
	}
	for i := range len(name) {
		if c := name[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return true
}

// appendHead appends a token's header: magic and version. With the clear part
// it is the AAD of the sealed part.
func appendHead(dst []byte) []byte {
	return binary.BigEndian.AppendUint16(append(dst, magic...), version)
}

func appendFramed(dst, part []byte) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(part))), part...)
}

// split takes a token apart. The error is ErrRefused.
func split(token []byte) (p tokenParts, err error) {
	if len(token) > MaxToken || len(token) < headSize || !bytes.Equal(token[:headSize], appendHead(nil)) {
		return p, ErrRefused
	}
	rest := token[headSize:]
	for _, part := range []*[]byte{&p.clear, &p.sealed} {
		if len(rest) < 4 {
			return p, ErrRefused
		}
		n := binary.BigEndian.Uint32(rest)
		if uint64(n) > uint64(len(rest)-4) {
			return p, ErrRefused
		}
		*part, rest = rest[4:4+n], rest[4+n:]
	}
	if len(rest) != 0 {
		return p, ErrRefused
	}
	p.aad = append(appendHead(nil), p.clear...)
	return p, nil
}

// appendCBORHead appends a CBOR item's first bytes in their shortest form.
func appendCBORHead(dst []byte, major byte, n uint32) []byte {
	switch {
	case n < 24:
		return append(dst, major|byte(n))
	case n < 1<<8:
		return append(dst, major|24, byte(n))
	case n < 1<<16:
		return binary.BigEndian.AppendUint16(append(dst, major|25), uint16(n))
	}
	return binary.BigEndian.AppendUint32(append(dst, major|26), n)
}

// keysSize bounds the encoding of n domain keys and a replication key.
func keysSize(n int) int { return 5 + 3 + ScalarSize + n*(5+keyEncoded) }

// replicationEntry is the replication key's place in the sealed part's map: no
// generation has that number.
const replicationEntry = 0

// appendScalar appends the map's first entry, the replication key's scalar.
func appendScalar(dst []byte, scalar *[ScalarSize]byte) []byte {
	dst = appendCBORHead(dst, cborUint, replicationEntry)
	dst = appendCBORHead(dst, cborBytes, ScalarSize)
	return append(dst, scalar[:]...)
}

// cutScalar takes the map's head and, if there is one, its first entry off.
// entries is how many it must have.
func cutScalar(plain []byte, entries int, scalar *[ScalarSize]byte) (rest []byte, ok bool) {
	var buf [8]byte
	rest, ok = bytes.CutPrefix(plain, appendCBORHead(buf[:0], cborMap, uint32(entries)))
	if !ok || scalar == nil {
		return rest, ok
	}
	head := appendCBORHead(appendCBORHead(buf[:0], cborUint, replicationEntry), cborBytes, ScalarSize)
	if rest, ok = bytes.CutPrefix(rest, head); !ok || len(rest) < ScalarSize {
		return nil, false
	}
	copy(scalar[:], rest)
	return rest[ScalarSize:], true
}

// appendKey appends one entry of the sealed part's map: generation → key.
// The map is encoded by hand so that no library's buffer keeps domain keys.
func appendKey(dst []byte, number uint32, key *[slab.KeySize]byte) []byte {
	dst = appendCBORHead(dst, cborUint, number)
	dst = appendCBORHead(dst, cborBytes, slab.KeySize)
	return append(dst, key[:]...)
}

// readKeys reads the sealed part's map, which must hold exactly the state's
// generations and its replication key, and calls put for each generation. The
// scalar is zero if there is no replication key.
func readKeys(plain []byte, st *state, scalar *[ScalarSize]byte, put func(number uint32, key *[slab.KeySize]byte) error) error {
	var buf [8]byte
	if len(st.ReplicationKeys) == 0 {
		scalar = nil
	}
	plain, ok := cutScalar(plain, len(st.Generations)+len(st.ReplicationKeys), scalar)
	for _, g := range st.Generations {
		if !ok {
			return ErrRefused
		}
		head := appendCBORHead(appendCBORHead(buf[:0], cborUint, g.Number), cborBytes, slab.KeySize)
		if plain, ok = bytes.CutPrefix(plain, head); !ok || len(plain) < slab.KeySize {
			return ErrRefused
		}
		if err := put(g.Number, (*[slab.KeySize]byte)(plain)); err != nil {
			return err
		}
		plain = plain[slab.KeySize:]
	}
	if !ok || len(plain) != 0 {
		return ErrRefused
	}
	return nil
}
