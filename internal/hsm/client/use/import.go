package use

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"time"

	"trent/internal/apierr"
	"trent/internal/authz"
	"trent/internal/hsm/proto"
	"trent/internal/key"
	"trent/internal/keyspec"
)

// ImportParameters are what wraps key material for the permit's key.
type ImportParameters struct {
	Token     []byte // the import token; the crypto module alone opens it
	PublicKey []byte // SPKI
	ValidTo   time.Time
}

// ImportParameters makes a wrapping key of a spec for the permit's key.
func (m *Module) ImportParameters(ctx context.Context, p authz.Permit, spec key.Spec, w *keyspec.Wrapping) (ImportParameters, error) {
	if err := check(p, proto.CmdImportParameters); err != nil {
		return ImportParameters{}, err
	}
	k, row := p.Key(), keyspec.Of(spec)
	if k == nil || row == nil {
		return ImportParameters{}, internal(fmt.Errorf("no key, or no wrapping key spec %q", spec))
	}
	call := m.client.Start(proto.CmdImportParameters)
	defer call.Done()
	request := proto.ImportParametersRequest{Bind: bindOf(k), Spec: row.Number, Algorithm: w.Number}
	call.Frame = request.Append(call.Frame)
	answer, err := call.Do(ctx)
	if err != nil {
		return ImportParameters{}, failure(err)
	}
	var response proto.ImportParametersResponse
	if err := response.Decode(answer); err != nil {
		return ImportParameters{}, internal(err)
	}
	return ImportParameters{
		Token: bytes.Clone(response.Token), PublicKey: bytes.Clone(response.PublicKey), ValidTo: time.Unix(int64(response.NotAfter), 0).UTC(),
	}, nil
}

// ImportKey makes a backing key for the permit's key of material that was wrapped
// with an import token's key, which the module refuses to use once it has expired
// (zero: never). What is wrong with the token is an
// ExpiredImportTokenException or an InvalidImportTokenException, what is wrong with
// the material an InvalidCiphertextException without a message, whatever it is.
func (m *Module) ImportKey(ctx context.Context, p authz.Permit, token, wrapped []byte, expires time.Time) (Created, error) {
	if err := check(p, proto.CmdImportKey); err != nil {
		return Created{}, err
	}
	k := p.Key()
	if k == nil {
		return Created{}, internal(errors.New("permit for ImportKeyMaterial has no key"))
	}
	if len(token) == 0 || len(token) > proto.MaxToken {
		return Created{}, &apierr.Error{Code: apierr.InvalidImportToken}
	}
	if len(wrapped) == 0 || len(wrapped) > proto.MaxWrapped {
		return Created{}, invalidCiphertext()
	}
	request := proto.ImportKeyRequest{
		Key: proto.KeyRef{Bind: bindOf(k), Token: token}, Spec: keyspec.Of(k.Spec).Number, Usage: k.Usage.Number(), Wrapped: wrapped,
	}
	if !expires.IsZero() {
		request.NotAfter = uint64(expires.Unix())
	}
	if k.MultiRegion {
		request.Flags = proto.FlagMultiRegion
	}
	call := m.client.Start(proto.CmdImportKey)
	defer call.Done()
	call.Frame = request.Append(call.Frame)
	answer, err := call.Do(ctx)
	switch {
	case errors.Is(err, proto.StatusTokenExpired):
		return Created{}, &apierr.Error{Code: apierr.ExpiredImportToken}
	case errors.Is(err, proto.StatusInvalidToken), errors.Is(err, proto.StatusTokenRefused), errors.Is(err, proto.StatusUnknownDomain):
		return Created{}, &apierr.Error{Code: apierr.InvalidImportToken}
	case err != nil:
		return Created{}, failure(err)
	}
	var response proto.CreateKeyResponse
	if err := response.Decode(answer); err != nil {
		return Created{}, internal(err)
	}
	return Created{bytes.Clone(response.Token), response.MaterialID, response.Generation, bytes.Clone(response.PublicKey)}, nil
}

// bindOf is what tokens of a key belong to.
func bindOf(k *key.Key) proto.Bind {
	return proto.Bind{Region: k.Region, Account: k.Account, ID: k.ID}
}
