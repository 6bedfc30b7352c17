package soak

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"fmt"
	"math/rand/v2"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go/middleware"
)

// sealed is a ciphertext and what it must decrypt to.
type sealed struct {
	key             string
	context         map[string]string
	plaintext, blob []byte
}

// maxBlobs is how many ciphertexts a client remembers, and how many of each
// client's stable key all of them share.
const maxBlobs = 16

func (w *worker) keep(s sealed) {
	if w.blobs = append(w.blobs, s); len(w.blobs) > maxBlobs {
		w.blobs = w.blobs[1:]
	}
	if s.key == w.stable {
		w.run.share(s)
	}
}

// crypto makes one cryptographic call.
func (w *worker) crypto() {
	switch n := rand.N(10); {
	case len(w.blobs) == 0 || n < 2:
		w.encrypt()
	case n < 6:
		w.decrypt()
	case n < 8:
		w.generateDataKey(n == 6)
	case n == 8:
		w.reEncrypt()
	default:
		w.do(w.id, "GenerateRandom", "", func(ctx context.Context, c *kms.Client) (middleware.Metadata, error) {
			out, err := c.GenerateRandom(ctx, &kms.GenerateRandomInput{NumberOfBytes: aws.Int32(32)})
			if err != nil {
				return middleware.Metadata{}, err
			}
			if len(out.Plaintext) != 32 || bytes.Equal(out.Plaintext, make([]byte, 32)) {
				return out.ResultMetadata, fmt.Errorf("%w: %x is not random", errWrong, out.Plaintext)
			}
			return out.ResultMetadata, nil
		})
	}
}

// usable is the error with which crypto operations refuse a key in its state.
func (w *worker) usable(id string) string {
	switch w.known[id].state {
	case types.KeyStateDisabled:
		return "DisabledException"
	case types.KeyStatePendingDeletion:
		return invalidState
	}
	return ""
}

func (w *worker) encrypt() {
	s := sealed{key: w.anyKey(), context: map[string]string{"for": w.name()}, plaintext: make([]byte, 1+rand.N(256))}
	crand.Read(s.plaintext)
	if w.do(w.id, "Encrypt", w.usable(s.key), func(ctx context.Context, c *kms.Client) (middleware.Metadata, error) {
		out, err := c.Encrypt(ctx, &kms.EncryptInput{KeyId: &s.key, Plaintext: s.plaintext, EncryptionContext: s.context})
		if err != nil {
			return middleware.Metadata{}, err
		}
		s.blob = out.CiphertextBlob
		return out.ResultMetadata, isKey(out.KeyId, s.key)
	}) == succeeded {
		w.keep(s)
	}
}

// isKey checks that an answer names the key that was asked for.
func isKey(arn *string, id string) error {
	if want := "arn:aws:kms:eu-west-1:000000000000:key/" + id; aws.ToString(arn) != want {
		return fmt.Errorf("%w: the answer names the key %s, want %s", errWrong, aws.ToString(arn), want)
	}
	return nil
}

// decrypt opens one of the client's ciphertexts, or another client's, rightly
// or with another context.
func (w *worker) decrypt() {
	s := w.blobs[rand.N(len(w.blobs))]
	want := w.usable(s.key)
	if rand.N(2) == 0 {
		if shared, ok := w.run.shared(); ok {
			s, want = shared, ""
		}
	}
	in := &kms.DecryptInput{CiphertextBlob: s.blob, EncryptionContext: s.context}
	if want == "" && rand.N(8) == 0 {
		in.EncryptionContext, want = map[string]string{"for": "another"}, "InvalidCiphertextException"
	}
	w.do(w.id, "Decrypt", want, func(ctx context.Context, c *kms.Client) (middleware.Metadata, error) {
		out, err := c.Decrypt(ctx, in)
		if err != nil {
			return middleware.Metadata{}, err
		}
		if !bytes.Equal(out.Plaintext, s.plaintext) {
			return out.ResultMetadata, fmt.Errorf("%w: a ciphertext decrypts to another plaintext", errWrong)
		}
		return out.ResultMetadata, isKey(out.KeyId, s.key)
	})
}

// generateDataKey makes a data key, whose ciphertext the client keeps if it
// has seen its plaintext.
func (w *worker) generateDataKey(plaintext bool) {
	s := sealed{key: w.anyKey(), context: map[string]string{"for": w.name()}}
	if !plaintext {
		w.do(w.id, "GenerateDataKeyWithoutPlaintext", w.usable(s.key), func(ctx context.Context, c *kms.Client) (middleware.Metadata, error) {
			out, err := c.GenerateDataKeyWithoutPlaintext(ctx, &kms.GenerateDataKeyWithoutPlaintextInput{
				KeyId: &s.key, KeySpec: types.DataKeySpecAes256, EncryptionContext: s.context})
			if err != nil {
				return middleware.Metadata{}, err
			}
			return out.ResultMetadata, isKey(out.KeyId, s.key)
		})
		return
	}
	if w.do(w.id, "GenerateDataKey", w.usable(s.key), func(ctx context.Context, c *kms.Client) (middleware.Metadata, error) {
		out, err := c.GenerateDataKey(ctx, &kms.GenerateDataKeyInput{KeyId: &s.key, KeySpec: types.DataKeySpecAes256, EncryptionContext: s.context})
		if err != nil {
			return middleware.Metadata{}, err
		}
		s.plaintext, s.blob = out.Plaintext, out.CiphertextBlob
		return out.ResultMetadata, isKey(out.KeyId, s.key)
	}) == succeeded {
		w.keep(s)
	}
}

// reEncrypt moves a ciphertext to another key and context.
func (w *worker) reEncrypt() {
	s := w.blobs[rand.N(len(w.blobs))]
	to := sealed{key: w.anyKey(), context: map[string]string{"for": w.name()}, plaintext: s.plaintext}
	want := w.usable(s.key)
	if want == "" {
		want = w.usable(to.key)
	}
	if w.do(w.id, "ReEncrypt", want, func(ctx context.Context, c *kms.Client) (middleware.Metadata, error) {
		out, err := c.ReEncrypt(ctx, &kms.ReEncryptInput{CiphertextBlob: s.blob, SourceEncryptionContext: s.context,
			DestinationKeyId: &to.key, DestinationEncryptionContext: to.context})
		if err != nil {
			return middleware.Metadata{}, err
		}
		to.blob = out.CiphertextBlob
		if err := isKey(out.SourceKeyId, s.key); err != nil {
			return out.ResultMetadata, err
		}
		return out.ResultMetadata, isKey(out.KeyId, to.key)
	}) == succeeded {
		w.keep(to)
	}
}
