package authz

import (
	"trent/internal/api"
	"trent/internal/identity"
	"trent/internal/optable"
	"trent/internal/policy"
)

// Layer is a kind of policy that has a say. The order is the one in which a
// refusal names them.
type Layer uint8

// The layers.
const (
	ServiceControl  Layer = iota // of the organization, for the caller
	ResourceControl              // of the organization, for the key
	EndpointPolicy
	ResourcePolicy // the key policy, or a role's trust policy
	IdentityPolicy
	Boundary
	SessionPolicy
	NumLayers
)

// String is the layer's kind of policy as AWS names it.
func (l Layer) String() string {
	return [...]string{
		"service control policy", "resource control policy", "VPC endpoint policy", "resource-based policy",
		"identity-based policy", "permissions boundary", "session policy", "",
	}[l]
}

// A Finding is what the policies of one layer say.
type Finding struct {
	Asked bool // there are policies, or there must be
	// Allows, by the statement Allow of the policy AllowedBy. The root user needs
	// none. Via is how a resource-based policy covers the caller.
	Allows    bool
	Allow     *policy.Statement
	AllowedBy *identity.Attached // nil for policies that are attached to nobody
	Via       policy.Via
	// Deny is the statement that denies, of the policy DeniedBy.
	Deny     *policy.Statement
	DeniedBy *identity.Attached
	// Exhausted: the evaluation took too many steps, which counts as a Deny.
	Exhausted bool
}

// Decision is the answer to a Request, and why.
type Decision struct {
	Allowed bool
	// Layer is what decided: whose policy allows on the strongest ground, denies,
	// or lacks an Allow. Explicit: it has a statement that denies.
	Layer    Layer
	Explicit bool
	Grant    Granted // that allows; zero if the policies do, or nothing does
	Findings [NumLayers]Finding
}

// Decide asks all policies, and no grants. The decision is good until the
// request is asked again.
func (r *Request) Decide() *Decision {
	r.crowded = false
	r.ask = policy.Request{Action: r.Action, Resource: r.Resource, Principal: r.principal(), Context: r}
	r.decision = Decision{}
	d := &r.decision
	if o := r.Organization; o != nil {
		r.each(&d.Findings[ServiceControl], o.Service)
		if r.Op != api.OpRetireGrant {
			r.each(&d.Findings[ResourceControl], o.Resource)
		}
	}
	if e := r.Endpoint; e != nil && e.Policy != nil {
		d.Findings[EndpointPolicy].take(e.Policy.EvaluateResource(&r.ask), nil)
	}
	if f := &d.Findings[ResourcePolicy]; r.Owner != "" {
		f.Asked = true
		if r.Policy != nil && r.Op != api.OpRetireGrant { // which key policies have no say in
			f.take(r.Policy.EvaluateResource(&r.ask), nil)
		}
	}
	d.Findings[IdentityPolicy].Asked = true
	if p := r.Caller.Permissions; p != nil {
		r.any(&d.Findings[IdentityPolicy], p.Policies)
		if p.Root {
			d.Findings[IdentityPolicy].Allows = true
		}
		if p.Boundary != nil {
			d.Findings[Boundary].take(p.Boundary.Policy.Evaluate(&r.ask), p.Boundary)
		}
	}
	if s := r.Caller.Session; s != nil && s.Limited {
		d.Findings[SessionPolicy].Asked = true
		r.any(&d.Findings[SessionPolicy], s.Policies)
	}
	if r.crowded { // AWS denies what asks for the aliases of such a key
		d.Findings[IdentityPolicy].Exhausted = true
	}
	r.combine(Granted{})
	return d
}

// any asks policies of which one must allow.
func (r *Request) any(f *Finding, policies []identity.Attached) {
	for i := range policies {
		f.take(policies[i].Policy.Evaluate(&r.ask), &policies[i])
	}
}

// each asks policies all of which must allow.
func (r *Request) each(f *Finding, policies []identity.Attached) {
	lacking := false
	for i := range policies {
		f.Allows = false
		f.take(policies[i].Policy.Evaluate(&r.ask), &policies[i])
		lacking = lacking || !f.Allows
	}
	f.Allows = !lacking
}

// take adds what one policy says.
func (f *Finding) take(o policy.Outcome, of *identity.Attached) {
	f.Asked = true
	f.Exhausted = f.Exhausted || o.Exhausted
	if o.Deny != nil && f.Deny == nil {
		f.Deny, f.DeniedBy = o.Deny, of
	}
	if o.Allow != nil {
		f.Allows, f.Allow, f.AllowedBy, f.Via = true, o.Allow, of, o.Via
	}
}

// combine puts the findings and the grant together, as AWS does: what denies
// explicitly wins, what caps must allow, and then somebody must allow on ground
// that is strong enough.
func (r *Request) combine(grant Granted) {
	d := &r.decision
	for l := range NumLayers {
		if f := &d.Findings[l]; f.Deny != nil || f.Exhausted {
			d.Layer, d.Explicit = l, true
			return
		}
	}
	for _, l := range [...]Layer{ServiceControl, ResourceControl, EndpointPolicy} {
		if d.lacks(l) {
			d.Layer = l
			return
		}
	}
	own := r.Owner == "" || r.Owner == r.Caller.Account || r.Caller.Service != nil // which has no account whose policies could have a say
	if d.Layer = ResourcePolicy; !own && r.Op != 0 && !optable.Of(r.Op).CrossAccount {
		return
	}
	via := d.Findings[ResourcePolicy].Via
	switch {
	case r.Owner == "": // no resource whose policy could have a say
		via = policy.ViaAccount
	case !own: // another account's key needs the caller's account too
		via = min(via, policy.ViaAccount)
	}
	switch via = max(via, grant.Via); via {
	case policy.ViaNothing:
		return
	case policy.ViaAccount:
		if d.Layer = IdentityPolicy; d.lacks(IdentityPolicy) {
			return
		}
	}
	if via < policy.ViaSelf {
		for _, l := range [...]Layer{Boundary, SessionPolicy} {
			if d.lacks(l) {
				d.Layer = l
				return
			}
		}
	}
	d.Allowed, d.Grant = true, grant
}

// lacks reports whether a layer must allow and does not.
func (d *Decision) lacks(l Layer) bool { return d.Findings[l].Asked && !d.Findings[l].Allows }
