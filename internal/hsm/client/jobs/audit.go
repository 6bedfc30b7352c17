package jobs

import (
	"bytes"
	"context"

	"trent/internal/hsm/proto"
)

// Unsupported: the module does not offer that spec.
const Unsupported = proto.StatusUnsupported

// AuditKey is a key that signs digests of the audit trail: the module has the
// private key, in Token. It belongs to the Region "global".
type AuditKey struct {
	Name       string
	Token      []byte
	Generation uint32 // of the domain key that wraps Token
	PublicKey  []byte // SPKI
}

// CreateAuditKey makes a signing key of a spec, by its number. Errors:
// Unsupported.
func (m *Module) CreateAuditKey(ctx context.Context, name string, spec uint16) (AuditKey, error) {
	call := m.client.Start(proto.CmdCreateAuditKey)
	defer call.Done()
	request := proto.CreateAuditKeyRequest{Name: name, Spec: spec}
	call.Frame = request.Append(call.Frame)
	answer, err := call.Do(ctx)
	if err != nil {
		return AuditKey{}, err
	}
	var response proto.AuditKeyResponse
	if err := response.Decode(answer); err != nil {
		return AuditKey{}, err
	}
	return AuditKey{
		Name: name, Token: bytes.Clone(response.Token), Generation: response.Generation, PublicKey: bytes.Clone(response.PublicKey),
	}, nil
}

// SignDigest signs at most 4,096 bytes with a signing key and its algorithm, by
// its number.
func (m *Module) SignDigest(ctx context.Context, key *AuditKey, algorithm uint8, message []byte) ([]byte, error) {
	const raw = 1
	call := m.client.Start(proto.CmdSignDigest)
	defer call.Done()
	request := proto.SignRequest{
		Key: proto.KeyRef{Bind: Bind{Region: proto.GlobalRegion, ID: key.Name}, Token: key.Token}, Algorithm: algorithm, MessageType: raw, Message: message,
	}
	call.Frame = request.Append(call.Frame)
	answer, err := call.Do(ctx)
	if err != nil {
		return nil, err
	}
	return bytes.Clone(answer), nil
}
