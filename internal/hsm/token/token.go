// Package token owns the exported key token (EKT): the form in which a secret
// of the module is stored by the service, which cannot read it. The bytes are
// in docs/formats.md, "Exported key token".
//
// It must never choose a domain key or decide what a command may do with a
// token: internal/hsm/engine does. All ways in which a token can fail to
// parse or to authenticate are one error, ErrInvalid; a genuine token that
// does not fit its use is ErrRefused. Only packages under internal/hsm may
// import it.
package token

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"errors"

	"trent/internal/hsm/kdf"
)

// Kind says what secret a token holds. A command takes exactly one kind.
type Kind uint8

// The kinds. Numbers are final.
const (
	KindKey     Kind = 1 // backing key
	KindSecret  Kind = 2 // access-key secret
	KindImport  Kind = 3 // private key that import parameters belong to
	KindSession Kind = 4 // session key
	KindReplica Kind = 5 // private key of an offer, and the offer's hash
	KindService Kind = 6 // service key
	KindAudit   Kind = 7 // private key that signs digests of the audit trail
)

// Spec is a key spec, Usage a key usage, as numbered in docs/formats.md; 0
// where the kind has none.
type (
	Spec  uint16
	Usage uint8
)

// The specs and usages that the module so far makes and accepts.
const (
	SpecSymmetricDefault Spec  = 1
	UsageEncryptDecrypt  Usage = 1
)

// Origin says where a secret comes from; the module sets it.
type Origin uint8

// The origins. Numbers are final.
const (
	OriginGenerated Origin = 1
	OriginImported  Origin = 2
)

// Flags of a token.
type Flags uint16

// The flags. Numbers are final.
const (
	FlagMultiRegion Flags = 1 << 0
	FlagDev         Flags = 1 << 1 // of a development domain; always agrees with the domain id

	allFlags = FlagMultiRegion | FlagDev
)

// Sizes in bytes.
const (
	HeaderSize = 108
	Overhead   = HeaderSize + kdf.NonceSize + 12 + 16 // what a token has more than its secret

	version  = 1
	aadSize  = HeaderSize + kdf.NonceSize
	idSize   = 16
	bindSize = sha256.Size
)

// The first byte of a domain id.
const (
	DomainProduction  byte = 1
	DomainDevelopment byte = 2
)

var (
	// ErrInvalid says that a token does not parse or does not authenticate.
	ErrInvalid = errors.New("token: invalid")
	// ErrRefused says that a genuine token does not fit its use.
	ErrRefused = errors.New("token: refused")
)

// Header is the authenticated header of a token. It is not secret.
type Header struct {
	Kind       Kind
	DomainID   [idSize]byte
	Generation uint32 // of the domain key that wraps
	Spec       Spec
	Usage      Usage
	Origin     Origin
	Flags      Flags
	Bind       [bindSize]byte
	MaterialID [kdf.MaterialIDSize]byte
	NotBefore  int64 // Unix seconds, 0: none
	NotAfter   int64 // Unix seconds, 0: none
}

// label returns the KDF label of a kind, empty if there is no such kind.
func (k Kind) label() kdf.Label {
	switch k {
	case KindKey:
		return kdf.LabelEKTKey
	case KindSecret:
		return kdf.LabelEKTSecret
	case KindImport:
		return kdf.LabelEKTImport
	case KindSession:
		return kdf.LabelEKTSession
	case KindReplica:
		return kdf.LabelEKTReplica
	case KindService:
		return kdf.LabelEKTService
	case KindAudit:
		return kdf.LabelEKTAudit
	}
	return ""
}

// Valid says whether k is a kind of docs/formats.md.
func (k Kind) Valid() bool { return k.label() != "" }

// append appends the header's 108 bytes to dst.
func (h *Header) append(dst []byte) []byte {
	dst = append(dst, version, byte(h.Kind))
	dst = append(dst, h.DomainID[:]...)
	dst = binary.BigEndian.AppendUint32(dst, h.Generation)
	dst = binary.BigEndian.AppendUint16(dst, uint16(h.Spec))
	dst = append(dst, byte(h.Usage), byte(h.Origin))
	dst = binary.BigEndian.AppendUint16(dst, uint16(h.Flags))
	dst = append(dst, h.Bind[:]...)
	dst = append(dst, h.MaterialID[:]...)
	dst = binary.BigEndian.AppendUint64(dst, uint64(h.NotBefore))
	return binary.BigEndian.AppendUint64(dst, uint64(h.NotAfter))
}

// Parse reads the header of a token into h. Nothing in it may be
// believed before Open has authenticated it. The error is ErrInvalid.
func (h *Header) Parse(tok []byte) error {
	if len(tok) < Overhead || tok[0] != version {
		return ErrInvalid
	}
	h.Kind = Kind(tok[1])
	copy(h.DomainID[:], tok[2:18])
	h.Generation = binary.BigEndian.Uint32(tok[18:])
	h.Spec = Spec(binary.BigEndian.Uint16(tok[22:]))
	h.Usage = Usage(tok[24])
	h.Origin = Origin(tok[25])
	h.Flags = Flags(binary.BigEndian.Uint16(tok[26:]))
	copy(h.Bind[:], tok[28:60])
	copy(h.MaterialID[:], tok[60:92])
	h.NotBefore = int64(binary.BigEndian.Uint64(tok[92:]))
	h.NotAfter = int64(binary.BigEndian.Uint64(tok[100:]))
	if !h.wellFormed() {
		return ErrInvalid
	}
	return nil
}

// wellFormed says whether the members are in their ranges and agree.
func (h *Header) wellFormed() bool {
	dev := h.DomainID[0] == DomainDevelopment
	return h.Kind.Valid() &&
		(dev || h.DomainID[0] == DomainProduction) &&
		dev == (h.Flags&FlagDev != 0) &&
		h.Flags&^allFlags == 0 &&
		h.Generation > 0 &&
		(h.Origin == OriginGenerated || h.Origin == OriginImported) &&
		h.NotBefore >= 0 && h.NotAfter >= 0
}

// Box is the working memory of sealing and opening. The zero value is ready;
// it serves one goroutine at a time and holds nothing secret between calls.
type Box struct{ d kdf.Deriver }

// Seal appends a token of secret to dst. domainKey is the 32-byte key of the
// header's generation, nonce fresh randomness. secret must not overlap dst.
func (b *Box) Seal(dst []byte, h *Header, domainKey []byte, nonce *[kdf.NonceSize]byte, secret []byte) ([]byte, error) {
	if !h.wellFormed() {
		return dst, ErrRefused
	}
	start := len(dst)
	tok := append(h.append(dst), nonce[:]...)
	aead, err := b.d.AEAD(domainKey, h.Kind.label(), tok[start:start+HeaderSize], nonce)
	if err != nil {
		return dst, err
	}
	return aead.Seal(tok, nil, secret, tok[start:start+aadSize]), nil
}

// Open authenticates tok under domainKey, 32 bytes, and appends its secret to
// dst, which must not overlap tok. The error is ErrInvalid, whatever is wrong.
func (b *Box) Open(dst, tok, domainKey []byte) ([]byte, error) {
	if len(tok) < Overhead || tok[0] != version || !Kind(tok[1]).Valid() {
		return dst, ErrInvalid
	}
	nonce := (*[kdf.NonceSize]byte)(tok[HeaderSize:])
	aead, err := b.d.AEAD(domainKey, Kind(tok[1]).label(), tok[:HeaderSize], nonce)
	if err != nil {
		return dst, ErrInvalid
	}
	out, err := aead.Open(dst, nil, tok[aadSize:], tok[:aadSize])
	if err != nil {
		return dst, ErrInvalid
	}
	return out, nil
}

// CheckOwner says whether an authenticated header is of that kind and belongs
// there; the error is ErrRefused.
func (h *Header) CheckOwner(kind Kind, bind *[bindSize]byte) error {
	if h.Kind != kind || subtle.ConstantTimeCompare(h.Bind[:], bind[:]) != 1 {
		return ErrRefused
	}
	return nil
}

// CheckUse says whether an authenticated header may be used so at now, Unix
// seconds; the error is ErrRefused. A kind without spec and usage has zeros.
func (h *Header) CheckUse(spec Spec, usage Usage, now int64) error {
	if h.Spec != spec || h.Usage != usage ||
		h.NotBefore != 0 && now < h.NotBefore || h.NotAfter != 0 && now > h.NotAfter {
		return ErrRefused
	}
	return nil
}
