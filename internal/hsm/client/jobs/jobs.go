// Package jobs is the right to administer the crypto module: domains, their
// rotation, rewrapping of tokens, new material of KMS keys, service keys, signatures under digests of the
// audit trail, and its status. It encrypts
// and decrypts nothing for anybody. internal/domains, internal/jobs and the
// wiring of cmd/trent may import it, nobody else.
package jobs

import (
	"bytes"
	"context"
	"time"

	"trent/internal/hsm/client"
	"trent/internal/hsm/proto"
	"trent/internal/secret"
)

// ErrUnavailable: no module answers now. The other errors of this package are
// the context's and the module's refusals as a Refusal.
var ErrUnavailable = client.ErrUnavailable

// Refusal is the module's reason, comparable with the constants here.
type Refusal = proto.Status

// Refusals that a job distinguishes.
const (
	// UnknownDomain: no such domain or generation is loaded.
	UnknownDomain = proto.StatusUnknownDomain
	// DomainRefused: the domain token does not authenticate with the module's
	// key file, or is older than what is loaded.
	DomainRefused = proto.StatusDomainRefused
	// InvalidToken: the token is damaged; TokenRefused: it is not what the
	// command takes, or belongs to something else.
	InvalidToken = proto.StatusInvalidToken
	TokenRefused = proto.StatusTokenRefused
	// Busy: the lane for slow work is full.
	Busy = proto.StatusBusy
	// ClockRefused: the module is not one for development, or its time would go back.
	ClockRefused = proto.StatusClockRefused
)

// Info describes the module; Domains are those it has loaded.
type Info = proto.Info

// DomainInfo describes one domain that the module has loaded.
type DomainInfo = proto.DomainInfo

// Bind is what a token belongs to.
type Bind = proto.Bind

// Kind is a token's kind, as docs/formats.md numbers them.
type Kind uint8

// The kinds.
const (
	KindBackingKey      Kind = 1
	KindAccessKeySecret Kind = 2
	KindImport          Kind = 3
	KindSession         Kind = 4
	KindReplication     Kind = 5
	KindServiceKey      Kind = 6
	KindAuditKey        Kind = 7
)

// Kinds lists the kinds; a registry of tokens must know them all.
func Kinds() []Kind {
	return []Kind{KindBackingKey, KindAccessKeySecret, KindImport, KindSession, KindReplication, KindServiceKey, KindAuditKey}
}

// Module is the module as jobs may use it.
type Module struct{ client *client.Client }

// New makes a Module of a connection.
func New(c *client.Client) *Module { return &Module{c} }

// State is the connection's state, which trent status shows.
func (m *Module) State() client.State { return m.client.State() }

// Status asks the module about itself. It is answered when mute too.
func (m *Module) Status(ctx context.Context) (Info, error) {
	call := m.client.Start(proto.CmdStatus)
	defer call.Done()
	answer, err := call.Do(ctx)
	if err != nil {
		return Info{}, err
	}
	var info Info
	return info, info.Decode(bytes.Clone(answer))
}

// MoveClock makes the time of a development module its clock's and so much
// more, in whole seconds. It cannot be less than before. The module forgets it
// when it ends.
func (m *Module) MoveClock(ctx context.Context, ahead time.Duration) error {
	call := m.client.Start(proto.CmdMoveClock)
	defer call.Done()
	request := proto.MoveClockRequest{AheadSeconds: uint32(ahead / time.Second)}
	call.Frame = request.Append(call.Frame)
	return noAnswer(call.Do(ctx))
}

// noAnswer is the end of a command whose answer is empty.
func noAnswer(answer []byte, err error) error {
	if err == nil && len(answer) != 0 {
		return proto.ErrMalformed
	}
	return err
}

// CreateDomain makes a domain with one generation and returns its token.
// Nothing is loaded: the caller stores the token, then loads it.
func (m *Module) CreateDomain(ctx context.Context, region string, dev bool) (domainToken []byte, err error) {
	call := m.client.Start(proto.CmdCreateDomain)
	defer call.Done()
	request := proto.CreateDomainRequest{Region: region, Dev: dev}
	call.Frame = request.Append(call.Frame)
	return domainAnswer(call.Do(ctx))
}

// LoadDomain makes the module hold the domain of a token, or the newer state
// of one that it holds.
func (m *Module) LoadDomain(ctx context.Context, domainToken []byte) error {
	call := m.client.Start(proto.CmdLoadDomain)
	defer call.Done()
	request := proto.LoadDomainRequest{Token: domainToken}
	call.Frame = request.Append(call.Frame)
	return noAnswer(call.Do(ctx))
}

// RotateDomain returns the token of a loaded domain with one more generation,
// the active one. The module's own state changes when it is loaded.
func (m *Module) RotateDomain(ctx context.Context, region string) (domainToken []byte, err error) {
	call := m.client.Start(proto.CmdRotateDomain)
	defer call.Done()
	request := proto.RotateDomainRequest{Region: region}
	call.Frame = request.Append(call.Frame)
	return domainAnswer(call.Do(ctx))
}

func domainAnswer(answer []byte, err error) ([]byte, error) {
	if err != nil {
		return nil, err
	}
	var message proto.LoadDomainRequest // the answer has the same form
	if err := message.Decode(answer); err != nil {
		return nil, err
	}
	return bytes.Clone(message.Token), nil
}

// Rewrap returns the token wrapped by its domain's active generation. kind is
// what the registry says is stored there.
func (m *Module) Rewrap(ctx context.Context, kind Kind, bind Bind, token []byte) (rewrapped []byte, generation uint32, err error) {
	call := m.client.Start(proto.CmdRewrap)
	defer call.Done()
	request := proto.RewrapRequest{Kind: uint8(kind), Key: proto.KeyRef{Bind: bind, Token: token}}
	call.Frame = request.Append(call.Frame)
	return tokenAnswer(call.Do(ctx))
}

// Material is a new backing key of a KMS key: its exported key token, the id that
// commits to it, and the domain key generation that wraps the token.
type Material struct {
	ID         [32]byte
	Token      []byte
	Generation uint32
}

// CreateMaterial makes a further backing key for the KMS key of the bind, by the
// numbers of its spec and usage.
func (m *Module) CreateMaterial(ctx context.Context, bind Bind, spec uint16, usage uint8, multiRegion bool) (Material, error) {
	request := proto.CreateKeyRequest{Bind: bind, Spec: spec, Usage: usage}
	if multiRegion {
		request.Flags = proto.FlagMultiRegion
	}
	call := m.client.Start(proto.CmdCreateKey)
	defer call.Done()
	call.Frame = request.Append(call.Frame)
	answer, err := call.Do(ctx)
	if err != nil {
		return Material{}, err
	}
	var response proto.CreateKeyResponse
	if err := response.Decode(answer); err != nil {
		return Material{}, err
	}
	return Material{ID: response.MaterialID, Token: bytes.Clone(response.Token), Generation: response.Generation}, nil
}

// CreateServiceKey makes a service key of a Region and returns its token.
func (m *Module) CreateServiceKey(ctx context.Context, region, name string) (token []byte, generation uint32, err error) {
	call := m.client.Start(proto.CmdCreateServiceKey)
	defer call.Done()
	request := proto.CreateServiceKeyRequest{Region: region, Name: name}
	call.Frame = request.Append(call.Frame)
	return tokenAnswer(call.Do(ctx))
}

func tokenAnswer(answer []byte, err error) ([]byte, uint32, error) {
	if err != nil {
		return nil, 0, err
	}
	var response proto.TokenResponse
	if err := response.Decode(answer); err != nil {
		return nil, 0, err
	}
	return bytes.Clone(response.Token), response.Generation, nil
}

// ReleaseServiceKey returns the 32 bytes of a service key, which the service
// itself uses (record MACs, sealed markers).
func (m *Module) ReleaseServiceKey(ctx context.Context, region, name string, token []byte) (secret.Bytes, error) {
	call := m.client.Start(proto.CmdReleaseServiceKey)
	defer call.Done()
	request := proto.KeyRef{Bind: Bind{Region: region, ID: name}, Token: token}
	call.Frame = request.Append(call.Frame)
	answer, err := call.Do(ctx)
	if err != nil {
		return secret.Bytes{}, err
	}
	if len(answer) != proto.ServiceKeySize {
		return secret.Bytes{}, proto.ErrMalformed
	}
	return secret.Copy(answer), nil
}
