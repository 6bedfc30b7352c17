// Package auditseal encrypts what leaves the audit trail's hot end: segments that
// have ended, and exports. It owns the sealed file (docs/formats.md, "Sealed
// audit files"), the offline recovery key, and the worker that seals segments.
//
// A file has a data key of its own, which GenerateDataKey has made under a KMS key
// of Trent's; the file holds it twice, as that key's ciphertext blob and encrypted
// to the public half of a recovery key that is kept offline. Who may read the
// trail is thus who may use the KMS key; the recovery key reads it while Trent is
// sealed, or gone.
//
// The constructions are AES-256-GCM (NIST SP 800-38D), one message a file and a
// key, and HPKE (RFC 9180) with the KEM MLKEM1024-P384, HKDF-SHA384 and
// AES-256-GCM; both are the standard library's.
//
// It must never remove a segment in the clear before what was sealed has been read
// back, decrypted and compared, and a signed digest names it. Sealed bytes are not
// believed because they decrypt: internal/digest says what is true. The wiring and
// the operator's command import it.
package auditseal

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"errors"
	"fmt"

	"trent/internal/audit"
	"trent/internal/secret"
)

// keyBytes is the length of a data key, AES-256.
const keyBytes = 32

// Keys makes and opens data keys, as GenerateDataKey and Decrypt do. The name of
// the file is in the encryption context.
type Keys interface {
	// Generate makes a data key under a KMS key, and returns that key's ARN.
	Generate(ctx context.Context, key, name string) (DataKey, error)
	// Decrypt opens a data key.
	Decrypt(ctx context.Context, key, name string, blob []byte) (secret.Bytes, error)
}

// DataKey is a data key in the clear and encrypted.
type DataKey struct {
	Plain secret.Bytes
	Blob  []byte
	KMS   string // ARN of the KMS key
}

// Writer seals files.
type Writer struct {
	Keys     Keys
	Key      string // the KMS key: ARN, of a key or an alias
	Recovery *PublicKey
}

// Seal encrypts a file under a new data key. name says which file it is, with
// slashes; only under that name it can be opened.
func (w *Writer) Seal(ctx context.Context, name string, plain []byte) (sealed []byte, err error) {
	k, err := w.Keys.Generate(ctx, w.Key, name)
	if err != nil {
		return nil, err
	}
	defer k.Plain.Wipe()
	h := header{plain: uint64(len(plain)), kms: k.KMS, name: name, blob: k.Blob, recovery: w.Recovery.ID()}
	if h.wrapped, err = w.Recovery.wrap(h.bound(), k.Plain); err != nil {
		return nil, err
	}
	aead, err := gcm(k.Plain)
	if err != nil {
		return nil, err
	}
	sealed, err = h.append(make([]byte, 0, maxHeader+aead.Overhead()+len(plain)))
	if err != nil {
		return nil, err
	}
	return aead.Seal(sealed, nil, plain, sealed), nil
}

// errOpen is every way in which opening can fail that is about the bytes or the
// key.
var errOpen = fmt.Errorf("%w: it cannot be decrypted: it is another file, was changed, or the key is another", audit.ErrSealed)

// Open decrypts a sealed file with the key that find returns for it, if it is
// the one of that name.
func open(name string, sealed []byte, find func(h *header) (secret.Bytes, error)) ([]byte, error) {
	h, body, err := parse(sealed)
	if err != nil || h.name != name {
		return nil, errOpen
	}
	key, err := find(h)
	if err != nil {
		return nil, err
	}
	defer key.Wipe()
	aead, err := gcm(key)
	if err != nil {
		return nil, errOpen
	}
	plain, err := aead.Open(nil, nil, body, sealed[:len(sealed)-len(body)])
	if err != nil || uint64(len(plain)) != h.plain {
		return nil, errOpen
	}
	return plain, nil
}

// gcm is AES-256-GCM whose nonce is random and stands before the ciphertext: the
// form that SP 800-38D approves without a counter.
func gcm(key secret.Bytes) (cipher.AEAD, error) {
	if key.Len() != keyBytes {
		return nil, errors.New("auditseal: not a data key of 32 bytes")
	}
	block, err := aes.NewCipher(key.Expose())
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

// Reader opens sealed files of the running service's.
type Reader struct {
	Context context.Context // ends the waiting for the crypto module
	Keys    Keys
}

// Open is audit.Opener's.
func (r *Reader) Open(name string, sealed []byte) ([]byte, error) {
	return open(name, sealed, func(h *header) (secret.Bytes, error) {
		key, err := r.Keys.Decrypt(r.Context, h.kms, h.name, h.blob)
		if err != nil {
			return secret.Bytes{}, fmt.Errorf("%w under %s: %w", audit.ErrSealed, h.kms, err)
		}
		return key, nil
	})
}

// Name is the name that a sealed file says it has, and the KMS key that opens it;
// both are believed only when it is opened.
func Name(sealed []byte) (name, kms string, err error) {
	h, _, err := parse(sealed)
	if err != nil {
		return "", "", err
	}
	return h.name, h.kms, nil
}
