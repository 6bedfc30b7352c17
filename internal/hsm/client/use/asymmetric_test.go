package use_test

import (
	"bytes"
	"errors"
	"testing"

	"trent/internal/api"
	"trent/internal/apierr"
	"trent/internal/authz"
	"trent/internal/hsm/client/use"
	"trent/internal/hsm/proto"
	"trent/internal/hsm/server/servertest"
	"trent/internal/key"
)

// family is a key for each usage that SYMMETRIC_DEFAULT does not have, and an
// asymmetric one that encrypts. None is RSA, whose keys take long to make.
type family struct{ sign, mac, agree, peer, encapsulate, encrypt *key.Key }

func newFamily(t *testing.T, m *use.Module) *family {
	t.Helper()
	id := func(n byte) string { return "0000000" + string('0'+n) + keyID[8:] }
	return &family{
		sign: newKeyOf(t, m, id(1), "ECC_NIST_EDWARDS25519", key.SignVerify), mac: newKeyOf(t, m, id(2), "HMAC_256", key.GenerateVerifyMAC),
		agree: newKeyOf(t, m, id(3), "ECC_NIST_P256", key.KeyAgreement), peer: newKeyOf(t, m, id(4), "ECC_NIST_P256", key.KeyAgreement),
		encapsulate: newKeyOf(t, m, id(5), "ML_KEM_768", key.EncapsulateDecapsulate), encrypt: newKeyOf(t, m, id(6), "SM2", key.EncryptDecrypt),
	}
}

// everyAsymmetricCommand uses every command of asymmetric and HMAC keys once;
// k is a symmetric key.
func everyAsymmetricCommand(t *testing.T, m *use.Module, k *key.Key) {
	t.Helper()
	ctx, f, message := t.Context(), newFamily(t, m), []byte("attack at dawn")
	signature, err := m.Sign(ctx, permit(t, api.OpSign, f.sign), "ED25519_SHA_512", use.Raw, message)
	if err != nil || m.Verify(ctx, permit(t, api.OpVerify, f.sign), "ED25519_SHA_512", use.Raw, message, signature) != nil {
		t.Errorf("Sign and Verify: %d bytes, %v", len(signature), err)
	}
	is(t, "Verify", m.Verify(ctx, permit(t, api.OpVerify, f.sign), "ED25519_SHA_512", use.Raw, message[1:], signature), apierr.KMSInvalidSignature)
	mac, err := m.GenerateMac(ctx, permit(t, api.OpGenerateMac, f.mac), "HMAC_SHA_256", message)
	if err != nil || m.VerifyMac(ctx, permit(t, api.OpVerifyMac, f.mac), "HMAC_SHA_256", message, mac) != nil {
		t.Errorf("GenerateMac and VerifyMac: %d bytes, %v", len(mac), err)
	}
	is(t, "VerifyMac", m.VerifyMac(ctx, permit(t, api.OpVerifyMac, f.mac), "HMAC_SHA_256", message, mac[1:]), apierr.KMSInvalidMac)

	mine, err := m.DeriveSharedSecret(ctx, permit(t, api.OpDeriveSharedSecret, f.agree), "ECDH", f.peer.PublicKey)
	theirs, err2 := m.DeriveSharedSecret(ctx, permit(t, api.OpDeriveSharedSecret, f.peer), "ECDH", f.agree.PublicKey)
	if err != nil || err2 != nil || len(mine) != 32 || !bytes.Equal(mine, theirs) {
		t.Errorf("DeriveSharedSecret: %d and %d bytes, %v, %v", len(mine), len(theirs), err, err2)
	}
	_, err = m.DeriveSharedSecret(ctx, permit(t, api.OpDeriveSharedSecret, f.agree), "ECDH", f.sign.PublicKey)
	is(t, "DeriveSharedSecret", err, apierr.Validation)
	secret, ciphertext, err := m.Encapsulate(ctx, permit(t, api.OpEncapsulate, f.encapsulate), "ML_KEM")
	if err != nil {
		t.Fatalf("Encapsulate: %v", err)
	}
	got, err := m.Decapsulate(ctx, permit(t, api.OpDecapsulate, f.encapsulate), "ML_KEM", ciphertext)
	if err != nil || len(secret) != 32 || !bytes.Equal(got, secret) {
		t.Errorf("Decapsulate: %d bytes, %v", len(got), err)
	}
	_, err = m.Decapsulate(ctx, permit(t, api.OpDecapsulate, f.encapsulate), "ML_KEM", ciphertext[1:])
	is(t, "Decapsulate", err, apierr.InvalidCiphertext)

	pair, err := m.GenerateDataKeyPair(ctx, permit(t, api.OpGenerateDataKeyPair, k), [32]byte{}, "ECC_NIST_P256", true)
	if err != nil || len(pair.PublicKey) == 0 {
		t.Fatalf("GenerateDataKeyPair: %v", err)
	}
	if private, err := m.Decrypt(ctx, permit(t, api.OpDecrypt, k), [32]byte{}, pair.Blob); err != nil || !bytes.Equal(private, pair.PrivateKey) {
		t.Errorf("the blob of a data key pair holds %d bytes, %v", len(private), err)
	}
	reEncryptAny(t, m, k, f.encrypt)
}

// reEncryptAny takes a plaintext from a symmetric key to an asymmetric one and
// back.
func reEncryptAny(t *testing.T, m *use.Module, k, asymmetric *key.Key) {
	t.Helper()
	ctx, message := t.Context(), []byte("attack at dawn")
	ciphertext, err := m.PublicEncrypt(ctx, permit(t, api.OpEncrypt, asymmetric), "SM2PKE", message)
	if err != nil {
		t.Fatalf("PublicEncrypt: %v", err)
	}
	symmetric := use.Side{Permit: permit(t, api.OpReEncrypt, k), Algorithm: "SYMMETRIC_DEFAULT", ContextHash: [32]byte{3}}
	bare := use.Side{Permit: permit(t, api.OpReEncrypt, asymmetric), Algorithm: "SM2PKE"}
	blob, err := m.ReEncryptAny(ctx, bare, ciphertext, symmetric)
	if err != nil {
		t.Fatalf("ReEncryptAny: %v", err)
	}
	if got, err := m.Decrypt(ctx, permit(t, api.OpDecrypt, k), [32]byte{3}, blob); err != nil || !bytes.Equal(got, message) {
		t.Errorf("ReEncryptAny to a symmetric key: %q, %v", got, err)
	}
	if ciphertext, err = m.ReEncryptAny(ctx, symmetric, blob, bare); err != nil {
		t.Fatalf("ReEncryptAny: %v", err)
	}
	if got, err := m.PrivateDecrypt(ctx, permit(t, api.OpDecrypt, asymmetric), "SM2PKE", ciphertext); err != nil || !bytes.Equal(got, message) {
		t.Errorf("ReEncryptAny to an asymmetric key: %q, %v", got, err)
	}
	if err := m.CheckPrivateCiphertext(ctx, permit(t, api.OpReEncrypt, asymmetric), "SM2PKE", ciphertext); err != nil {
		t.Errorf("CheckPrivateCiphertext: %v", err)
	}
	long, err := m.Encrypt(ctx, permit(t, api.OpEncrypt, k), [32]byte{3}, make([]byte, 1025))
	if err != nil {
		t.Fatal(err)
	}
	_, err = m.ReEncryptAny(ctx, symmetric, long, bare)
	is(t, "ReEncryptAny of 1,025 bytes", err, apierr.Validation)
	if e, ok := errors.AsType[*apierr.Error](err); ok && e.Message != "Algorithm SM2PKE and key spec SM2 cannot encrypt data larger than 1024 bytes." {
		t.Errorf("ReEncryptAny of 1,025 bytes: %q", e.Message)
	}
}

func is(t *testing.T, what string, err error, want apierr.Code) {
	t.Helper()
	if code(err) != want {
		t.Errorf("%s: %v, want %s", what, err, want)
	}
}

// asymmetricPlaintextStays is TestPlaintextStaysInTheModule's part on
// asymmetric keys and data key pairs.
func asymmetricPlaintextStays(t *testing.T, m *use.Module, process *servertest.Process, k *key.Key, canary []byte) {
	t.Helper()
	ctx, f := t.Context(), newFamily(t, m)
	crosses := func(secret []byte) bool {
		sent, got := process.Crossed()
		return bytes.Contains(sent, secret) || bytes.Contains(got, secret)
	}
	ciphertext, err := m.PublicEncrypt(ctx, permit(t, api.OpEncrypt, f.encrypt), "SM2PKE", canary)
	if err != nil || !crosses(canary) {
		t.Fatalf("PublicEncrypt does not show what this test looks for: %v", err)
	}
	process.Forget()
	symmetric := use.Side{Permit: permit(t, api.OpReEncrypt, k), Algorithm: "SYMMETRIC_DEFAULT"}
	bare := use.Side{Permit: permit(t, api.OpReEncrypt, f.encrypt), Algorithm: "SM2PKE"}
	blob, err := m.ReEncryptAny(ctx, bare, ciphertext, symmetric)
	if err != nil || crosses(canary) {
		t.Errorf("ReEncryptAny brings the plaintext across: %v", err)
	}
	if _, err := m.ReEncryptAny(ctx, symmetric, blob, bare); err != nil || crosses(canary) {
		t.Errorf("ReEncryptAny brings the plaintext across: %v", err)
	}
	if err := m.CheckPrivateCiphertext(ctx, permit(t, api.OpDecrypt, f.encrypt), "SM2PKE", ciphertext); err != nil || crosses(canary) {
		t.Errorf("CheckPrivateCiphertext brings the plaintext across: %v", err)
	}
	pair, err := m.GenerateDataKeyPair(ctx, permit(t, api.OpGenerateDataKeyPairWithoutPlaintext, k), [32]byte{}, "ML_KEM_512", false)
	if err != nil || len(pair.PrivateKey) > 0 {
		t.Fatalf("GenerateDataKeyPair: %d bytes of a private key, %v", len(pair.PrivateKey), err)
	}
	sent, got := process.Crossed()
	private, err := m.Decrypt(ctx, permit(t, api.OpDecrypt, k), [32]byte{}, pair.Blob)
	if err != nil {
		t.Fatal(err)
	}
	seed := private[len(private)-64:] // ends the PKCS #8 of ML-KEM
	if bytes.Contains(sent, seed) || bytes.Contains(got, seed) {
		t.Error("GenerateDataKeyPair without plaintext brings the private key across")
	}
	if !crosses(seed) {
		t.Error("Decrypt does not show what this test looks for")
	}
}

// asymmetricMethods are TestPermits's rows of asymmetric and HMAC keys.
func asymmetricMethods(t *testing.T, m *use.Module) map[string]method {
	t.Helper()
	ctx := t.Context()
	f, message := newFamily(t, m), []byte("message")
	must := func(b []byte, err error) []byte {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	signature := must(m.Sign(ctx, permit(t, api.OpSign, f.sign), "ED25519_SHA_512", use.Raw, message))
	mac := must(m.GenerateMac(ctx, permit(t, api.OpGenerateMac, f.mac), "HMAC_SHA_256", message))
	ciphertext := must(m.PublicEncrypt(ctx, permit(t, api.OpEncrypt, f.encrypt), "SM2PKE", message))
	_, encapsulated, err := m.Encapsulate(ctx, permit(t, api.OpEncapsulate, f.encapsulate), "ML_KEM")
	if err != nil {
		t.Fatal(err)
	}
	bare := func(p authz.Permit) use.Side { return use.Side{Permit: p, Algorithm: "SM2PKE"} }
	right := bare(permit(t, api.OpReEncrypt, f.encrypt))
	outcome := func(_ []byte, err error) error { return err }
	return map[string]method{
		"Sign": {[]api.Op{api.OpSign}, func(p authz.Permit) error {
			return outcome(m.Sign(ctx, p, "ED25519_SHA_512", use.Raw, message))
		}, f.sign},
		"Verify": {[]api.Op{api.OpVerify}, func(p authz.Permit) error {
			return m.Verify(ctx, p, "ED25519_SHA_512", use.Raw, message, signature)
		}, f.sign},
		"GenerateMac": {[]api.Op{api.OpGenerateMac}, func(p authz.Permit) error {
			return outcome(m.GenerateMac(ctx, p, "HMAC_SHA_256", message))
		}, f.mac},
		"VerifyMac": {[]api.Op{api.OpVerifyMac}, func(p authz.Permit) error {
			return m.VerifyMac(ctx, p, "HMAC_SHA_256", message, mac)
		}, f.mac},
		"DeriveSharedSecret": {[]api.Op{api.OpDeriveSharedSecret}, func(p authz.Permit) error {
			return outcome(m.DeriveSharedSecret(ctx, p, "ECDH", f.peer.PublicKey))
		}, f.agree},
		"Encapsulate": {[]api.Op{api.OpEncapsulate}, func(p authz.Permit) error {
			_, _, err := m.Encapsulate(ctx, p, "ML_KEM")
			return err
		}, f.encapsulate},
		"Decapsulate": {[]api.Op{api.OpDecapsulate}, func(p authz.Permit) error {
			return outcome(m.Decapsulate(ctx, p, "ML_KEM", encapsulated))
		}, f.encapsulate},
		"PublicEncrypt": {[]api.Op{api.OpEncrypt}, func(p authz.Permit) error {
			return outcome(m.PublicEncrypt(ctx, p, "SM2PKE", message))
		}, f.encrypt},
		"PrivateDecrypt": {[]api.Op{api.OpDecrypt}, func(p authz.Permit) error {
			return outcome(m.PrivateDecrypt(ctx, p, "SM2PKE", ciphertext))
		}, f.encrypt},
		"CheckPrivateCiphertext": {[]api.Op{api.OpDecrypt, api.OpReEncrypt}, func(p authz.Permit) error {
			return m.CheckPrivateCiphertext(ctx, p, "SM2PKE", ciphertext)
		}, f.encrypt},
		"ReEncryptAny, source": {[]api.Op{api.OpReEncrypt}, func(p authz.Permit) error {
			return outcome(m.ReEncryptAny(ctx, bare(p), ciphertext, right))
		}, f.encrypt},
		"ReEncryptAny, destination": {[]api.Op{api.OpReEncrypt}, func(p authz.Permit) error {
			return outcome(m.ReEncryptAny(ctx, right, ciphertext, bare(p)))
		}, f.encrypt},
		"GenerateDataKeyPair": {[]api.Op{api.OpGenerateDataKeyPair}, func(p authz.Permit) error {
			_, err := m.GenerateDataKeyPair(ctx, p, [32]byte{}, "ECC_NIST_P256", true)
			return err
		}, nil},
		"GenerateDataKeyPair, without plaintext": {[]api.Op{api.OpGenerateDataKeyPair, api.OpGenerateDataKeyPairWithoutPlaintext}, func(p authz.Permit) error {
			_, err := m.GenerateDataKeyPair(ctx, p, [32]byte{}, "ECC_NIST_P256", false)
			return err
		}, nil},
	}
}

// TestPublicKeyOfAnother: a public key that was exchanged in the store is
// refused, since the token commits to its own.
func TestPublicKeyOfAnother(t *testing.T) {
	t.Parallel()
	m, _ := module(t)
	f, message := newFamily(t, m), []byte("message")
	signature, err := m.Sign(t.Context(), permit(t, api.OpSign, f.sign), "ED25519_SHA_512", use.Raw, message)
	if err != nil {
		t.Fatal(err)
	}
	exchanged := func(k *key.Key, spki []byte) *key.Key {
		other := *k
		other.PublicKey = spki
		return &other
	}
	_, encryptErr := m.PublicEncrypt(t.Context(), permit(t, api.OpEncrypt, exchanged(f.encrypt, f.agree.PublicKey)), "SM2PKE", message)
	_, _, encapsulateErr := m.Encapsulate(t.Context(), permit(t, api.OpEncapsulate, exchanged(f.encapsulate, f.agree.PublicKey)), "ML_KEM")
	for what, err := range map[string]error{
		"Verify":        m.Verify(t.Context(), permit(t, api.OpVerify, exchanged(f.sign, f.agree.PublicKey)), "ED25519_SHA_512", use.Raw, message, signature),
		"PublicEncrypt": encryptErr, "Encapsulate": encapsulateErr,
	} {
		if code(err) != apierr.KMSInternal || !errors.Is(err, proto.StatusTokenRefused) {
			t.Errorf("%s: %v", what, err)
		}
	}
}
