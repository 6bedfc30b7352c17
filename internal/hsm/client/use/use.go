// Package use is the right to use KMS keys in the crypto module. Every method
// takes a Permit, which only internal/authz can make, checks that it is for
// this operation, and takes the key from it: no key can be used that was not
// authorized, and no operation other than the one that was.
//
// It must never take a token or an account from anywhere else. internal/ops
// and the wiring of cmd/trent may import it, nobody else. Its errors are
// *apierr.Error.
package use

import (
	"bytes"
	"context"
	"fmt"

	"trent/internal/api"
	"trent/internal/authz"
	"trent/internal/hsm/client"
	"trent/internal/hsm/proto"
	"trent/internal/key"
	"trent/internal/keyspec"
)

// Module is the module as operations may use it.
type Module struct{ client *client.Client }

// New makes a Module of a connection.
func New(c *client.Client) *Module { return &Module{c} }

// Created is a new backing key: its exported key token, the id that commits to
// it, and the domain key generation that wraps the token.
type Created struct {
	Token      []byte
	MaterialID key.MaterialID
	Generation uint32
	PublicKey  []byte // SPKI, nil unless the key is asymmetric
}

// CreateKey makes a backing key for keyID in the permit's account and Region: of a
// new key, or one more of the permit's.
func (m *Module) CreateKey(ctx context.Context, p authz.Permit, keyID string, spec key.Spec, usage key.Usage, multiRegion bool) (Created, error) {
	if err := check(p, proto.CmdCreateKey); err != nil {
		return Created{}, err
	}
	if k := p.Key(); k != nil && k.ID != keyID {
		return Created{}, internal(fmt.Errorf("permit for %s, not for %s", k.ID, keyID))
	}
	request := proto.CreateKeyRequest{
		Bind:  proto.Bind{Region: p.Region(), Account: p.Account(), ID: keyID},
		Usage: usage.Number(),
	}
	row := keyspec.Of(spec)
	if row == nil || row.Algorithms(usage) == nil {
		return Created{}, internal(fmt.Errorf("no key spec %q with usage %q", spec, usage))
	}
	request.Spec = row.Number
	if multiRegion {
		request.Flags = proto.FlagMultiRegion
	}
	call := m.client.Start(proto.CmdCreateKey)
	defer call.Done()
	call.Frame = request.Append(call.Frame)
	answer, err := call.Do(ctx)
	if err != nil {
		return Created{}, failure(err)
	}
	var response proto.CreateKeyResponse
	if err := response.Decode(answer); err != nil {
		return Created{}, internal(err)
	}
	return Created{bytes.Clone(response.Token), response.MaterialID, response.Generation, bytes.Clone(response.PublicKey)}, nil
}

// Encrypt encrypts 1..4096 bytes under the current material of the permit's
// key and returns the ciphertext blob.
func (m *Module) Encrypt(ctx context.Context, p authz.Permit, contextHash [32]byte, plaintext []byte) (blob []byte, err error) {
	ref, err := current(p, proto.CmdEncrypt)
	if err != nil {
		return nil, err
	}
	call := m.client.Start(proto.CmdEncrypt)
	defer call.Done()
	request := proto.EncryptRequest{Key: ref, ContextHash: contextHash, Plaintext: plaintext}
	call.Frame = request.Append(call.Frame)
	return copied(call.Do(ctx))
}

// Decrypt opens a blob with the material of the permit's key that the blob
// names. The caller wipes the plaintext. Whatever is wrong with the blob or
// its context is an InvalidCiphertextException without a message.
func (m *Module) Decrypt(ctx context.Context, p authz.Permit, contextHash [32]byte, blob []byte) (plaintext []byte, err error) {
	ref, err := named(p, proto.CmdDecrypt, blob)
	if err != nil {
		return nil, err
	}
	call := m.client.Start(proto.CmdDecrypt)
	defer call.Done()
	request := proto.DecryptRequest{Key: ref, ContextHash: contextHash, Blob: blob}
	call.Frame = request.Append(call.Frame)
	return copied(call.Do(ctx))
}

// CheckCiphertext is Decrypt without the plaintext, which never leaves the
// module: for the dry runs of Decrypt and ReEncrypt.
func (m *Module) CheckCiphertext(ctx context.Context, p authz.Permit, contextHash [32]byte, blob []byte) error {
	ref, err := named(p, proto.CmdCheckCiphertext, blob)
	if err != nil {
		return err
	}
	call := m.client.Start(proto.CmdCheckCiphertext)
	defer call.Done()
	request := proto.DecryptRequest{Key: ref, ContextHash: contextHash, Blob: blob}
	call.Frame = request.Append(call.Frame)
	answer, err := call.Do(ctx)
	if err != nil {
		return failure(err)
	}
	if len(answer) != 0 {
		return internal(proto.ErrMalformed)
	}
	return nil
}

// ReEncrypt opens a blob under the source and seals its plaintext under the
// destination, inside the module. Both permits are for ReEncrypt.
func (m *Module) ReEncrypt(ctx context.Context, src authz.Permit, srcHash [32]byte, blob []byte, dst authz.Permit, dstHash [32]byte) (reencrypted []byte, err error) {
	source, err := named(src, proto.CmdReEncrypt, blob)
	if err != nil {
		return nil, err
	}
	destination, err := current(dst, proto.CmdReEncrypt)
	if err != nil {
		return nil, err
	}
	call := m.client.Start(proto.CmdReEncrypt)
	defer call.Done()
	request := proto.ReEncryptRequest{
		Source: source, Destination: destination,
		SourceHash: srcHash, DestinationHash: dstHash, Blob: blob,
	}
	call.Frame = request.Append(call.Frame)
	return copied(call.Do(ctx))
}

// GenerateDataKey makes a data key of n bytes (1..1024) and returns it with
// its ciphertext blob. The caller wipes the plaintext.
func (m *Module) GenerateDataKey(ctx context.Context, p authz.Permit, contextHash [32]byte, n int) (plaintext, blob []byte, err error) {
	call, err := m.dataKey(p, proto.CmdGenerateDataKey, contextHash, n)
	if err != nil {
		return nil, nil, err
	}
	defer call.Done()
	answer, err := call.Do(ctx)
	if err != nil {
		return nil, nil, failure(err)
	}
	var response proto.GenerateDataKeyResponse
	if err := response.Decode(answer); err != nil || len(response.DataKey) != n {
		return nil, nil, internal(proto.ErrMalformed)
	}
	return bytes.Clone(response.DataKey), bytes.Clone(response.Blob), nil
}

// GenerateDataKeyWithoutPlaintext makes a data key of n bytes (1..1024) and
// returns its ciphertext blob only; the data key never leaves the module.
func (m *Module) GenerateDataKeyWithoutPlaintext(ctx context.Context, p authz.Permit, contextHash [32]byte, n int) (blob []byte, err error) {
	call, err := m.dataKey(p, proto.CmdGenerateDataKeyWithoutPlaintext, contextHash, n)
	if err != nil {
		return nil, err
	}
	defer call.Done()
	return copied(call.Do(ctx))
}

func (m *Module) dataKey(p authz.Permit, cmd proto.Command, contextHash [32]byte, n int) (*client.Call, error) {
	ref, err := current(p, cmd)
	if err != nil {
		return nil, err
	}
	if n < 1 || n > proto.MaxRandom {
		return nil, internal(fmt.Errorf("a data key of %d bytes", n))
	}
	call := m.client.Start(cmd)
	request := proto.GenerateDataKeyRequest{Key: ref, ContextHash: contextHash, Bytes: uint32(n)}
	call.Frame = request.Append(call.Frame)
	return call, nil
}

// GenerateRandom returns n random bytes (1..1024) of the module.
func (m *Module) GenerateRandom(ctx context.Context, p authz.Permit, n int) ([]byte, error) {
	if err := check(p, proto.CmdGenerateRandom); err != nil {
		return nil, err
	}
	if n < 1 || n > proto.MaxRandom {
		return nil, internal(fmt.Errorf("%d random bytes", n))
	}
	call := m.client.Start(proto.CmdGenerateRandom)
	defer call.Done()
	request := proto.GenerateRandomRequest{Bytes: uint32(n)}
	call.Frame = request.Append(call.Frame)
	random, err := copied(call.Do(ctx))
	if err == nil && len(random) != n {
		return nil, internal(proto.ErrMalformed)
	}
	return random, err
}

// copied is a call's answer in memory of the caller's own.
func copied(answer []byte, err error) ([]byte, error) {
	if err != nil {
		return nil, failure(err)
	}
	return bytes.Clone(answer), nil
}

// permitted lists the operations whose permit a command takes.
func permitted(cmd proto.Command, op api.Op) bool {
	switch cmd {
	case proto.CmdCreateKey:
		return op == api.OpCreateKey || op == api.OpRotateKeyOnDemand
	case proto.CmdEncrypt:
		return op == api.OpEncrypt
	case proto.CmdDecrypt:
		return op == api.OpDecrypt
	case proto.CmdCheckCiphertext:
		return op == api.OpDecrypt || op == api.OpReEncrypt
	case proto.CmdReEncrypt:
		return op == api.OpReEncrypt
	case proto.CmdGenerateDataKey:
		return op == api.OpGenerateDataKey
	case proto.CmdGenerateDataKeyWithoutPlaintext:
		return op == api.OpGenerateDataKeyWithoutPlaintext
	case proto.CmdGenerateRandom:
		return op == api.OpGenerateRandom
	case proto.CmdSign:
		return op == api.OpSign
	case proto.CmdVerify:
		return op == api.OpVerify
	case proto.CmdGenerateMac:
		return op == api.OpGenerateMac
	case proto.CmdVerifyMac:
		return op == api.OpVerifyMac
	case proto.CmdDeriveSharedSecret:
		return op == api.OpDeriveSharedSecret
	case proto.CmdEncapsulate:
		return op == api.OpEncapsulate
	case proto.CmdDecapsulate:
		return op == api.OpDecapsulate
	case proto.CmdPublicEncrypt:
		return op == api.OpEncrypt
	case proto.CmdPrivateDecrypt:
		return op == api.OpDecrypt
	case proto.CmdCheckPrivateCiphertext:
		return op == api.OpDecrypt || op == api.OpReEncrypt
	case proto.CmdReEncryptAny:
		return op == api.OpReEncrypt
	case proto.CmdGenerateDataKeyPair:
		return op == api.OpGenerateDataKeyPair || op == api.OpGenerateDataKeyPairWithoutPlaintext
	case proto.CmdImportParameters:
		return op == api.OpGetParametersForImport
	case proto.CmdImportKey:
		return op == api.OpImportKeyMaterial
	default:
		return false
	}
}

// check refuses a permit that authz did not make, or not for this command.
func check(p authz.Permit, cmd proto.Command) error {
	if !p.Granted() || !permitted(cmd, p.Op()) {
		return internal(fmt.Errorf("no permit for %v", cmd))
	}
	return nil
}

// current names the material that encrypts.
func current(p authz.Permit, cmd proto.Command) (proto.KeyRef, error) {
	if err := check(p, cmd); err != nil {
		return proto.KeyRef{}, err
	}
	k := p.Key()
	if k == nil {
		return proto.KeyRef{}, internal(fmt.Errorf("permit for %v has no key", cmd))
	}
	material := k.CurrentMaterial()
	if material == nil {
		return proto.KeyRef{}, internal(fmt.Errorf("key %s has no current material", k.ID))
	}
	return ref(k, material), nil
}

// The material id's place in a ciphertext blob (docs/formats.md).
const materialStart, materialEnd = 4, 36

// named names the material that a blob says it was made with.
func named(p authz.Permit, cmd proto.Command, blob []byte) (proto.KeyRef, error) {
	if err := check(p, cmd); err != nil {
		return proto.KeyRef{}, err
	}
	k := p.Key()
	if k == nil {
		return proto.KeyRef{}, internal(fmt.Errorf("permit for %v has no key", cmd))
	}
	if len(blob) < materialEnd || len(blob) > proto.MaxBlob {
		return proto.KeyRef{}, invalidCiphertext()
	}
	material := k.Material(key.MaterialID(blob[materialStart:materialEnd]))
	if material == nil {
		return proto.KeyRef{}, invalidCiphertext()
	}
	return ref(k, material), nil
}

func ref(k *key.Key, material *key.Material) proto.KeyRef {
	origin := proto.OriginGenerated
	if k.Origin == key.OriginExternal {
		origin = proto.OriginImported
	}
	return proto.KeyRef{Bind: bindOf(k), Origin: origin, Token: material.Token}
}
