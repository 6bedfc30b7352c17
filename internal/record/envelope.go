package record

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"

	"github.com/fxamacker/cbor/v2"

	"trent/internal/secret"
)

// The envelope's layout (docs/formats.md, "Records").
const (
	envelopeVersion = 1
	headerLen       = 10
	macLen          = sha256.Size
	overhead        = headerLen + macLen

	macLabel = "TRENT-RECORD-01"
)

// MACKeyLen is the length of a record MAC key in bytes.
const MACKeyLen = 32

// ErrTampered says that a stored value is not one that was sealed for its
// store key: it was changed, moved, cut, or is of another type or version.
var ErrTampered = errors.New("record: value is not authentic")

// Sealer seals and opens the records of one Region. It may be used
// concurrently.
type Sealer struct{ key secret.Bytes }

// NewSealer makes a sealer of the Region's record MAC key (service key
// `record-mac`, MACKeyLen bytes), which the sealer keeps.
func NewSealer(macKey secret.Bytes) (*Sealer, error) {
	if macKey.Len() != MACKeyLen {
		return nil, fmt.Errorf("record: MAC key has %d bytes, want %d", macKey.Len(), MACKeyLen)
	}
	return &Sealer{macKey}, nil
}

// Seal returns the value to store under key: the envelope of v, a record or a
// pointer to one, whose Go type must be t's. version counts the writes of this
// store key, from 1. Records that are stored without a MAC (see Encode) are
// refused.
func (s *Sealer) Seal(key []byte, t Type, version uint64, v any) ([]byte, error) {
	if unauthenticated(t) {
		return nil, fmt.Errorf("record: type %d is stored without a MAC", t)
	}
	b, err := encode(t, version, v)
	if err != nil {
		return nil, err
	}
	s.mac(b[headerLen:headerLen], key, b)
	return b, nil
}

// Open checks that value was sealed for key as type t and decodes it into v, a
// pointer to t's record that must be zero. It returns the record version. Any
// refusal is ErrTampered, and v is then not to be used.
func (s *Sealer) Open(key, value []byte, t Type, v any) (version uint64, err error) {
	if unauthenticated(t) || len(value) < overhead {
		return 0, ErrTampered
	}
	var sum [macLen]byte
	if !hmac.Equal(s.mac(sum[:0], key, value), value[headerLen:overhead]) {
		return 0, ErrTampered
	}
	return decode(value, t, v)
}

// MAC returns the MAC of bytes that are no record of the store, under the same
// key. label says what they are; each use has one of its own.
func (s *Sealer) MAC(label string, b []byte) (mac [macLen]byte) {
	h := hmac.New(sha256.New, s.key.Expose())
	frame(h, []byte(label))
	frame(h, b)
	h.Sum(mac[:0])
	return mac
}

// Encode returns the envelope of a record that is read before the record MAC
// key exists: a service key's, whose token the module authenticates, or the
// store's. Its MAC is zero.
func Encode(t Type, version uint64, v any) ([]byte, error) {
	if !unauthenticated(t) {
		return nil, fmt.Errorf("record: type %d is stored with a MAC only", t)
	}
	return encode(t, version, v)
}

// Decode reads an envelope that Encode made. It proves nothing about where
// the value comes from. Any refusal is ErrTampered.
func Decode(value []byte, t Type, v any) (version uint64, err error) {
	if !unauthenticated(t) || len(value) < overhead || [macLen]byte(value[headerLen:overhead]) != [macLen]byte{} {
		return 0, ErrTampered
	}
	return decode(value, t, v)
}

// unauthenticated says whether records of type t are stored without a MAC.
func unauthenticated(t Type) bool { return t == TypeServiceKey || t == TypeStore }

// mac appends to dst the MAC of an envelope, of which it reads the header and
// the CBOR, for a store key.
func (s *Sealer) mac(dst, key, envelope []byte) []byte {
	h := hmac.New(sha256.New, s.key.Expose())
	frame(h, []byte(macLabel))
	frame(h, key)
	h.Write(envelope[:headerLen])
	frame(h, envelope[overhead:])
	return h.Sum(dst)
}

// frame writes b with its length before it.
func frame(h hash.Hash, b []byte) {
	var n [4]byte
	binary.BigEndian.PutUint32(n[:], uint32(len(b)))
	h.Write(n[:])
	h.Write(b)
}

// encode makes an envelope with a zero MAC.
func encode(t Type, version uint64, v any) ([]byte, error) {
	if version == 0 {
		return nil, errors.New("record: versions count from 1")
	}
	if typeOf(v) != t {
		return nil, fmt.Errorf("record: %T is not of type %d", v, t)
	}
	body, err := encMode.Marshal(v)
	if err != nil {
		return nil, fmt.Errorf("record: encode %T: %w", v, err)
	}
	// What could not be read back (text that is not UTF-8, too deep a nesting)
	// must not be written.
	if err := unmarshal(body, blank(t)); err != nil {
		return nil, fmt.Errorf("record: encode %T: %w", v, err)
	}
	b := make([]byte, overhead, overhead+len(body))
	b[0], b[1] = envelopeVersion, byte(t)
	binary.BigEndian.PutUint64(b[2:], version)
	return append(b, body...), nil
}

// decode reads header and CBOR of an envelope of at least overhead bytes.
func decode(value []byte, t Type, v any) (version uint64, err error) {
	version = binary.BigEndian.Uint64(value[2:])
	if value[0] != envelopeVersion || Type(value[1]) != t || version == 0 {
		return 0, ErrTampered
	}
	if typeOf(v) != t {
		return 0, fmt.Errorf("record: %T is not of type %d", v, t)
	}
	if err := unmarshal(value[overhead:], v); err != nil {
		return 0, fmt.Errorf("%w: %w", ErrTampered, err)
	}
	return version, nil
}

// unmarshal decodes strictly, and a map only: CBOR's null would otherwise pass
// for any record.
func unmarshal(body []byte, v any) error {
	const majorType, mapType = 0xe0, 0xa0
	if len(body) == 0 || body[0]&majorType != mapType {
		return errors.New("not a map")
	}
	return decMode.Unmarshal(body, v)
}

// blank is a new record of type t, nil if it has none.
func blank(t Type) any {
	switch t {
	case TypeKey:
		return new(Key)
	case TypePolicy:
		return new(Policy)
	case TypeMaterial:
		return new(Material)
	case TypeAlias:
		return new(Alias)
	case TypeAccount:
		return new(Account)
	case TypeAccessKey:
		return new(AccessKey)
	case TypeServiceKey:
		return new(ServiceKey)
	case TypeUser:
		return new(User)
	case TypeGroup:
		return new(Group)
	case TypeRole:
		return new(Role)
	case TypeManaged:
		return new(Managed)
	case TypeLastUsed:
		return new(LastUsed)
	case TypeGrant:
		return new(Grant)
	case TypeAuditKey:
		return new(AuditKey)
	case TypeKeyUse:
		return new(KeyUse)
	case TypeTags:
		return new(Tags)
	case TypeStore:
		return new(Store)
	case TypeIndex:
		return new(Index)
	case TypeOutbox:
		return new(Outbox)
	}
	return nil
}

// typeOf is the record type of v, 0 if v is no record.
func typeOf(v any) Type {
	switch v.(type) {
	case Key, *Key:
		return TypeKey
	case Policy, *Policy:
		return TypePolicy
	case Material, *Material:
		return TypeMaterial
	case Alias, *Alias:
		return TypeAlias
	case Account, *Account:
		return TypeAccount
	case AccessKey, *AccessKey:
		return TypeAccessKey
	case ServiceKey, *ServiceKey:
		return TypeServiceKey
	case User, *User:
		return TypeUser
	case Group, *Group:
		return TypeGroup
	case Role, *Role:
		return TypeRole
	case Managed, *Managed:
		return TypeManaged
	case LastUsed, *LastUsed:
		return TypeLastUsed
	case Grant, *Grant:
		return TypeGrant
	case AuditKey, *AuditKey:
		return TypeAuditKey
	case KeyUse, *KeyUse:
		return TypeKeyUse
	case Tags, *Tags:
		return TypeTags
	case Store, *Store:
		return TypeStore
	case Index, *Index:
		return TypeIndex
	case Outbox, *Outbox:
		return TypeOutbox
	}
	return 0
}

// encMode is deterministic (RFC 8949 §4.2.1): shortest forms, sorted keys,
// definite lengths. decMode is strict: a member that this version does not
// know is refused, because it would be lost when the record is rewritten (so a
// member that a later version adds must be omitempty), and so are duplicates, tags, indefinite lengths, invalid UTF-8 and bytes left over.
var (
	encMode = must(cbor.CoreDetEncOptions().EncMode())
	decMode = must(cbor.DecOptions{
		DupMapKey:         cbor.DupMapKeyEnforcedAPF,
		IndefLength:       cbor.IndefLengthForbidden,
		TagsMd:            cbor.TagsForbidden,
		ExtraReturnErrors: cbor.ExtraDecErrorUnknownField,
	}.DecMode())
)

// must turns an option error, which depends on the literals above only, into
// a panic at start.
func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}
