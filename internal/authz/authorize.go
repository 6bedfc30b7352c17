package authz

import (
	"context"

	"trent/internal/api"
	"trent/internal/identity"
	"trent/internal/key"
	"trent/internal/optable"
	"trent/internal/policy"
)

// Granted is a grant that allows a request.
type Granted struct {
	ID string
	// Via says how its grantee covers the caller: as himself (ViaSelf), by his
	// role (ViaBounded), or by his account (ViaAccount), whose policies must allow
	// it too. ViaNothing: no grant allows.
	Via policy.Via
}

// Grants finds grants. It is asked only if the policies do not allow a request
// and none of them denies it.
type Grants interface {
	// Find returns the grant on r.Key that allows r.Action to r.Caller on the
	// strongest ground, its constraints and the tokens of the request considered.
	Find(ctx context.Context, r *Request) (Granted, error)
}

// Authorizer makes Permits.
type Authorizer struct {
	Grants Grants // nil: there are none
}

// Decide answers a request by policies and grants. The decision is good until
// the request is asked again.
func (a *Authorizer) Decide(ctx context.Context, r *Request) (*Decision, error) {
	d := r.Decide()
	if d.Allowed || d.Explicit || a.Grants == nil || r.Key == nil || !optable.Of(r.Op).GrantOp {
		return d, nil
	}
	granted, err := a.Grants.Find(ctx, r)
	if err != nil {
		return nil, err
	}
	if granted.Via != policy.ViaNothing {
		r.combine(granted)
	}
	return d, nil
}

// Authorize permits a request, or returns AccessDeniedException. Its text tells
// what refuses it, for a key of another account nothing.
func (a *Authorizer) Authorize(ctx context.Context, r *Request) (Permit, error) {
	d, err := a.Decide(ctx, r)
	if err != nil {
		return Permit{}, err
	}
	if !d.Allowed {
		return Permit{}, d.Refusal(r)
	}
	p := Permit{op: r.Op, account: r.Caller.Account, region: r.Region, granted: true}
	if k := r.Key; k != nil {
		p.account, p.region, p.key = k.Account, k.Region, k
	}
	return p, nil
}

// Identity permits an action of another service (IAM, STS) that is on no
// resource with a policy of its own, or returns AccessDeniedException. resource is
// an ARN of the caller's account, or empty; a refusal names it as shown, unless
// that is empty. extra has the values of that service's condition keys, and may
// be nil.
func Identity(caller *identity.Caller, env *Environment, action, resource, shown string, extra policy.Context) error {
	r := &Request{Action: action, Resource: resource, Caller: caller, Extra: extra, Environment: *env}
	d := r.Decide()
	if d.Allowed {
		return nil
	}
	if shown != "" {
		r.Resource = shown
	}
	return d.Refusal(r)
}

// Unbarred is Identity for an action that needs no permission of the caller's
// own, nor can his own policies deny it. What binds everybody binds him: the
// organization's policies, and the endpoint's.
func Unbarred(caller *identity.Caller, env *Environment, action, resource string, extra policy.Context) error {
	r := &Request{Action: action, Resource: resource, Caller: caller, Extra: extra, Environment: *env}
	d := r.Decide()
	d.Allowed, d.Explicit = false, false // decided again, without what is his own
	for l := IdentityPolicy; l < NumLayers; l++ {
		d.Findings[l] = Finding{Allows: true}
	}
	if r.combine(Granted{}); d.Allowed {
		return nil
	}
	return d.Refusal(r)
}

// LocksOut reports whether the key, with the policy that it is to have, would not
// let the caller put another one. The policy must allow that to him or to his
// account, which is all that it can do.
func LocksOut(caller *identity.Caller, env *Environment, k *key.Key) bool {
	r := &Request{Op: api.OpPutKeyPolicy, Action: "kms:PutKeyPolicy", Caller: caller, In: &api.PutKeyPolicyRequest{}, Environment: *env}
	r.On(k)
	return !r.Decide().Findings[ResourcePolicy].Allows
}
