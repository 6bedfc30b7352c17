package explain

import (
	"fmt"
	"slices"
	"strings"

	"trent/internal/api"
	"trent/internal/arn"
	"trent/internal/authz"
	"trent/internal/condkey"
	"trent/internal/identity"
	"trent/internal/key"
	"trent/internal/optable"
	"trent/internal/policy"
)

// Holder is somebody who can use or administer a key.
type Holder struct {
	Principal string   `json:"principal"` // ARN, account id, service, or "*"
	Type      string   `json:"type"`      // Root, User, Role, Session, Account, Service, Everybody, Grantee
	Access    []Access `json:"access"`
}

// Access is what somebody may do in one way.
type Access struct {
	Actions []string `json:"actions"` // in the order of their names
	All     bool     `json:"all"`     // they are all that a key of this usage has
	Use     bool     `json:"use"`     // among them are cryptographic operations
	Manage  bool     `json:"manage"`  // among them are changes of the key, its policy or its grants
	Through []string `json:"through"` // the statements or the grant that allow it
	If      []string `json:"if"`      // conditions that a request must meet; empty: none
	Grants  int      `json:"grants"`  // how many grants give it; Through names some of them
}

// Page is one page of holders.
type Page struct {
	Key     string   `json:"key"` // ARN
	Looked  int      `json:"looked"`
	Holders []Holder `json:"holders"`
	Next    string   `json:"next,omitempty"` // After of the next page
	// Unlisted is how many grants were left out: of a thousand ways to have access
	// by grants no more are listed.
	Unlisted int `json:"unlisted"`

	ways int
}

// Types of holders.
const (
	TypeRoot      = "Root"
	TypeUser      = "User"
	TypeRole      = "Role"
	TypeSession   = "Session"
	TypeAccount   = "Account"
	TypeService   = "Service"
	TypeEverybody = "Everybody"
	TypeGrantee   = "Grantee"
)

// A Survey asks for one principal after another what he may do with a key. The
// conditions that only a request can answer are asked twice: as if they turned
// out in his favour, and as if they did not.
type Survey struct {
	key         *key.Key
	environment authz.Environment
	actions     []question
	supposed    map[supposition]*policy.Policy
}

// question is one action on the key.
type question struct {
	op   api.Op
	name string
}

// supposition is what a supposed policy was made of.
type supposition struct {
	of     *policy.Policy
	op     api.Op
	person bool // its tags are known, as a role's session's are not
	favour bool
}

// NewSurvey makes a survey of a key. action narrows it to one action, unless it
// is empty.
func NewSurvey(k *key.Key, e authz.Environment, action string) (*Survey, error) {
	s := &Survey{key: k, environment: e, supposed: map[supposition]*policy.Policy{}}
	if action != "" {
		op, _, name, err := operation(action)
		if err != nil {
			return nil, err
		}
		s.actions = []question{{op, name}}
		return s, nil
	}
	for _, op := range api.Ops() {
		row := optable.Of(op)
		switch row.Target {
		case optable.None, optable.KeyStore, optable.FilterKey, optable.Token:
			continue
		}
		if row.Usage != "" && row.Usage != k.Usage {
			continue
		}
		for _, name := range row.Actions {
			if name != "" {
				s.actions = append(s.actions, question{op, name})
			}
		}
	}
	slices.SortFunc(s.actions, func(a, b question) int { return strings.Compare(a.name, b.name) })
	return s, nil
}

// Of returns what a principal may do; of a role, what its sessions may. No
// access: nothing.
func (s *Survey) Of(c *identity.Caller) Holder {
	h := Holder{Principal: c.PrincipalARN, Access: []Access{}}
	switch c.Type {
	case identity.TypeRoot:
		h.Type = TypeRoot
	case identity.TypeRole:
		h.Type, c = TypeRole, session(c)
	default:
		h.Type = TypeUser
	}
	for _, q := range s.actions {
		if through, conditions, ok := s.ask(c, q); ok {
			h.add(q, through, conditions)
		}
	}
	s.complete(&h)
	return h
}

// add adds an action to the access of the same way.
func (h *Holder) add(q question, through, conditions []string) {
	i := slices.IndexFunc(h.Access, func(a Access) bool { return slices.Equal(a.Through, through) && slices.Equal(a.If, conditions) })
	if i < 0 {
		i = len(h.Access)
		h.Access = append(h.Access, Access{Through: through, If: conditions})
	}
	a := &h.Access[i]
	a.Actions = append(a.Actions, q.name)
	row := optable.Of(q.op)
	a.Use = a.Use || row.Usage != ""
	a.Manage = a.Manage || row.Mutates
}

// ask asks for one action: through what it is allowed, and under which
// conditions.
func (s *Survey) ask(c *identity.Caller, q question) (through, conditions []string, ok bool) {
	best := s.request(c, q, true)
	d := best.Decide()
	if !d.Allowed {
		return nil, nil, false
	}
	through, conditions = s.ways(d, c, q), []string{}
	worst := s.request(c, q, false)
	if against := worst.Decide(); !against.Allowed {
		conditions = s.unless(d, against, c, q)
	}
	return s.withAlias(c, q, through, conditions)
}

// complete marks access to everything.
func (s *Survey) complete(h *Holder) {
	for i := range h.Access {
		h.Access[i].All = len(h.Access[i].Actions) == len(s.actions) && len(s.actions) > 1
	}
}

// request is the question with supposed policies.
func (s *Survey) request(c *identity.Caller, q question, favour bool) *authz.Request {
	person := c.Type != identity.TypeSession
	suppose := func(p *policy.Policy) *policy.Policy {
		if p == nil {
			return nil
		}
		what := supposition{p, q.op, person, favour}
		made, ok := s.supposed[what]
		if !ok {
			if made = p.Suppose(func(c *policy.Condition) bool { return known(c, q.op, person) }, favour); made == p {
				return p // it has no conditions
			}
			if len(s.supposed) == maxSupposed {
				clear(s.supposed)
			}
			s.supposed[what] = made
		}
		return made
	}
	attached := func(list []identity.Attached) []identity.Attached {
		list = slices.Clone(list)
		for i := range list {
			list[i].Policy = suppose(list[i].Policy)
		}
		return list
	}
	who := *c
	if c.Permissions != nil {
		p := *c.Permissions
		p.Policies = attached(p.Policies)
		if p.Boundary != nil {
			p.Boundary = &attached([]identity.Attached{*p.Boundary})[0]
		}
		who.Permissions = &p
	}
	r := &authz.Request{Op: q.op, Action: q.name, Caller: &who, Environment: s.environment}
	r.On(s.key)
	r.Policy = suppose(s.key.Rules)
	return r
}

// maxSupposed bounds the supposed policies that are kept: those of the key and
// of managed policies are asked for again and again.
const maxSupposed = 10_000

// known reports whether a condition can be answered by the principal and the
// key alone.
func known(c *policy.Condition, op api.Op, person bool) bool {
	k, _ := condkey.Find(strings.ToLower(c.Key))
	if k == nil || k.Never || !k.Ops.Has(op) {
		return true // no request has it
	}
	switch k.ID {
	case condkey.CallerAccount, condkey.KeySpec, condkey.KeyUsage, condkey.KeyOrigin, condkey.MultiRegion, condkey.MultiRegionKeyType,
		condkey.CustomerMasterKeySpec, condkey.CustomerMasterKeyUsage, condkey.ResourceAliases, condkey.ResourceTag, condkey.ResourceAccount,
		condkey.PrincipalARN, condkey.PrincipalAccount, condkey.PrincipalType, condkey.PrincipalIsAWSService, condkey.UserName,
		condkey.RequestedRegion, condkey.GrantIsForAWSResource:
		return !variable(c)
	case condkey.PrincipalTag, condkey.UserID:
		return person && !variable(c)
	}
	return false
}

// variable reports whether a value depends on the request.
func variable(c *policy.Condition) bool {
	return slices.ContainsFunc(c.Values, func(v string) bool { return strings.Contains(v, "${") })
}

// fixed reports whether the variables in a resource are known by the principal
// and the key alone.
func fixed(resource string, op api.Op, person bool) bool {
	for _, part := range strings.Split(resource, "${")[1:] {
		name, _, _ := strings.Cut(part, "}")
		name, _, _ = strings.Cut(name, ",")
		if !known(&policy.Condition{Key: name}, op, person) {
			return false
		}
	}
	return true
}

// ways names the statements that allow.
func (s *Survey) ways(d *authz.Decision, c *identity.Caller, q question) (ways []string) {
	for l, statement := range decisive(d) {
		f := &d.Findings[l]
		if statement != nil {
			ways = append(ways, way(authz.Layer(l), f.AllowedBy, statement))
		}
	}
	return ways
}

// way names a statement in few words.
func way(l authz.Layer, of *identity.Attached, s *policy.Statement) string {
	text := kind(l)
	switch {
	case of != nil && l == authz.IdentityPolicy:
		text = of.Name + " of " + short(of.Owner)
	case of != nil:
		text += " " + of.Name + " of " + short(of.Owner)
	}
	if s.SID != "" {
		text += fmt.Sprintf(" %q", s.SID)
	}
	return text
}

// unless are the conditions without which it is not allowed, those of the
// statements that allow and those of the statements that deny.
func (s *Survey) unless(d, against *authz.Decision, c *identity.Caller, q question) (conditions []string) {
	person := c.Type != identity.TypeSession
	add := func(prefix string, of *policy.Statement) {
		var all []string
		for i := range of.Condition {
			if !known(&of.Condition[i], q.op, person) {
				all = append(all, Condition(&of.Condition[i]))
			}
		}
		for _, list := range [...]struct {
			element policy.Element
			texts   []string
		}{{policy.ElementResource, of.Resource}, {policy.ElementNotResource, of.NotResource}} {
			varies := func(text string) bool { return !fixed(text, q.op, person) }
			if slices.ContainsFunc(list.texts, varies) {
				all = append(all, "the key is "+string(list.element)+" "+strings.Join(list.texts, ", "))
			}
		}
		if len(all) > 0 {
			conditions = append(conditions, prefix+strings.Join(all, " and "))
		}
	}
	for _, statement := range decisive(d) {
		if statement != nil {
			add("", statement)
		}
	}
	for l := range against.Findings {
		if deny := against.Findings[l].Deny; deny != nil {
			add("not ", deny)
		}
	}
	return conditions
}

// Named are those whom the key policy names and who are no principals of
// accounts that can be looked through: everybody, services, and accounts that
// abroad says are not here. Statements that allow count, whatever others deny.
func (s *Survey) Named(elsewhere func(account string) bool) (all []Holder) {
	if s.key.Rules == nil {
		return nil
	}
	d := s.key.Rules.Document()
	for i := range d.Statements {
		st := &d.Statements[i]
		if st.Effect != policy.Allow || st.Principal == nil {
			continue
		}
		if st.Principal.Everyone || slices.Contains(st.Principal.AWS, "*") {
			all = s.name(all, "*", TypeEverybody, st)
		}
		for _, name := range st.Principal.AWS {
			if account := arn.ParsePrincipal(name).Account; account != "" && elsewhere(account) {
				all = s.name(all, name, TypeAccount, st)
			}
		}
		for _, name := range st.Principal.Service {
			all = s.name(all, name, TypeService, st)
		}
	}
	return all
}

// name adds what a statement allows to somebody it names.
func (s *Survey) name(all []Holder, who, kind string, st *policy.Statement) []Holder {
	i := slices.IndexFunc(all, func(h Holder) bool { return h.Principal == who })
	if i < 0 {
		i = len(all)
		all = append(all, Holder{Principal: who, Type: kind, Access: []Access{}})
	}
	conditions := []string{}
	for j := range st.Condition {
		conditions = append(conditions, Condition(&st.Condition[j]))
	}
	for _, q := range s.actions {
		further := conditions
		if changesAlias(q.op) {
			further = append(slices.Clone(conditions), needsIAM)
		}
		if st.Covers(q.name) && (kind == TypeEverybody || kind == TypeService && !changesAlias(q.op) || optable.Of(q.op).CrossAccount) {
			all[i].add(q, []string{way(authz.ResourcePolicy, nil, st)}, further)
		}
	}
	s.complete(&all[i])
	return all
}

// Accounts are the accounts whose principals may have access: the key's own and
// those that its policy names.
func Accounts(k *key.Key) (all []string) {
	all = []string{k.Account}
	if k.Rules == nil {
		return all
	}
	d := k.Rules.Document()
	for i := range d.Statements {
		if p := d.Statements[i].Principal; p != nil && d.Statements[i].Effect == policy.Allow {
			for _, name := range p.AWS {
				if account := arn.ParsePrincipal(name).Account; account != "" && !slices.Contains(all, account) {
					all = append(all, account)
				}
			}
		}
	}
	return all
}
