package authz

import (
	"time"

	"trent/internal/api"
	"trent/internal/grant"
	"trent/internal/identity"
	"trent/internal/key"
	"trent/internal/policy"
)

// Request is the question whether a caller may do something. One is asked by
// one goroutine, and can be asked again after a change; it is large, and kept
// where it is used.
type Request struct {
	Op     api.Op // 0 for an action of another service
	Action string // as kms:Encrypt
	// Resource is the ARN that the caller's own policies are about; empty for an
	// action without a resource, which only the pattern * covers.
	Resource string
	Caller   *identity.Caller
	// Key is the key that the action is on; nil if it is on none.
	Key *key.Key
	// Policy is the resource's: of a key the key policy, and set by On. Owner is
	// the account that the resource belongs to.
	Policy *policy.Policy
	Owner  string

	In    api.Request // nil for an action of another service
	Side  int         // of ReEncrypt: 0 asks for the source, 1 for the destination
	Other *key.Key    // of ReEncrypt: the other side's key, if there is one
	// Identifier is what the request names the key by; empty if it does not.
	Identifier string
	// UnusedDays are the whole days since the key was last used, of operations that
	// can be bound to it, if Tracked.
	UnusedDays int
	Tracked    bool
	// Constraint is that of the grant that RetireGrant is about.
	Constraint Constraint
	// Extra has values of condition keys that this package does not know: those
	// of other services, and what a hypothetical request is told to have. It is
	// asked first; nil has none.
	Extra        policy.Context
	Organization *Organization // nil: the accounts are in none
	Environment

	ask      policy.Request
	decision Decision
	text     struct{ now, epoch, issued string } // formatted when first asked for
	set      []string                            // of the last multivalued key
	crowded  bool                                // kms:ResourceAliases was asked of a key with too many
}

// Environment is what is known of a request besides its caller and content.
type Environment struct {
	Time      time.Time
	SourceIP  string
	UserAgent string
	TLS       bool
	Region    string
	Partition string
	Endpoint  *Endpoint // that the request came in by; nil for a listener without one
}

// Endpoint is a listener that stands for a VPC endpoint.
type Endpoint struct {
	Policy *policy.Policy // nil allows everything
	ID     string         // vpce-…; empty if the listener only has a policy
	VPC    string         // vpc-…
}

// Constraint is a grant's constraint on the encryption context.
type Constraint struct {
	Type    string // EncryptionContextEquals, EncryptionContextSubset; empty if there is none
	Context api.EncryptionContext
}

// Organization has the policies of the organization that accounts are members
// of. Each must allow and none deny. Nobody fills it in yet.
type Organization struct {
	Service  []identity.Attached // service control policies of the caller's account
	Resource []identity.Attached // resource control policies of the key's account
}

// Reset makes the request another one, in the same memory.
func (r *Request) Reset() { *r = Request{set: r.set} }

// On makes k the key that the request is about.
func (r *Request) On(k *key.Key) {
	r.Key, r.Resource, r.Policy, r.Owner = k, k.ARN, k.Rules, k.Account
}

// principal is the caller as resource-based policies name him.
func (r *Request) principal() policy.Principal {
	if s := r.Caller.Service; s != nil {
		return policy.Principal{Service: s.Principal}
	}
	p := policy.Principal{Account: r.Caller.Account, ARN: r.Caller.PrincipalARN}
	if permissions := r.Caller.Permissions; permissions != nil {
		p.ID, p.Bounded = permissions.ID, permissions.Boundary != nil
	}
	if r.Caller.Session != nil {
		p.RoleARN = r.Caller.Session.RoleARN
	}
	return p
}

// GrantTokens are the tokens that the request brings.
func (r *Request) GrantTokens() []string {
	if in, ok := r.In.(api.GrantTokenRequest); ok {
		return in.GrantTokenList()
	}
	return nil
}

// EncryptionContext is the encryption context of the action, or of the
// constraint of the grant that it is about.
func (r *Request) EncryptionContext() api.EncryptionContext {
	switch in := r.In.(type) {
	case *api.EncryptRequest:
		return in.EncryptionContext
	case *api.DecryptRequest:
		return in.EncryptionContext
	case *api.ReEncryptRequest:
		if r.Side == 0 {
			return in.SourceEncryptionContext
		}
		return in.DestinationEncryptionContext
	case *api.GenerateDataKeyRequest:
		return in.EncryptionContext
	case *api.GenerateDataKeyWithoutPlaintextRequest:
		return in.EncryptionContext
	case *api.GenerateDataKeyPairRequest:
		return in.EncryptionContext
	case *api.GenerateDataKeyPairWithoutPlaintextRequest:
		return in.EncryptionContext
	}
	return r.constraint().Context
}

// constraint is that of the grant that the request makes or retires.
func (r *Request) constraint() Constraint {
	in, ok := r.In.(*api.CreateGrantRequest)
	if !ok {
		return r.Constraint
	}
	kind, pairs := grant.Constraint(in.Constraints)
	return Constraint{kind, pairs}
}
