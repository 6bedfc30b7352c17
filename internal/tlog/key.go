package tlog

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/asn1"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"math"
	"strings"
	"unicode"

	"filippo.io/mldsa"
)

// The types of signatures that are understood, by signed-note's numbers. A log
// signs with the first and, unless fips: strict is on, the third; witnesses with
// the second or the third.
const (
	typeEd25519     = 0x01
	typeCosignature = 0x04 // Ed25519, with a time
	typeMLDSA       = 0x06 // ML-DSA-44, with a time and the cosigner's name
)

const timestampBytes = 8

// Key is a public key that signs checkpoints, under its owner's name. It is a
// note.Verifier.
type Key struct {
	name   string
	kind   byte
	public []byte
	mldsa  *mldsa.PublicKey // of typeMLDSA
}

// errKey: not a key of a type that is understood.
var errKey = errors.New("not a verifier key (NAME+ID+BASE64) of Ed25519, or of a cosignature with Ed25519 or ML-DSA-44")

func newKey(name string, kind byte, public []byte) (*Key, error) {
	k := &Key{name: name, kind: kind, public: public}
	if name == "" || strings.ContainsFunc(name, unicode.IsSpace) || strings.Contains(name, "+") {
		return nil, errKey
	}
	switch kind {
	case typeEd25519, typeCosignature:
		if len(public) != ed25519.PublicKeySize {
			return nil, errKey
		}
	case typeMLDSA:
		var err error
		if k.mldsa, err = mldsa.NewPublicKey(mldsa.MLDSA44(), public); err != nil || len(name) > math.MaxUint8 {
			return nil, errKey
		}
	default:
		return nil, errKey
	}
	return k, nil
}

// ParseKey reads a key in the form NAME+ID+BASE64, in which logs and witnesses
// publish theirs.
func ParseKey(text string) (*Key, error) {
	parts := strings.SplitN(strings.TrimSpace(text), "+", 3)
	if len(parts) != 3 {
		return nil, errKey
	}
	b, err := base64.StdEncoding.Strict().DecodeString(parts[2])
	if err != nil || len(b) == 0 {
		return nil, errKey
	}
	k, err := newKey(parts[0], b[0], b[1:])
	if err != nil {
		return nil, err
	}
	if parts[1] != fmt.Sprintf("%08x", k.KeyHash()) {
		return nil, fmt.Errorf("the id of the key of %s is not %s: it was changed", k.name, parts[1])
	}
	return k, nil
}

// The algorithms of a log's own keys, as object identifiers of their SPKI.
var (
	oidEd25519 = asn1.ObjectIdentifier{1, 3, 101, 112}
	oidMLDSA44 = asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, 17}
)

// LogKey is the key of a log of that origin: of an SPKI of Ed25519 or ML-DSA-44.
func LogKey(origin string, spki []byte) (*Key, error) {
	var info struct {
		Algorithm struct{ ID asn1.ObjectIdentifier }
		Key       asn1.BitString
	}
	if rest, err := asn1.Unmarshal(spki, &info); err != nil || len(rest) > 0 || info.Key.BitLength%8 != 0 {
		return nil, errKey
	}
	switch {
	case info.Algorithm.ID.Equal(oidEd25519):
		return newKey(origin, typeEd25519, info.Key.Bytes)
	case info.Algorithm.ID.Equal(oidMLDSA44):
		return newKey(origin, typeMLDSA, info.Key.Bytes)
	}
	return nil, errKey
}

// String is the key in the form that ParseKey reads.
func (k *Key) String() string {
	return fmt.Sprintf("%s+%08x+%s", k.name, k.KeyHash(), base64.StdEncoding.EncodeToString(append([]byte{k.kind}, k.public...)))
}

// Name is whose key it is.
func (k *Key) Name() string { return k.name }

// KeyHash is the key's id in signature lines.
func (k *Key) KeyHash() uint32 {
	b := append([]byte(k.name), '\n', k.kind)
	h := sha256.Sum256(append(b, k.public...))
	return binary.BigEndian.Uint32(h[:])
}

// id tells keys apart whatever their names: two names of one key are no two
// witnesses.
func (k *Key) id() string { return hex.EncodeToString(k.public) }

// Verify reports whether sig is the key's signature of a checkpoint's text.
func (k *Key) Verify(text, sig []byte) bool {
	if k.kind == typeEd25519 {
		return ed25519.Verify(k.public, text, sig)
	}
	if len(sig) < timestampBytes {
		return false
	}
	at := binary.BigEndian.Uint64(sig)
	message, err := k.message(at, text)
	if err != nil {
		return false
	}
	if k.kind == typeCosignature {
		return ed25519.Verify(k.public, message, sig[timestampBytes:])
	}
	return mldsa.Verify(k.mldsa, message, sig[timestampBytes:], nil) == nil
}

// message is what the key signs of a checkpoint's text at a time, Unix seconds.
func (k *Key) message(at uint64, text []byte) ([]byte, error) {
	if at > math.MaxInt64 {
		return nil, errCheckpoint
	}
	switch k.kind {
	case typeCosignature:
		return append(fmt.Appendf(nil, "cosignature/v1\ntime %d\n", at), text...), nil
	case typeMLDSA:
		c, err := parseText(string(text))
		if err != nil || len(c.Origin) > math.MaxUint8 {
			return nil, errCheckpoint
		}
		b := append([]byte("subtree/v1\n\x00"), byte(len(k.name)))
		b = append(b, k.name...)
		b = binary.BigEndian.AppendUint64(b, at)
		b = append(append(b, byte(len(c.Origin))), c.Origin...)
		b = binary.BigEndian.AppendUint64(b, 0)
		b = binary.BigEndian.AppendUint64(b, c.Size)
		return append(b, c.Root[:]...), nil
	}
	return text, nil
}
