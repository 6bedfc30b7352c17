package lint

import (
	"regexp"
	"slices"
	"strings"

	"trent/internal/api"
	"trent/internal/arn"
	"trent/internal/authz"
	"trent/internal/condkey"
	"trent/internal/identity"
	"trent/internal/key"
	"trent/internal/policy"
)

const putPolicy = "kms:PutKeyPolicy"

// lockout finds key policies that nobody could change any more, or that only
// principals could who may go. It asks internal/authz for everybody who could
// tell, as the service does when a policy is stored.
func (l *linter) lockout() {
	var able, conditional []string // who may, without a condition and with one
	account := false               // whose going does not matter
	always, sometimes := l.supposed(false), l.supposed(true)
	for _, of := range l.accounts() {
		for _, c := range l.callers(of) {
			shown := l.shown(&c)
			if f := l.puts(&c, sometimes); f.Allows && !slices.Contains(conditional, shown) {
				conditional = append(conditional, shown)
			}
			if f := l.puts(&c, always); f.Allows {
				able = append(able, shown)
				account = account || f.Via == policy.ViaAccount || isAccount(shown)
			}
		}
	}
	const mend = `let the account itself: "Principal": {"AWS": "arn:aws:iam::<account>:root"}, "Action": "kms:*"; IAM policies then say who`
	switch {
	case len(conditional) == 0:
		l.add(Error, "lockout", "nobody can change this policy any more", "No statement allows kms:PutKeyPolicy to anybody of the account who is not denied it: the key could never be managed again", mend)
	case len(able) == 0:
		l.add(Warning, "lockout", "the policy can be changed only while a condition holds: by "+join(conditional), "Should it never hold again, the key cannot be managed", mend)
	case !account:
		l.add(Warning, "lockout", "the policy can be changed by nobody but "+join(able), "When they are deleted, nobody can: who is made again under the same name is another principal. IAM policies do not count without the account", mend)
	}
}

// shown is a caller for people: whoever was not named stands for his account,
// and a role for its sessions.
func (l *linter) shown(c *identity.Caller) string {
	name := c.PrincipalARN
	if c.Session != nil && c.Session.Name == example {
		name = c.Session.RoleARN
	}
	if strings.HasSuffix(name, "/"+example) {
		return arn.Principal{Kind: arn.AccountPrincipal, Partition: l.Partition, Account: c.Account}.String()
	}
	return name
}

// puts asks whether the key policy of a caller's account lets him put another.
func (l *linter) puts(c *identity.Caller, p *policy.Policy) authz.Finding {
	r := authz.Request{Op: api.OpPutKeyPolicy, Action: putPolicy, Caller: c, In: &api.PutKeyPolicyRequest{}, Environment: authz.Environment{Time: l.Now, TLS: true, Partition: l.Partition}}
	r.On(&key.Key{Partition: l.Partition, Account: c.Account, ARN: arn.Key(l.Partition, "eu-west-1", c.Account, example), Rules: p})
	d := r.Decide()
	if f := d.Findings[authz.ResourcePolicy]; f.Deny == nil {
		return f
	}
	return authz.Finding{}
}

// supposed is the policy as it is while conditions that only a request can tell
// deny nothing. Those of statements that allow hold, or do not.
func (l *linter) supposed(hold bool) *policy.Policy {
	d := *l.doc
	d.Statements = nil
	for _, s := range l.doc.Statements {
		var known []policy.Condition
		for _, c := range s.Condition {
			if l.told(&c) {
				known = append(known, c)
			}
		}
		if len(known) < len(s.Condition) && (s.Effect == policy.Deny || !hold) {
			continue
		}
		s.Condition, s.Resource, s.NotResource = known, []string{"*"}, nil
		d.Statements = append(d.Statements, s)
	}
	return policy.Compile(&d, nil)
}

// told reports whether the caller alone tells if a condition holds for
// kms:PutKeyPolicy.
func (l *linter) told(c *policy.Condition) bool {
	if !l.asked(c, putPolicy) {
		return true // no request has the key
	}
	k, _ := condkey.Find(strings.ToLower(c.Key))
	loose := func(v string) bool { return strings.ContainsAny(v, "*?") && strings.Trim(v, "*") != "" }
	switch k.ID {
	case condkey.PrincipalType, condkey.PrincipalIsAWSService, condkey.ViaAWSService, condkey.MultiFactorAuthPresent:
	case condkey.CallerAccount, condkey.PrincipalAccount, condkey.ResourceAccount:
		if l.Account == "" && slices.ContainsFunc(c.Values, loose) {
			return false
		}
	case condkey.PrincipalARN:
		if c.Operator != "Null" && slices.ContainsFunc(c.Values, func(v string) bool { return !l.represented(v) }) {
			return false
		}
	default:
		return false
	}
	return !slices.ContainsFunc(c.Values, func(v string) bool { return strings.Contains(v, "${") })
}

// represented reports whether some of the callers match a value of
// aws:PrincipalArn, if anybody does.
func (l *linter) represented(v string) bool {
	if !strings.ContainsAny(v, "*?") {
		return true
	}
	account := accountOf(v)
	if !arn.ValidAccount(account) {
		account = l.accounts()[0]
	}
	for _, c := range l.examples(account) {
		if c.Session == nil && policy.Matches(v, c.PrincipalARN) || c.Session != nil && policy.Matches(v, c.Session.RoleARN) {
			return true
		}
	}
	named := arn.ParsePrincipal(l.instance(v, account))
	// Of several patterns one caller each does not show who matches all of them.
	return named.Kind == arn.RoleSession || named.Kind != arn.NoPrincipal && l.single(v)
}

// single reports whether an ARN with wildcards is the only one in the document,
// but for those of sessions, which aws:PrincipalArn never has.
func (l *linter) single(pattern string) bool {
	return !slices.ContainsFunc(l.texts(), func(v string) bool {
		return v != pattern && strings.HasPrefix(v, "arn:") && strings.ContainsAny(v, "*?") && isNoSession(v)
	})
}

// texts are the principals and the condition values of the document.
func (l *linter) texts() (all []string) {
	for i := range l.doc.Statements {
		s := &l.doc.Statements[i]
		for _, p := range [...]*policy.Principals{s.Principal, s.NotPrincipal} {
			if p != nil {
				all = append(all, p.AWS...)
			}
		}
		for j := range s.Condition {
			all = append(all, s.Condition[j].Values...)
		}
	}
	return all
}

// accounts are those that the key may be of: all that the document mentions,
// unless it is known.
func (l *linter) accounts() []string {
	if l.Account != "" {
		return []string{l.Account}
	}
	all := map[string]bool{}
	twelve := regexp.MustCompile(`\b[0-9]{12}\b`)
	for _, text := range l.texts() {
		for _, id := range twelve.FindAllString(text, -1) {
			all[id] = true
		}
	}
	if len(all) == 0 {
		return []string{"123456789012"}
	}
	return sorted(all)
}

// example is the name of those who stand for all whom the document does not
// name.
const example = "example-of-others"

// callers are those of an account who differ for the document: its root user,
// a user and a role that it does not name, and all that it names.
func (l *linter) callers(account string) []identity.Caller {
	all := l.examples(account)
	for _, text := range l.texts() {
		c, ok := l.caller(l.instance(text, account))
		if ok && c.Account == account && !slices.ContainsFunc(all, func(o identity.Caller) bool { return o.PrincipalARN == c.PrincipalARN }) {
			all = append(all, c)
		}
	}
	return all
}

// examples are those of the callers whom the document does not name.
func (l *linter) examples(account string) (all []identity.Caller) {
	for _, p := range [...]arn.Principal{{Kind: arn.AccountPrincipal}, {Kind: arn.User, Path: "/", Name: example}, {Kind: arn.Role, Path: "/", Name: example}} {
		p.Partition, p.Account = l.Partition, account
		if c, ok := l.caller(p.String()); ok {
			all = append(all, c)
		}
	}
	return all
}

// instance is an ARN that a pattern matches, of an account if it can be.
func (l *linter) instance(pattern, account string) string {
	parts := strings.SplitN(pattern, ":", 6)
	if len(parts) != 6 || arn.ValidAccount(pattern) {
		return pattern
	}
	if policy.Matches(parts[1], l.Partition) {
		parts[1] = l.Partition
	}
	if policy.Matches(parts[4], account) {
		parts[4] = account
	}
	parts[5] = strings.NewReplacer("*", "x", "?", "x").Replace(parts[5])
	return strings.Join(parts, ":")
}

// caller is who calls under an ARN: of a role, one of its sessions.
func (l *linter) caller(name string) (c identity.Caller, ok bool) {
	p := arn.ParsePrincipal(name)
	c = identity.Caller{Account: p.Account, PrincipalARN: name, Permissions: &identity.Permissions{}}
	role := p
	if p.Partition != l.Partition && p.Partition != "" {
		return c, false
	}
	switch p.Kind {
	case arn.AccountPrincipal:
		p.Partition = l.Partition
		c.Type, c.PrincipalARN, c.Permissions.Root = identity.TypeRoot, p.String(), true
	case arn.User:
		c.Type = identity.TypeUser
	case arn.Role:
		p.Kind, p.Session = arn.RoleSession, example
		c.Type, c.PrincipalARN, c.Session = identity.TypeSession, p.String(), &identity.Session{Name: example, RoleARN: name}
	case arn.RoleSession:
		role.Kind, role.Path, role.Session = arn.Role, "/", ""
		c.Type, c.Session = identity.TypeSession, &identity.Session{Name: p.Session, RoleARN: role.String()}
	default:
		return c, false
	}
	return c, true
}
