package identity

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"trent/internal/arn"
	"trent/internal/policy"
	"trent/internal/record"
	"trent/internal/store"
)

// reading reads the records behind something that is going to be cached, checks
// them, and remembers which they were.
type reading struct {
	*Directory
	records *record.Sealer
	seen    []seen
	bytes   int // of what was read and is not cached elsewhere
}

func (d *Directory) reading() (*reading, error) {
	records, err := d.Records()
	return &reading{Directory: d, records: records}, err
}

// get reads a record, or returns store.ErrNotFound.
func (r *reading) get(ctx context.Context, path []byte, t record.Type, v any) error {
	r.seen = append(r.seen, r.changes.now(path))
	kv, _, err := r.Store.Get(ctx, path)
	if err != nil {
		return err
	}
	r.bytes += len(kv.Value)
	if _, err := r.records.Open(kv.Key, kv.Value, t, v); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// made adds what something was made of that what is being read is a part of.
func (r *reading) made(of []seen) { r.seen = append(r.seen, of...) }

// principal is a user or a role as its record and the policies that apply to it
// are: what all its access keys and sessions share.
type principal struct {
	arn         string
	permissions *Permissions
	assumable   *Assumable // nil for users
}

// A principal's policies are compiled: that takes about this many times the
// document's length.
const compiledSize = 8

// permissions finds what a caller's principal has. A principal that is gone, or
// another one of the same name, or of a kind that is not known, is
// store.ErrNotFound.
func (r *reading) permissions(ctx context.Context, c *Caller) (*Permissions, error) {
	switch {
	case c.Type == TypeRoot:
		return &Permissions{Root: true, ID: c.Account}, nil
	case c.Type == TypeUser:
		p, err := r.principal(ctx, record.KindUser, c.Account, strings.ToLower(c.UserName))
		if err != nil || p.permissions.ID != c.PrincipalID {
			return nil, orGone(err)
		}
		c.PrincipalARN = p.arn
		return p.permissions, nil
	case c.Type == TypeSession && c.Session != nil:
		role := arn.ParsePrincipal(c.Session.RoleARN)
		p, err := r.principal(ctx, record.KindRole, c.Account, strings.ToLower(role.Name))
		if err != nil || p.permissions.ID != c.Session.roleID || role.Account != c.Account {
			return nil, orGone(err)
		}
		return p.permissions, nil
	}
	return nil, store.ErrNotFound // of a kind that is not known here
}

func orGone(err error) error {
	if err == nil {
		err = store.ErrNotFound
	}
	return err
}

// principal returns a user or a role, by its name in lower case.
func (r *reading) principal(ctx context.Context, kind record.Kind, account, name string) (*principal, error) {
	path := record.UserPath(account, name)
	if kind == record.KindRole {
		path = record.RolePath(account, name)
	}
	e, ok := r.principals.get(string(path))
	if !ok {
		own, err := r.reading()
		if err != nil {
			return nil, err
		}
		if kind == record.KindRole {
			e.v, err = own.role(ctx, path, account)
		} else {
			e.v, err = own.user(ctx, path, account)
		}
		if err != nil {
			return nil, err
		}
		e.seen, e.bytes = own.seen, 512+compiledSize*own.bytes
		r.principals.put(string(path), e)
	}
	r.made(e.seen)
	return e.v, nil
}

func (r *reading) user(ctx context.Context, path []byte, account string) (*principal, error) {
	var u record.User
	if err := r.get(ctx, path, record.TypeUser, &u); err != nil {
		return nil, err
	}
	self := arn.Principal{Kind: arn.User, Partition: r.Partition, Account: account, Path: u.Path, Name: u.Name}.String()
	p := &Permissions{ID: u.ID, Tags: lowered(u.Tags), Policies: r.inline(self, u.Inline)}
	var err error
	if p.Policies, err = r.attached(ctx, p.Policies, account, self, u.Attached); err != nil {
		return nil, err
	}
	for _, name := range u.Groups {
		group, err := r.group(ctx, account, name)
		if err != nil {
			return nil, err
		}
		p.Policies = append(p.Policies, group...)
	}
	p.Boundary, err = r.boundary(ctx, account, self, u.Boundary)
	return &principal{arn: self, permissions: p}, err
}

func (r *reading) role(ctx context.Context, path []byte, account string) (*principal, error) {
	var role record.Role
	if err := r.get(ctx, path, record.TypeRole, &role); err != nil {
		return nil, err
	}
	self := arn.Principal{Kind: arn.Role, Partition: r.Partition, Account: account, Path: role.Path, Name: role.Name}.String()
	p := &Permissions{ID: role.ID, Tags: lowered(role.Tags), Policies: r.inline(self, role.Inline)}
	var err error
	if p.Policies, err = r.attached(ctx, p.Policies, account, self, role.Attached); err != nil {
		return nil, err
	}
	p.Boundary, err = r.boundary(ctx, account, self, role.Boundary)
	return &principal{self, p, &Assumable{
		Account: account, Name: role.Name, ARN: self, ID: role.ID, Tags: role.Tags,
		MaxSession: time.Duration(role.MaxSessionSeconds) * time.Second,
		Trust:      r.compile(self, role.Trust.Document, role.Trust.Bound),
	}}, err
}

// group returns the policies of a group, by its name in lower case.
func (r *reading) group(ctx context.Context, account, name string) ([]Attached, error) {
	path := record.GroupPath(account, name)
	e, ok := r.groups.get(string(path))
	if !ok {
		own, err := r.reading()
		if err != nil {
			return nil, err
		}
		var g record.Group
		switch err := own.get(ctx, path, record.TypeGroup, &g); {
		case err == nil:
			self := arn.Group(r.Partition, account, g.Path, g.Name)
			if e.v, err = own.attached(ctx, own.inline(self, g.Inline), account, self, g.Attached); err != nil {
				return nil, err
			}
		case errors.Is(err, store.ErrNotFound):
			e.v = []Attached{r.missing(name, "", arn.Group(r.Partition, account, "/", name))}
		default:
			return nil, err
		}
		e.seen, e.bytes = own.seen, 256+compiledSize*own.bytes
		r.groups.put(string(path), e)
	}
	r.made(e.seen)
	return e.v, nil
}

// inline compiles inline policies, in order of name.
func (r *reading) inline(owner string, policies map[string]string) []Attached {
	all := make([]Attached, 0, len(policies))
	for name, document := range policies {
		all = append(all, Attached{Name: name, Owner: owner, Policy: r.compile(owner+" "+name, document, nil)})
	}
	slices.SortFunc(all, func(a, b Attached) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// attached appends managed policies.
func (r *reading) attached(ctx context.Context, to []Attached, account, owner string, arns []string) ([]Attached, error) {
	for _, name := range arns {
		a, err := r.managedPolicy(ctx, account, name)
		if err != nil {
			return nil, err
		}
		a.Owner = owner
		to = append(to, a)
	}
	return to, nil
}

func (r *reading) boundary(ctx context.Context, account, owner, policyARN string) (*Attached, error) {
	if policyARN == "" {
		return nil, nil
	}
	a, err := r.managedPolicy(ctx, account, policyARN)
	a.Owner = owner
	return &a, err
}

// managedPolicy returns the version in force of a managed policy of an account,
// without an owner. One that is not there denies everything.
func (r *reading) managedPolicy(ctx context.Context, account, policyARN string) (Attached, error) {
	partition, owner, path, name, ok := arn.ParseManagedPolicy(policyARN)
	if !ok || partition != r.Partition || owner != account {
		return r.missing(policyARN, policyARN, ""), nil
	}
	e, ok := r.managed.get(policyARN)
	if ok {
		r.made(e.seen)
		return e.v, nil
	}
	own, err := r.reading()
	if err != nil {
		return Attached{}, err
	}
	var m record.Managed
	err = own.get(ctx, record.ManagedPath(account, strings.ToLower(name)), record.TypeManaged, &m)
	r.made(own.seen)
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return Attached{}, err
	}
	i := slices.IndexFunc(m.Versions, func(v record.ManagedVersion) bool { return v.Number == m.Default })
	if err != nil || m.Path != path || m.Name != name || i < 0 {
		return r.missing(policyARN, policyARN, ""), nil
	}
	e.v = Attached{Name: m.Name, ARN: policyARN, Policy: r.compile(policyARN, m.Versions[i].Document, nil)}
	e.seen, e.bytes = own.seen, 256+compiledSize*len(m.Versions[i].Document)
	r.managed.put(policyARN, e)
	return e.v, nil
}

// missing takes the place of a policy that should be there: what it would have
// denied is not known, so everything is.
func (r *reading) missing(name, policyARN, owner string) Attached {
	r.Log.Error("a policy that applies to a principal is not there: he is denied everything", "policy", name, "owner", owner)
	return Attached{Name: name, ARN: policyARN, Owner: owner, Policy: r.nothing}
}

// compile makes a stored document ready. One that is no policy denies
// everything.
func (r *reading) compile(name, document string, bound policy.Bound) *policy.Policy {
	d, err := policy.Parse(document)
	if err != nil {
		r.Log.Error("a stored policy cannot be read: it denies everything", "policy", name, "error", err)
		return r.nothing
	}
	return policy.Compile(d, bound)
}

// denyEverything is a policy by which nobody may do anything.
func denyEverything() *policy.Policy {
	return policy.Compile(&policy.Document{Version: policy.Version2012, Statements: []policy.Statement{
		{SID: "NotThere", Effect: policy.Deny, Action: []string{"*"}, Resource: []string{"*"}},
	}}, nil)
}

// lowered are tags with folded keys: IAM's tag keys are the same in any.
func lowered(tags map[string]string) map[string]string {
	if len(tags) == 0 {
		return nil
	}
	all := make(map[string]string, len(tags))
	for key, value := range tags {
		all[policy.Fold(key)] = value
	}
	return all
}
