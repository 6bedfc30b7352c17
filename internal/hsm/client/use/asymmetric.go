package use

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"trent/internal/api"
	"trent/internal/apierr"
	"trent/internal/authz"
	"trent/internal/hsm/client"
	"trent/internal/hsm/proto"
	"trent/internal/key"
	"trent/internal/keyspec"
)

// A MessageType says what the message of Sign and Verify is.
type MessageType uint8

// The message types, as numbered in frames.
const (
	Raw        MessageType = 1
	Digest     MessageType = 2
	ExternalMu MessageType = 3
)

// fixed is a key that has one material, with its public key, and one of its
// algorithms: what the commands of this file take.
type fixed struct {
	ref       proto.KeyRef
	public    []byte
	algorithm *keyspec.Alg
}

// of takes the permit's key for a command and an algorithm of its own.
func of(p authz.Permit, cmd proto.Command, algorithm string) (fixed, error) {
	ref, err := current(p, cmd)
	if err != nil {
		return fixed{}, err
	}
	k := p.Key()
	a := k.Algorithm(algorithm)
	if a == nil {
		return fixed{}, internal(fmt.Errorf("key %s of spec %s has no algorithm %q for %s", k.ID, k.Spec, algorithm, k.Usage))
	}
	return fixed{ref, k.PublicKey, a}, nil
}

// Sign signs a message of 1..4096 bytes with the permit's key.
func (m *Module) Sign(ctx context.Context, p authz.Permit, algorithm string, t MessageType, message []byte) (signature []byte, err error) {
	k, err := of(p, proto.CmdSign, algorithm)
	if err != nil {
		return nil, err
	}
	call := m.client.Start(proto.CmdSign)
	defer call.Done()
	request := proto.SignRequest{Key: k.ref, Algorithm: k.algorithm.Number, MessageType: uint8(t), Message: message}
	call.Frame = request.Append(call.Frame)
	return copied(call.Do(ctx))
}

// Verify checks a signature; it is a KMSInvalidSignatureException without a
// message if the signature is not the key's for that message.
func (m *Module) Verify(ctx context.Context, p authz.Permit, algorithm string, t MessageType, message, signature []byte) error {
	k, err := of(p, proto.CmdVerify, algorithm)
	if err != nil {
		return err
	}
	call := m.client.Start(proto.CmdVerify)
	defer call.Done()
	request := proto.VerifyRequest{
		Key: k.ref, PublicKey: k.public, Algorithm: k.algorithm.Number, MessageType: uint8(t), Message: message, Signature: signature,
	}
	call.Frame = request.Append(call.Frame)
	return verdict(ctx, call, apierr.KMSInvalidSignature)
}

// GenerateMac returns the MAC of a message of 1..4096 bytes.
func (m *Module) GenerateMac(ctx context.Context, p authz.Permit, algorithm string, message []byte) (mac []byte, err error) {
	k, err := of(p, proto.CmdGenerateMac, algorithm)
	if err != nil {
		return nil, err
	}
	call := m.client.Start(proto.CmdGenerateMac)
	defer call.Done()
	request := proto.SignRequest{Key: k.ref, Algorithm: k.algorithm.Number, MessageType: uint8(Raw), Message: message}
	call.Frame = request.Append(call.Frame)
	return copied(call.Do(ctx))
}

// VerifyMac checks a MAC; it is a KMSInvalidMacException without a message if
// the MAC is not the key's for that message.
func (m *Module) VerifyMac(ctx context.Context, p authz.Permit, algorithm string, message, mac []byte) error {
	k, err := of(p, proto.CmdVerifyMac, algorithm)
	if err != nil {
		return err
	}
	call := m.client.Start(proto.CmdVerifyMac)
	defer call.Done()
	request := proto.VerifyRequest{Key: k.ref, Algorithm: k.algorithm.Number, MessageType: uint8(Raw), Message: message, Signature: mac}
	call.Frame = request.Append(call.Frame)
	return verdict(ctx, call, apierr.KMSInvalidMac)
}

// verdict is the outcome of a check: no is the code of the module's no.
func verdict(ctx context.Context, call *client.Call, no apierr.Code) error {
	answer, err := call.Do(ctx)
	switch {
	case errors.Is(err, proto.StatusInvalidSignature):
		return &apierr.Error{Code: no}
	case err != nil:
		return failure(err)
	case len(answer) != 0:
		return internal(proto.ErrMalformed)
	}
	return nil
}

// DeriveSharedSecret returns the raw shared secret of the permit's key and a
// peer's public key, SPKI; one that does not fit is a ValidationException. The
// caller wipes the secret.
func (m *Module) DeriveSharedSecret(ctx context.Context, p authz.Permit, algorithm string, peer []byte) (secret []byte, err error) {
	k, err := of(p, proto.CmdDeriveSharedSecret, algorithm)
	if err != nil {
		return nil, err
	}
	call := m.client.Start(proto.CmdDeriveSharedSecret)
	defer call.Done()
	request := proto.AgreeRequest{Key: k.ref, PeerPublicKey: peer}
	call.Frame = request.Append(call.Frame)
	return copied(call.Do(ctx))
}

// Encapsulate returns a new shared secret and its ciphertext. The caller wipes
// the secret.
func (m *Module) Encapsulate(ctx context.Context, p authz.Permit, algorithm string) (secret, ciphertext []byte, err error) {
	k, err := of(p, proto.CmdEncapsulate, algorithm)
	if err != nil {
		return nil, nil, err
	}
	call := m.client.Start(proto.CmdEncapsulate)
	defer call.Done()
	request := proto.EncapsulateRequest{Key: k.ref, PublicKey: k.public}
	call.Frame = request.Append(call.Frame)
	answer, err := call.Do(ctx)
	if err != nil {
		return nil, nil, failure(err)
	}
	var response proto.EncapsulateResponse
	if err := response.Decode(answer); err != nil {
		return nil, nil, internal(err)
	}
	return bytes.Clone(response.Secret), bytes.Clone(response.Ciphertext), nil
}

// Decapsulate returns the shared secret of a ciphertext; one of a wrong length
// is an InvalidCiphertextException, a wrong one of the right length gives
// another secret. The caller wipes it.
func (m *Module) Decapsulate(ctx context.Context, p authz.Permit, algorithm string, ciphertext []byte) (secret []byte, err error) {
	k, err := of(p, proto.CmdDecapsulate, algorithm)
	if err != nil {
		return nil, err
	}
	call := m.client.Start(proto.CmdDecapsulate)
	defer call.Done()
	request := proto.DecapsulateRequest{Key: k.ref, Ciphertext: ciphertext}
	call.Frame = request.Append(call.Frame)
	return copied(call.Do(ctx))
}

// PublicEncrypt encrypts with an asymmetric key. The plaintext's length is the
// caller's to check.
func (m *Module) PublicEncrypt(ctx context.Context, p authz.Permit, algorithm string, plaintext []byte) (ciphertext []byte, err error) {
	k, err := of(p, proto.CmdPublicEncrypt, algorithm)
	if err != nil {
		return nil, err
	}
	call := m.client.Start(proto.CmdPublicEncrypt)
	defer call.Done()
	request := proto.PublicEncryptRequest{Key: k.ref, PublicKey: k.public, Algorithm: k.algorithm.Number, Plaintext: plaintext}
	call.Frame = request.Append(call.Frame)
	return copied(call.Do(ctx))
}

// PrivateDecrypt decrypts with an asymmetric key. The caller wipes the
// plaintext. Whatever is wrong with the ciphertext is an
// InvalidCiphertextException without a message.
func (m *Module) PrivateDecrypt(ctx context.Context, p authz.Permit, algorithm string, ciphertext []byte) (plaintext []byte, err error) {
	call, err := m.privateDecrypt(p, proto.CmdPrivateDecrypt, algorithm, ciphertext)
	if err != nil {
		return nil, err
	}
	defer call.Done()
	return copied(call.Do(ctx))
}

// CheckPrivateCiphertext is PrivateDecrypt without the plaintext, which never
// leaves the module.
func (m *Module) CheckPrivateCiphertext(ctx context.Context, p authz.Permit, algorithm string, ciphertext []byte) error {
	call, err := m.privateDecrypt(p, proto.CmdCheckPrivateCiphertext, algorithm, ciphertext)
	if err != nil {
		return err
	}
	defer call.Done()
	answer, err := call.Do(ctx)
	if err != nil {
		return failure(err)
	}
	if len(answer) != 0 {
		return internal(proto.ErrMalformed)
	}
	return nil
}

func (m *Module) privateDecrypt(p authz.Permit, cmd proto.Command, algorithm string, ciphertext []byte) (*client.Call, error) {
	k, err := of(p, cmd, algorithm)
	if err != nil {
		return nil, err
	}
	call := m.client.Start(cmd)
	request := proto.PrivateDecryptRequest{Key: k.ref, Algorithm: k.algorithm.Number, Ciphertext: ciphertext}
	call.Frame = request.Append(call.Frame)
	return call, nil
}

// A Side is one key of ReEncryptAny: its permit, the algorithm, and for a
// symmetric key the hash of the encryption context.
type Side struct {
	Permit      authz.Permit
	Algorithm   string
	ContextHash [32]byte
}

// ReEncryptAny is ReEncrypt where a key is asymmetric. A plaintext that is too
// long for the destination is a ValidationException.
func (m *Module) ReEncryptAny(ctx context.Context, src Side, blob []byte, dst Side) (reencrypted []byte, err error) {
	from, err := of(src.Permit, proto.CmdReEncryptAny, src.Algorithm)
	if err != nil {
		return nil, err
	}
	if src.Permit.Key().Spec == key.SymmetricDefault { // the blob says which material
		if from.ref, err = named(src.Permit, proto.CmdReEncryptAny, blob); err != nil {
			return nil, err
		}
	}
	to, err := of(dst.Permit, proto.CmdReEncryptAny, dst.Algorithm)
	if err != nil {
		return nil, err
	}
	call := m.client.Start(proto.CmdReEncryptAny)
	defer call.Done()
	request := proto.ReEncryptAnyRequest{
		Source:      proto.Side{Key: from.ref, Algorithm: from.algorithm.Number, ContextHash: src.ContextHash},
		Destination: proto.Side{Key: to.ref, Algorithm: to.algorithm.Number, ContextHash: dst.ContextHash, PublicKey: to.public},
		Blob:        blob,
	}
	call.Frame = request.Append(call.Frame)
	answer, err := call.Do(ctx)
	if errors.Is(err, proto.StatusInputRefused) {
		return nil, TooLong(dst.Permit.Key(), to.algorithm)
	}
	return copied(answer, err)
}

// TooLong is AWS's error for a plaintext that an algorithm cannot take.
func TooLong(k *key.Key, a *keyspec.Alg) error {
	return apierr.New(apierr.Validation, "Algorithm %s and key spec %s cannot encrypt data larger than %d bytes.", a.Name, k.Spec, a.MaxPlaintextBytes)
}

// A Pair is a data key pair. PrivateKey is PKCS #8, nil if it was not asked
// for; PublicKey is SPKI; Blob is the private key's ciphertext.
type Pair struct{ PrivateKey, PublicKey, Blob []byte }

// GenerateDataKeyPair makes a pair of a spec; only GenerateDataKeyPair's permit
// brings the private key out of the module. The caller wipes it.
func (m *Module) GenerateDataKeyPair(ctx context.Context, p authz.Permit, contextHash [32]byte, spec keyspec.Spec, plaintext bool) (Pair, error) {
	ref, err := current(p, proto.CmdGenerateDataKeyPair)
	if err != nil {
		return Pair{}, err
	}
	row := keyspec.Of(spec)
	if row == nil || !row.DataKeyPair || plaintext && p.Op() != api.OpGenerateDataKeyPair {
		return Pair{}, internal(fmt.Errorf("a data key pair of %q, plaintext %v", spec, plaintext))
	}
	call := m.client.Start(proto.CmdGenerateDataKeyPair)
	defer call.Done()
	request := proto.DataKeyPairRequest{Key: ref, ContextHash: contextHash, Spec: row.Number, Plaintext: plaintext}
	call.Frame = request.Append(call.Frame)
	answer, err := call.Do(ctx)
	if err != nil {
		return Pair{}, failure(err)
	}
	var response proto.DataKeyPairResponse
	if err := response.Decode(answer); err != nil || plaintext != (len(response.PrivateKey) > 0) {
		return Pair{}, internal(proto.ErrMalformed)
	}
	return Pair{bytes.Clone(response.PrivateKey), bytes.Clone(response.PublicKey), bytes.Clone(response.Blob)}, nil
}
