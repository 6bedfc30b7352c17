// Package identity is the right to use the crypto module for identities: to
// seal or create secret access keys and to derive SigV4 day keys from them.
// It reaches no KMS key. internal/identity, internal/sigv4's cache and the
// wiring of cmd/trent may import it, nobody else.
package identity

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"trent/internal/hsm/client"
	"trent/internal/hsm/proto"
	"trent/internal/secret"
)

// The errors of this package, beside the context's.
var (
	// ErrUnavailable: no module answers, or it has no time now. Retry later.
	ErrUnavailable = client.ErrUnavailable
	// ErrDateRefused: the date is not the module's ± 1 day, or the service or
	// Region is not one that it derives keys for.
	ErrDateRefused = errors.New("crypto module: date, Region or service refused")
	// ErrTokenRefused: the token is damaged, of another kind or generation
	// than the module holds, or belongs to another access key.
	ErrTokenRefused = errors.New("crypto module: access key's token refused")
)

// Module is the module as identities may use it.
type Module struct{ client *client.Client }

// New makes a Module of a connection.
func New(c *client.Client) *Module { return &Module{c} }

// SealSecret wraps a secret access key that was made elsewhere (at most 128
// bytes). It returns the token to store and the domain key generation that
// wraps it. s stays the caller's to wipe.
func (m *Module) SealSecret(ctx context.Context, account, accessKeyID string, s secret.Bytes) (token []byte, generation uint32, err error) {
	call := m.client.Start(proto.CmdSealAccessKeySecret)
	defer call.Done()
	request := proto.SealSecretRequest{Account: account, AccessKeyID: accessKeyID, Secret: s.Expose()}
	call.Frame = request.Append(call.Frame)
	answer, err := call.Do(ctx)
	if err != nil {
		return nil, 0, typed(err)
	}
	var response proto.TokenResponse
	if err := response.Decode(answer); err != nil {
		return nil, 0, err
	}
	return bytes.Clone(response.Token), response.Generation, nil
}

// CreateSecret makes a secret access key (40 characters) in the module and
// returns it, once, with its token and generation. The caller wipes it.
func (m *Module) CreateSecret(ctx context.Context, account, accessKeyID string) (s secret.Bytes, token []byte, generation uint32, err error) {
	call := m.client.Start(proto.CmdCreateAccessKeySecret)
	defer call.Done()
	request := proto.CreateSecretRequest{Account: account, AccessKeyID: accessKeyID}
	call.Frame = request.Append(call.Frame)
	answer, err := call.Do(ctx)
	if err != nil {
		return secret.Bytes{}, nil, 0, typed(err)
	}
	var response proto.CreateSecretResponse
	if err := response.Decode(answer); err != nil {
		return secret.Bytes{}, nil, 0, err
	}
	return secret.Copy(response.Secret), bytes.Clone(response.Token), response.Generation, nil
}

// DayKey derives the SigV4 signing key (32 bytes) of an access key for a date
// (YYYYMMDD), a Region and a service. The caller wipes it.
func (m *Module) DayKey(ctx context.Context, account, accessKeyID string, token []byte, date, region, service string) (secret.Bytes, error) {
	call := m.client.Start(proto.CmdDeriveDayKey)
	defer call.Done()
	request := proto.DayKeyRequest{
		Key:  proto.KeyRef{Bind: proto.Bind{Region: proto.GlobalRegion, Account: account, ID: accessKeyID}, Token: token},
		Date: date, Region: region, Service: service,
	}
	call.Frame = request.Append(call.Frame)
	answer, err := call.Do(ctx)
	if err != nil {
		return secret.Bytes{}, typed(err)
	}
	if len(answer) != proto.DayKeySize {
		return secret.Bytes{}, proto.ErrMalformed
	}
	return secret.Copy(answer), nil
}

// typed turns a module's status into an error of this package.
func typed(err error) error {
	status, ok := errors.AsType[proto.Status](err)
	if !ok {
		return err
	}
	switch status {
	case proto.StatusBusy:
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case proto.StatusDateRefused:
		return ErrDateRefused
	case proto.StatusInvalidToken, proto.StatusTokenRefused:
		return fmt.Errorf("%w: %w", ErrTokenRefused, err)
	default:
		return err
	}
}
