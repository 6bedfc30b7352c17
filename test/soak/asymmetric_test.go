package soak

import (
	"bytes"
	"context"
	crand "crypto/rand"
	"fmt"
	"math/rand/v2"

	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/aws-sdk-go-v2/service/kms/types"
	"github.com/aws/smithy-go/middleware"
)

// kinds are the keys of which each client has one besides its symmetric ones: all
// that the crypto module's slow lane does, and MACs.
var kinds = []struct {
	spec      types.KeySpec
	usage     types.KeyUsageType
	algorithm string
	use       func(w *worker, k *special)
}{
	{types.KeySpecEccNistP256, types.KeyUsageTypeSignVerify, "ECDSA_SHA_256", (*worker).sign},
	{types.KeySpecHmac256, types.KeyUsageTypeGenerateVerifyMac, "HMAC_SHA_256", (*worker).mac},
	{types.KeySpecEccNistEdwards25519, types.KeyUsageTypeSignVerify, "ED25519_SHA_512", (*worker).sign},
	{types.KeySpecMlDsa44, types.KeyUsageTypeSignVerify, "ML_DSA_SHAKE_256", (*worker).sign},
	{types.KeySpecEccNistP256, types.KeyUsageTypeKeyAgreement, "ECDH", (*worker).agree},
	{types.KeySpecSm2, types.KeyUsageTypeEncryptDecrypt, "SM2PKE", (*worker).seal},
	{types.KeySpecRsa2048, types.KeyUsageTypeSignVerify, "RSASSA_PSS_SHA_256", (*worker).sign},
	{types.KeySpecRsa2048, types.KeyUsageTypeEncryptDecrypt, "RSAES_OAEP_SHA_256", (*worker).seal},
}

// RSA keys take long to make: of the last kinds, rsaKinds, only the first clients
// have one.
const (
	rsaKinds   = 2
	rsaClients = 16
)

// special is such a key. It stays enabled.
type special struct {
	id, algorithm string
	input, output []byte // of the last call that another is held against; output is nil before there is one
	public        []byte // of key agreement
	agreement     []byte
}

// asymmetric uses the client's key of its kind, which it makes first.
func (w *worker) asymmetric() {
	kind := kinds[w.id%len(kinds)]
	if w.id >= rsaClients {
		kind = kinds[w.id%(len(kinds)-rsaKinds)]
	}
	if w.special != nil {
		kind.use(w, w.special)
		return
	}
	k := &special{algorithm: kind.algorithm}
	switch w.do(w.id, "CreateKey", "", func(ctx context.Context, c *kms.Client) (middleware.Metadata, error) {
		out, err := c.CreateKey(ctx, &kms.CreateKeyInput{KeySpec: kind.spec, KeyUsage: kind.usage})
		if err != nil {
			return middleware.Metadata{}, err
		}
		k.id = *out.KeyMetadata.KeyId
		return out.ResultMetadata, nil
	}) {
	case lostConnection:
		w.made++
	case succeeded:
		w.special = k
	}
}

// next makes another input for the key's first operation.
func (k *special) next() {
	k.input, k.output = make([]byte, 1+rand.N(64)), nil
	crand.Read(k.input)
}

// sign signs a new message, or holds the last signature against its message or
// another one.
func (w *worker) sign(k *special) {
	algorithm := types.SigningAlgorithmSpec(k.algorithm)
	if k.output == nil || rand.N(2) == 0 {
		k.next()
		w.do(w.id, "Sign", "", func(ctx context.Context, c *kms.Client) (middleware.Metadata, error) {
			out, err := c.Sign(ctx, &kms.SignInput{KeyId: &k.id, Message: k.input, SigningAlgorithm: algorithm})
			if err != nil {
				return middleware.Metadata{}, err
			}
			k.output = out.Signature
			return out.ResultMetadata, isKey(out.KeyId, k.id)
		})
		return
	}
	message, want := k.input, ""
	if rand.N(8) == 0 {
		message, want = append(bytes.Clone(message), 'x'), "KMSInvalidSignatureException"
	}
	w.do(w.id, "Verify", want, func(ctx context.Context, c *kms.Client) (middleware.Metadata, error) {
		out, err := c.Verify(ctx, &kms.VerifyInput{KeyId: &k.id, Message: message, Signature: k.output, SigningAlgorithm: algorithm})
		if err != nil {
			return middleware.Metadata{}, err
		}
		return out.ResultMetadata, isKey(out.KeyId, k.id)
	})
}

// mac is sign, of a MAC.
func (w *worker) mac(k *special) {
	algorithm := types.MacAlgorithmSpec(k.algorithm)
	if k.output == nil || rand.N(2) == 0 {
		k.next()
		w.do(w.id, "GenerateMac", "", func(ctx context.Context, c *kms.Client) (middleware.Metadata, error) {
			out, err := c.GenerateMac(ctx, &kms.GenerateMacInput{KeyId: &k.id, Message: k.input, MacAlgorithm: algorithm})
			if err != nil {
				return middleware.Metadata{}, err
			}
			k.output = out.Mac
			return out.ResultMetadata, isKey(out.KeyId, k.id)
		})
		return
	}
	message, want := k.input, ""
	if rand.N(8) == 0 {
		message, want = append(bytes.Clone(message), 'x'), "KMSInvalidMacException"
	}
	w.do(w.id, "VerifyMac", want, func(ctx context.Context, c *kms.Client) (middleware.Metadata, error) {
		out, err := c.VerifyMac(ctx, &kms.VerifyMacInput{KeyId: &k.id, Message: message, Mac: k.output, MacAlgorithm: algorithm})
		if err != nil {
			return middleware.Metadata{}, err
		}
		return out.ResultMetadata, isKey(out.KeyId, k.id)
	})
}

// seal encrypts a new plaintext, or decrypts the last one.
func (w *worker) seal(k *special) {
	algorithm := types.EncryptionAlgorithmSpec(k.algorithm)
	if k.output == nil || rand.N(2) == 0 {
		k.next()
		w.do(w.id, "Encrypt", "", func(ctx context.Context, c *kms.Client) (middleware.Metadata, error) {
			out, err := c.Encrypt(ctx, &kms.EncryptInput{KeyId: &k.id, Plaintext: k.input, EncryptionAlgorithm: algorithm})
			if err != nil {
				return middleware.Metadata{}, err
			}
			k.output = out.CiphertextBlob
			return out.ResultMetadata, isKey(out.KeyId, k.id)
		})
		return
	}
	w.do(w.id, "Decrypt", "", func(ctx context.Context, c *kms.Client) (middleware.Metadata, error) {
		out, err := c.Decrypt(ctx, &kms.DecryptInput{KeyId: &k.id, CiphertextBlob: k.output, EncryptionAlgorithm: algorithm})
		if err != nil {
			return middleware.Metadata{}, err
		}
		if !bytes.Equal(out.Plaintext, k.input) {
			return out.ResultMetadata, fmt.Errorf("%w: a ciphertext of %s decrypts to another plaintext", errWrong, k.algorithm)
		}
		return out.ResultMetadata, isKey(out.KeyId, k.id)
	})
}

// agree reads the key's public key, and then agrees with itself on a secret, which
// is always the same.
func (w *worker) agree(k *special) {
	if k.public == nil {
		w.do(w.id, "GetPublicKey", "", func(ctx context.Context, c *kms.Client) (middleware.Metadata, error) {
			out, err := c.GetPublicKey(ctx, &kms.GetPublicKeyInput{KeyId: &k.id})
			if err != nil {
				return middleware.Metadata{}, err
			}
			k.public = out.PublicKey
			return out.ResultMetadata, isKey(out.KeyId, k.id)
		})
		return
	}
	w.do(w.id, "DeriveSharedSecret", "", func(ctx context.Context, c *kms.Client) (middleware.Metadata, error) {
		out, err := c.DeriveSharedSecret(ctx, &kms.DeriveSharedSecretInput{KeyId: &k.id, PublicKey: k.public, KeyAgreementAlgorithm: types.KeyAgreementAlgorithmSpecEcdh})
		if err != nil {
			return middleware.Metadata{}, err
		}
		if k.agreement == nil {
			k.agreement = out.SharedSecret
		}
		if len(out.SharedSecret) != 32 || !bytes.Equal(out.SharedSecret, k.agreement) {
			return out.ResultMetadata, fmt.Errorf("%w: another shared secret", errWrong)
		}
		return out.ResultMetadata, isKey(out.KeyId, k.id)
	})
}
