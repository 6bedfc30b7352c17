package authz

import (
	"trent/internal/identity"
	"trent/internal/policy"
)

// Traced is what the statements of one policy have to do with a request.
type Traced struct {
	Layer      Layer
	Of         *identity.Attached // nil for policies that are attached to nobody
	Statements []policy.Finding
}

// Trace asks every policy that has a say for each of its statements, in the
// order of the layers. It is for people: Decide decides.
func (r *Request) Trace() (all []Traced) {
	add := func(l Layer, of *identity.Attached, p *policy.Policy, resourceBased bool) {
		r.ask = policy.Request{Action: r.Action, Resource: r.Resource, Principal: r.principal(), Context: r}
		all = append(all, Traced{l, of, p.Trace(&r.ask, resourceBased)})
	}
	attached := func(l Layer, policies []identity.Attached) {
		for i := range policies {
			add(l, &policies[i], policies[i].Policy, false)
		}
	}
	if o := r.Organization; o != nil {
		attached(ServiceControl, o.Service)
		attached(ResourceControl, o.Resource)
	}
	if e := r.Endpoint; e != nil && e.Policy != nil {
		add(EndpointPolicy, nil, e.Policy, true)
	}
	if r.Policy != nil {
		add(ResourcePolicy, nil, r.Policy, true)
	}
	if p := r.Caller.Permissions; p != nil {
		attached(IdentityPolicy, p.Policies)
		if p.Boundary != nil {
			attached(Boundary, []identity.Attached{*p.Boundary})
		}
	}
	if s := r.Caller.Session; s != nil && s.Limited {
		attached(SessionPolicy, s.Policies)
	}
	return all
}
