// Package kdf owns Trent's key derivation: NIST SP 800-108r1 in counter mode
// with HMAC-SHA-256, its labels, and the material id of a symmetric key; and,
// for the shared secret of a key agreement, NIST SP 800-56Cr2. The bytes are in
// docs/formats.md, "Key derivation".
//
// It must never keep a key: what it derives from and what it derives is
// overwritten before a function returns, as far as memory of its own is
// concerned (Go's HMAC and AES keep padded keys and key schedules until the
// garbage collector reuses them; docs/threat-model.md says so). The hash
// functions are those of Go's FIPS 140-3 module. Only packages under
// internal/hsm may import it.
package kdf

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"hash"
)

// Label says what a derived key is for. There is one label for each use, and
// none is a prefix of another, so no two uses share a PRF input.
type Label string

// The labels of docs/formats.md. They are final.
const (
	LabelBlob       Label = "TRENT-BLOB-01"
	LabelMaterial   Label = "TRENT-MATERIAL-01"
	LabelEKTKey     Label = "TRENT-EKT-KEY-01"
	LabelEKTSecret  Label = "TRENT-EKT-SECRET-01"
	LabelEKTImport  Label = "TRENT-EKT-IMPORT-01"
	LabelEKTSession Label = "TRENT-EKT-SESSION-01"
	LabelEKTReplica Label = "TRENT-EKT-REPLICA-01"
	LabelEKTService Label = "TRENT-EKT-SERVICE-01"
	LabelEKTAudit   Label = "TRENT-EKT-AUDIT-01"
	LabelUnsealFile Label = "TRENT-UNSEAL-FILE-01"
	// LabelReplication is for Agreed alone.
	LabelReplication Label = "TRENT-REPLICATION-01"
)

// publicMaterialLabel begins the hash that is an asymmetric key's material id.
const publicMaterialLabel = "TRENT-MATERIAL-SPKI-01"

// Sizes in bytes.
const (
	NonceSize      = 16
	KeySize        = 32
	MaterialIDSize = 32
)

// Deriver is the working memory of derivations, so that they need not
// allocate it each time. The zero value is ready. It serves one goroutine at
// a time and holds nothing secret between two calls.
type Deriver struct {
	hashes pair              // of the PRF
	buf    [384]byte         // PRF key input, then PRF message
	prf    [sha512.Size]byte // PRF key
	sum    [sha256.Size]byte // one block of output
	key    [KeySize]byte     // derived key on its way into AEAD
}

// pair is the inner and the outer hash of an HMAC, used again for the next:
// it saves allocations, and states derived from keys do not wait for the
// garbage collector.
type pair struct {
	take func() hash.Hash // what hmac.New is given: one, reset, then the other
	both [2]hash.Hash
}

// ready makes the pair, the first time.
func (p *pair) ready() {
	if p.take != nil {
		return
	}
	p.both = [2]hash.Hash{sha256.New(), sha256.New()}
	next := 0
	p.take = func() hash.Hash {
		next ^= 1
		p.both[next].Reset()
		return p.both[next]
	}
}

// wipe overwrites both states, and with zero as much of their buffers as the
// inner sum takes: it is all that was secret there.
func (p *pair) wipe(zero *[sha256.Size]byte) {
	for _, h := range p.both {
		h.Reset()
		h.Write(zero[:])
		h.Reset()
	}
}

// Append appends size bytes to dst, derived from key under label, header and
// nonce. The caller owns the secret in dst; dst should have the capacity, for
// a grown slice leaves no further copy of this output but one of what stood
// before it.
func (d *Deriver) Append(dst, key []byte, label Label, header []byte, nonce *[NonceSize]byte, size int) []byte {
	in := append(d.buf[:0], label...)
	in = binary.BigEndian.AppendUint32(in, uint32(len(key)))
	in = append(in, key...)
	d.prf = sha512.Sum512(in)
	clear(in)

	fixed := append(in[:0], label...)
	fixed = append(fixed, 0)
	fixed = append(fixed, header...)
	fixed = append(fixed, nonce[:]...)
	fixed = binary.BigEndian.AppendUint32(fixed, uint32(size)*8)
	dst = d.counter(dst, d.prf[:], fixed, size)
	clear(d.prf[:])
	return dst
}

// counter is SP 800-108r1's counter mode: a 32-bit counter, from 1, before
// the fixed input.
func (d *Deriver) counter(dst, prfKey, fixed []byte, size int) []byte {
	d.hashes.ready()
	mac := hmac.New(d.hashes.take, prfKey)
	for i := uint32(1); size > 0; i++ {
		if i > 1 {
			mac.Reset() // costs allocations, and one block is the usual case
		}
		binary.BigEndian.PutUint32(d.sum[:4], i)
		mac.Write(d.sum[:4])
		mac.Write(fixed)
		block := mac.Sum(d.sum[:0])
		n := min(size, len(block))
		dst = append(dst, block[:n]...)
		size -= n
	}
	clear(d.sum[:])
	d.hashes.wipe(&d.sum)
	return dst
}

// AEAD derives a 256-bit key and returns AES-256-GCM under it. The AEAD
// chooses a random 12-byte nonce for each Seal and puts it before the
// ciphertext (Overhead is 28); Open finds it there. Its nonce argument is
// always nil.
func (d *Deriver) AEAD(key []byte, label Label, header []byte, nonce *[NonceSize]byte) (cipher.AEAD, error) {
	derived := d.Append(d.key[:0], key, label, header, nonce, KeySize)
	defer clear(d.key[:])
	return NewAEAD(derived)
}

// Agreed returns the 256-bit key of a shared secret that two parties have agreed
// on: the one-step derivation of SP 800-56Cr2 with SHA-384, over the label and
// the transcript, each with its length before it. The caller wipes it.
func Agreed(secret []byte, label Label, transcript []byte) (key [KeySize]byte) {
	in := make([]byte, 0, 4+len(secret)+4+len(label)+4+len(transcript))
	in = append(binary.BigEndian.AppendUint32(in, 1), secret...)
	in = append(binary.BigEndian.AppendUint32(in, uint32(len(label))), label...)
	in = append(binary.BigEndian.AppendUint32(in, uint32(len(transcript))), transcript...)
	sum := sha512.Sum384(in)
	copy(key[:], sum[:])
	clear(in)
	clear(sum[:])
	return key
}

// NewAEAD returns AES-256-GCM under key, 32 bytes, with the random nonces that
// Deriver.AEAD describes. It is the only form of GCM that the module uses.
func NewAEAD(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// MaterialID returns the id of a symmetric or HMAC key's material: a PRF of
// the material and the key id as it stands in the key's ARN. It tells nothing
// of the material, commits to it, and is the same each time.
func (d *Deriver) MaterialID(material []byte, keyID string) (id [MaterialIDSize]byte) {
	var zero [NonceSize]byte
	out := d.Append(d.key[:0], material, LabelMaterial, []byte(keyID), &zero, MaterialIDSize)
	copy(id[:], out)
	clear(d.key[:])
	return id
}

// PublicMaterialID returns the id of an asymmetric key's material: a hash of
// its public key, as SPKI, and the key id as it stands in the key's ARN. It
// commits to the key, and is the same each time.
func PublicMaterialID(spki []byte, keyID string) [MaterialIDSize]byte {
	in := make([]byte, 0, 3*4+len(publicMaterialLabel)+len(spki)+len(keyID))
	in = binary.BigEndian.AppendUint32(in, uint32(len(publicMaterialLabel)))
	in = append(in, publicMaterialLabel...)
	in = binary.BigEndian.AppendUint32(in, uint32(len(spki)))
	in = append(in, spki...)
	in = binary.BigEndian.AppendUint32(in, uint32(len(keyID)))
	in = append(in, keyID...)
	return sha256.Sum256(in)
}
