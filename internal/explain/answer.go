package explain

import (
	"fmt"
	"strings"

	"trent/internal/apierr"
	"trent/internal/authz"
	"trent/internal/identity"
	"trent/internal/policy"
)

// Answer is a decision, and why.
type Answer struct {
	Allowed   bool   `json:"allowed"`
	Explicit  bool   `json:"explicit"`  // a statement denies it
	Reason    string `json:"reason"`    // for people
	Message   string `json:"message"`   // of AccessDeniedException; empty if it is allowed
	Principal string `json:"principal"` // ARN of who would call: of a role, one of its sessions
	Action    string `json:"action"`
	Key       string `json:"key"`      // ARN; empty for an action without a key, of an Alias the alias
	KeyState  string `json:"keyState"` // which is checked after the permission
	// Policies are all that have a say, in the order of the layers.
	Policies []Policy `json:"policies"`
	// Grants are those whose grantee the principal is.
	Grants []Grant `json:"grants"`
	// Alias is what is decided on the alias that the action changes; nil if none was
	// said and one could be allowed. Unasked is what the action needs besides and was not asked for.
	Alias   *Answer `json:"alias,omitempty"`
	Unasked string  `json:"unasked"`
}

// Policy is a policy that has a say.
type Policy struct {
	Kind       string      `json:"kind"`  // key policy, identity-based policy, permissions boundary, session policy, VPC endpoint policy
	Name       string      `json:"name"`  // empty for a key policy
	ARN        string      `json:"arn"`   // of a managed policy
	Owner      string      `json:"owner"` // ARN of whom it is attached to
	Statements []Statement `json:"statements"`
}

// Statement is one of its statements.
type Statement struct {
	Number  int    `json:"number"` // from 1
	SID     string `json:"sid"`
	Effect  string `json:"effect"`
	Applies bool   `json:"applies"`
	Decides bool   `json:"decides"` // the decision is by this one
	// Misses is the first element that keeps it from applying: Action, Principal,
	// Resource, Condition, or NotAction and so on; empty if it applies.
	Misses string `json:"misses"`
	Why    string `json:"why"` // for people
}

// Grant is a grant that names the principal.
type Grant struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	Grantee    string   `json:"grantee"`
	Operations []string `json:"operations"`
	Constraint string   `json:"constraint"` // for people
	Applies    bool     `json:"applies"`
	Decides    bool     `json:"decides"`
	Why        string   `json:"why"`
}

// Of explains a decision on a request.
func Of(r *authz.Request, d *authz.Decision) Answer {
	a := Answer{
		Allowed: d.Allowed, Explicit: d.Explicit, Reason: reason(r, d), Principal: r.Caller.PrincipalARN, Action: r.Action,
		Policies: []Policy{}, Grants: []Grant{},
	}
	if a.Key = r.Resource; r.Key != nil {
		a.Key, a.KeyState = r.Key.ARN, string(r.Key.State)
	}
	if !d.Allowed {
		a.Message = d.Refusal(r).Error()
		if e, ok := d.Refusal(r).(*apierr.Error); ok {
			a.Message = e.Message
		}
	}
	deciding := decisive(d)
	for _, t := range r.Trace() {
		p := Policy{Kind: kind(t.Layer), Statements: []Statement{}}
		if t.Of != nil {
			p.Name, p.ARN, p.Owner = t.Of.Name, t.Of.ARN, t.Of.Owner
		}
		for i := range t.Statements {
			p.Statements = append(p.Statements, statement(r, i, &t.Statements[i], deciding[t.Layer] == t.Statements[i].Statement))
		}
		a.Policies = append(a.Policies, p)
	}
	return a
}

// kind is a layer as people know it.
func kind(l authz.Layer) string {
	if l == authz.ResourcePolicy {
		return "key policy"
	}
	return l.String()
}

// decisive are the statements that a decision is by, of each layer at most one.
func decisive(d *authz.Decision) (all [authz.NumLayers]*policy.Statement) {
	if d.Explicit {
		all[d.Layer] = d.Findings[d.Layer].Deny
		return all
	}
	if !d.Allowed {
		return all
	}
	for l := range all {
		all[l] = d.Findings[l].Allow
	}
	if d.Grant.ID != "" {
		all[authz.ResourcePolicy] = nil
	}
	via := max(d.Findings[authz.ResourcePolicy].Via, d.Grant.Via)
	if via > policy.ViaAccount && d.Findings[authz.ResourcePolicy].Asked {
		all[authz.IdentityPolicy] = nil
	}
	return all
}

// statement explains one statement.
func statement(r *authz.Request, i int, f *policy.Finding, decides bool) Statement {
	s := Statement{
		Number: i + 1, SID: f.Statement.SID, Effect: string(f.Statement.Effect), Applies: f.Missed == "", Decides: decides && f.Missed == "",
		Misses: string(f.Missed),
	}
	switch f.Missed {
	case policy.ElementPrincipal, policy.ElementNotPrincipal:
		s.Why = "it is not about this principal"
	case policy.ElementAction, policy.ElementNotAction:
		s.Why = "it is not about " + r.Action
	case policy.ElementResource, policy.ElementNotResource:
		s.Why = "it is not about this key"
		switch {
		case r.Resource == "":
			s.Why = "it is about resources, and " + r.Action + " has none"
		case r.Key == nil:
			s.Why = "it is not about this alias"
		}
	case policy.ElementCondition:
		s.Why = unmet(f)
	default:
		s.Why = applies(f)
	}
	if f.Lost != "" {
		s.Why += ", and the request has no " + f.Lost
	}
	return s
}

// applies says how a statement covers its principal.
func applies(t *policy.Finding) string {
	switch {
	case t.Statement.Effect == policy.Deny:
		return "it denies"
	case t.Statement.Principal == nil:
		return "it allows"
	}
	switch t.Via {
	case policy.ViaAccount:
		return "it allows what the account's own policies allow"
	case policy.ViaBounded:
		return "it allows to the role, or to everybody"
	}
	return "it allows to the principal himself"
}

// unmet says which condition does not hold, and what the request has.
func unmet(f *policy.Finding) string {
	have := "the request has no such key"
	if v := &f.Actual; v.Present && v.Multi {
		have = "the request has " + list(v.Set)
	} else if v.Present {
		have = "the request has " + v.One
	}
	return fmt.Sprintf("the condition %s does not hold: %s", Condition(f.Condition), have)
}

// Condition is a condition for people.
func Condition(c *policy.Condition) string {
	operator := c.Operator
	if c.Set != "" {
		operator = string(c.Set) + ":" + operator
	}
	if c.IfExists {
		operator += "IfExists"
	}
	return c.Key + " " + operator + " " + list(c.Values)
}

// list is values for people, not too many of them.
func list(values []string) string {
	const most = 8
	if len(values) > most {
		return strings.Join(values[:most], ", ") + ", …"
	}
	return strings.Join(values, ", ")
}

// called is a statement with its policy, for people.
func called(l authz.Layer, of *identity.Attached, s *policy.Statement) string {
	text := kind(l)
	if of != nil {
		text += " " + of.Name + " of " + short(of.Owner)
	}
	if s != nil && s.SID != "" {
		return fmt.Sprintf("%s, statement %q", text, s.SID)
	}
	return text + ", a statement without Sid"
}

// short is what an ARN says beside its account.
func short(name string) string {
	parts := strings.SplitN(name, ":", 6)
	return parts[len(parts)-1]
}

// reason is why, in a sentence.
func reason(r *authz.Request, d *authz.Decision) string {
	f := &d.Findings[d.Layer]
	switch {
	case d.Explicit && f.Deny != nil:
		return "The " + called(d.Layer, f.DeniedBy, f.Deny) + ", denies it. A Deny wins over everything."
	case d.Explicit:
		return "To evaluate the " + kind(d.Layer) + " takes too many steps, or it asks for the aliases of a key with too many."
	case !d.Allowed:
		return lack(r, d)
	case d.Grant.ID != "":
		return "The grant " + d.Grant.ID + " allows it."
	}
	key, own := &d.Findings[authz.ResourcePolicy], &d.Findings[authz.IdentityPolicy]
	identity := "his account's root user needs no policy of his own"
	if own.Allow != nil {
		identity = "the " + called(authz.IdentityPolicy, own.AllowedBy, own.Allow) + ", allows it"
	}
	switch {
	case !key.Asked:
		return strings.ToUpper(identity[:1]) + identity[1:] + "."
	case key.Via == policy.ViaAccount || r.Owner != r.Caller.Account:
		return "The " + called(authz.ResourcePolicy, nil, key.Allow) + ", leaves it to his account, and " + identity + "."
	}
	return "The " + called(authz.ResourcePolicy, nil, key.Allow) + ", allows it, and no other policy is needed."
}

// lack says whose Allow is missing.
func lack(r *authz.Request, d *authz.Decision) string {
	switch d.Layer {
	case authz.ResourcePolicy:
		if r.Owner != r.Caller.Account && d.Findings[authz.ResourcePolicy].Allow != nil {
			return r.Action + " does not work on another account's key."
		}
		return "Neither the key policy nor a grant allows it, to him or to his account."
	case authz.IdentityPolicy:
		if !d.Findings[authz.ResourcePolicy].Asked {
			return "No policy of his allows it."
		}
		return "The key policy leaves it to his account, and no policy of his allows it."
	}
	return "The " + kind(d.Layer) + " does not allow it."
}
