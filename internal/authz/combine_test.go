package authz_test

import (
	"context"
	"fmt"
	"testing"

	"trent/internal/api"
	"trent/internal/authz"
	"trent/internal/identity"
	"trent/internal/key"
	"trent/internal/policy"
)

// say is what one kind of policy says: nothing, as there is none; an Allow; an
// Allow of something else; an Allow and a Deny.
type say int

const (
	absent say = iota
	allows
	silent
	denies
)

func (s say) String() string { return [...]string{"absent", "allows", "silent", "denies"}[s] }

// says are the documents of what identity-based policies can say.
var says = map[say]string{allows: policies(allow), silent: policies(other), denies: policies(allow, deny)}

// combination is one of all ways in which the policies and a grant can answer.
type combination struct {
	who                                   string // whose key: own, foreign
	caller                                *identity.Caller
	named                                 policy.Via // how the key policy names him
	key                                   say
	own, boundary, session, endpoint      say
	grant                                 policy.Via
	keyPolicy, endpointPolicy             *policy.Policy
	ownPolicy, boundaryPolicy, sessionOne []identity.Attached
}

// expected is what the AWS guides say of it, and by which kind of policy: an
// explicit Deny wins; the endpoint must allow; then the ground on which he stands
// asks for its own.
func (c *combination) expected() (allowed bool, by authz.Layer) {
	for _, layer := range [...]struct {
		says say
		by   authz.Layer
	}{{c.endpoint, authz.EndpointPolicy}, {c.key, authz.ResourcePolicy}, {c.own, authz.IdentityPolicy}, {c.boundary, authz.Boundary}, {c.session, authz.SessionPolicy}} {
		if layer.says == denies {
			return false, layer.by
		}
	}
	key := policy.ViaNothing
	if c.key == allows {
		key = c.named
	}
	if c.who == "foreign" && key != policy.ViaNothing { // both accounts must allow
		key = policy.ViaAccount
	}
	if c.endpoint == silent {
		return false, authz.EndpointPolicy
	}
	if allowed, by = c.on(key); !allowed { // a grant is needed only then
		allowed, by = c.on(max(key, c.grant))
	}
	return allowed, by
}

// on is what comes of standing on a ground.
func (c *combination) on(ground policy.Via) (allowed bool, by authz.Layer) {
	switch {
	case ground == policy.ViaNothing:
		return false, authz.ResourcePolicy
	case ground == policy.ViaSelf: // a resource-based policy or a grant names him
		return true, authz.ResourcePolicy
	case ground == policy.ViaAccount && c.own != allows && !c.caller.Permissions.Root:
		return false, authz.IdentityPolicy // it is left to his account, which does not
	case c.boundary == silent:
		return false, authz.Boundary
	case c.session == silent:
		return false, authz.SessionPolicy
	case ground == policy.ViaAccount:
		return true, authz.IdentityPolicy
	}
	return true, authz.ResourcePolicy // it names his role, or everybody
}

// TestCombinations: every combination of a key policy, a caller's own policies, a
// permissions boundary, session policies, an endpoint's policy and a grant is
// decided as a slower reading of AWS's guides decides it.
func TestCombinations(t *testing.T) {
	t.Parallel()
	names := map[string]map[policy.Via]string{ // of the callers, in key policies
		"user":    {policy.ViaAccount: "%s", policy.ViaSelf: "arn:aws:iam::%s:user/u", policy.ViaBounded: "*"},
		"session": {policy.ViaAccount: "%s", policy.ViaSelf: "arn:aws:sts::%s:assumed-role/r/s", policy.ViaBounded: "arn:aws:iam::%s:role/r"},
		"root":    {policy.ViaSelf: "%s", policy.ViaBounded: "*"},
	}
	callers := map[string]identity.Caller{"user": user, "session": session, "root": root}
	n := 0
	for kind, all := range names {
		for who, account := range map[string]string{"own": "111122223333", "foreign": "444455556666"} {
			caller := callers[kind]
			if who == "foreign" {
				caller = *foreign(caller)
			}
			for _, named := range [...]policy.Via{policy.ViaNothing, policy.ViaAccount, policy.ViaBounded, policy.ViaSelf} {
				name, fits := all[named]
				if named != policy.ViaNothing && !fits {
					continue
				}
				if name != "*" && fits {
					name = fmt.Sprintf(name, account)
				}
				n += allOf(t, &combination{who: who, caller: &caller, named: named}, name)
			}
		}
	}
	if n < 10_000 {
		t.Errorf("%d combinations", n)
	}
}

// allOf goes through the combinations of a caller who is named so, and returns
// how many there are.
func allOf(t *testing.T, c *combination, name string) (n int) {
	t.Helper()
	keySays := map[say]*policy.Policy{silent: compile(t, policies(for_("999999999999", allow)))}
	if name != "" {
		keySays[allows] = compile(t, policies(for_(name, allow)))
		keySays[denies] = compile(t, policies(for_("*", allow), for_(name, deny)))
	}
	endpointSays := map[say]*policy.Policy{allows: compile(t, policies(for_("*", allow))), silent: compile(t, policies(for_("999999999999", allow))), denies: compile(t, policies(for_("*", allow), for_("*", deny)))}
	attachedSays := map[say][]identity.Attached{}
	for s, document := range says {
		attachedSays[s] = attached(t, "it", document)
	}
	sessions, boundaries := []say{absent}, []say{absent, allows, silent, denies}
	if c.caller.Session != nil {
		sessions = boundaries
	}
	if c.caller.Permissions.Root {
		boundaries = []say{absent}
	}
	for c.key, c.keyPolicy = range keySays {
		for _, c.boundary = range boundaries {
			for _, c.session = range sessions {
				for c.own = absent; c.own <= denies; c.own++ {
					for c.endpoint = absent; c.endpoint <= denies; c.endpoint++ {
						for c.grant = policy.ViaNothing; c.grant <= policy.ViaSelf; c.grant++ {
							c.ownPolicy, c.boundaryPolicy, c.sessionOne, c.endpointPolicy = attachedSays[c.own], attachedSays[c.boundary], attachedSays[c.session], endpointSays[c.endpoint]
							c.check(t)
							n++
						}
					}
				}
			}
		}
	}
	return n
}

// check asks authz.
func (c *combination) check(t *testing.T) {
	t.Helper()
	caller, permissions := *c.caller, *c.caller.Permissions
	permissions.Policies = c.ownPolicy
	if c.boundary != absent {
		permissions.Boundary = &c.boundaryPolicy[0]
	}
	caller.Permissions = &permissions
	if c.session != absent {
		s := *caller.Session
		s.Limited, s.Policies = true, c.sessionOne
		caller.Session = &s
	}
	k := *someKey
	k.Rules = c.keyPolicy
	w := world{caller: &caller}
	r := w.request(t)
	r.Caller = &caller
	r.On(&k)
	if c.endpoint != absent {
		r.Endpoint = &authz.Endpoint{Policy: c.endpointPolicy, ID: "vpce-1"}
	}
	asked := 0
	d, err := (&authz.Authorizer{Grants: found{c.grant, &asked}}).Decide(context.Background(), r)
	if err != nil {
		t.Fatal(err)
	}
	for l, f := range d.Findings {
		if f.DeniedBy != nil && f.Deny == nil || f.AllowedBy != nil && f.Allow == nil || f.Asked != asks(c, authz.Layer(l)) {
			t.Fatalf("%s: %+v", authz.Layer(l), f)
		}
	}
	if allowed, by := c.expected(); d.Allowed != allowed || d.Layer != by {
		t.Errorf("%s of the %s account: the key policy %s via %d, his own %s, his boundary %s, his session's %s, the endpoint's %s, a grant via %d: allowed %t, by the %s; want %t, by the %s",
			caller.PrincipalARN, c.who, c.key, c.named, c.own, c.boundary, c.session, c.endpoint, c.grant, d.Allowed, d.Layer, allowed, by)
	}
}

// asks reports whether a layer has a say in a combination.
func asks(c *combination, l authz.Layer) bool {
	switch l {
	case authz.EndpointPolicy:
		return c.endpoint != absent
	case authz.Boundary:
		return c.boundary != absent
	case authz.SessionPolicy:
		return c.session != absent
	}
	return l == authz.ResourcePolicy || l == authz.IdentityPolicy
}

// TestAskedAgain: nothing of one answer is in the next. Without a key there is no
// resource's policy, and what asked for too many aliases is denied that once.
func TestAskedAgain(t *testing.T) {
	t.Parallel()
	crowded := *someKey
	for i := range key.MaxAliases + 1 {
		crowded.Aliases = append(crowded.Aliases, fmt.Sprintf("alias/%d", i))
	}
	own := policies(`{"Effect":"Allow","Action":"kms:*","Resource":"*","Condition":{"ForAnyValue:StringEquals":{"kms:ResourceAliases":"alias/a"}}}`)
	w := world{caller: &user, key: policies(for_("111122223333", allow)), own: own}
	r := w.request(t)
	few := r.Key
	many := *few
	many.Aliases = crowded.Aliases
	for i, test := range []struct {
		key     *key.Key
		allowed bool
	}{{few, true}, {&many, false}, {few, true}} {
		r.On(test.key)
		if d := r.Decide(); d.Allowed != test.allowed || d.Explicit == test.allowed || !d.Findings[authz.ResourcePolicy].Asked {
			t.Errorf("%d: %+v", i, d)
		}
	}
	w = world{caller: &user, op: api.OpListKeys, own: policies(allow)}
	if d := w.request(t).Decide(); !d.Allowed || d.Findings[authz.ResourcePolicy].Asked {
		t.Errorf("without a key: %+v", d)
	}
}

// TestRolesOfOtherAccounts: an action of another service on what another account
// has needs both accounts too; it is not in the table of AWS KMS's operations.
func TestRolesOfOtherAccounts(t *testing.T) {
	t.Parallel()
	const role = "arn:aws:iam::444455556666:role/app"
	assume := `{"Effect":"Allow","Action":"sts:AssumeRole","Resource":"*"}`
	trust := compile(t, policies(`{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"}`))
	for own, allowed := range map[string]bool{policies(assume): true, policies(allow): false} {
		w := world{caller: &user, op: api.OpListKeys, own: own}
		r := w.request(t)
		r.Op, r.Action, r.Resource, r.Owner, r.Policy = 0, "sts:AssumeRole", role, "444455556666", trust
		if d := r.Decide(); d.Allowed != allowed {
			t.Errorf("%s: %+v", own, d)
		}
		r.Policy = nil
		if d := r.Decide(); d.Allowed || !d.Findings[authz.ResourcePolicy].Asked {
			t.Errorf("without a trust policy: %+v", d)
		}
	}
}
