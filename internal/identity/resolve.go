package identity

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	"trent/internal/arn"
	"trent/internal/policy"
	"trent/internal/record"
	"trent/internal/store"
)

// ErrNoPrincipal: no such principal.
var ErrNoPrincipal = errors.New("identity: no such principal")

// Resolve says whether a principal that a policy or a grant names is there, and
// which one it is: its unique id, which another one of the same name does not
// have. Of an account or its root user that is the account id, of a role's
// session the role's, of a service nothing. name is an ARN, an account id or a
// service's name as logs.amazonaws.com.
func (d *Directory) Resolve(ctx context.Context, name string) (id string, exists bool, err error) {
	p := arn.ParsePrincipal(name)
	switch {
	case p.Kind == arn.NoPrincipal:
		return "", isService(name), nil
	case p.Partition != "" && p.Partition != d.Partition:
		return "", false, nil
	case p.Kind == arn.AccountPrincipal:
		_, err := d.FindAccount(ctx, p.Account)
		if errors.Is(err, ErrNoAccount) {
			return "", false, nil
		}
		return p.Account, err == nil, err
	}
	r, err := d.reading()
	if err != nil {
		return "", false, err
	}
	stored, err := r.named(ctx, &p)
	if errors.Is(err, store.ErrNotFound) {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	return stored.permissions.ID, true, nil
}

// named returns the user or the role that an ARN, of it or of a session, names.
func (r *reading) named(ctx context.Context, p *arn.Principal) (*principal, error) {
	kind := record.KindRole
	if p.Kind == arn.User {
		kind = record.KindUser
	}
	stored, err := r.principal(ctx, kind, p.Account, strings.ToLower(p.Name))
	if err != nil {
		return nil, err
	}
	have := arn.ParsePrincipal(stored.arn)
	if have.Name != p.Name || p.Kind != arn.RoleSession && have.Path != p.Path {
		return nil, store.ErrNotFound // names are the same in any case, ARNs are not
	}
	return stored, nil
}

// isService reports whether a name is one of AWS's services.
func isService(name string) bool {
	service, ok := strings.CutSuffix(strings.TrimSuffix(name, ".cn"), ".amazonaws.com")
	return ok && arn.ValidName(service) && !strings.ContainsAny(service, "+=,@_")
}

// Principal returns who would call as a principal of an account: the root user,
// a user, a role itself (TypeRole), or a role's session. Errors: ErrNoPrincipal.
func (d *Directory) Principal(ctx context.Context, name string) (Caller, error) {
	p := arn.ParsePrincipal(name)
	if p.Kind == arn.NoPrincipal || p.Partition != d.Partition && p.Partition != "" {
		return Caller{}, ErrNoPrincipal
	}
	if p.Kind == arn.AccountPrincipal {
		if _, err := d.FindAccount(ctx, p.Account); errors.Is(err, ErrNoAccount) {
			return Caller{}, ErrNoPrincipal
		} else if err != nil {
			return Caller{}, err
		}
		return d.root(p.Account), nil
	}
	r, err := d.reading()
	if err != nil {
		return Caller{}, err
	}
	stored, err := r.named(ctx, &p)
	if errors.Is(err, store.ErrNotFound) {
		return Caller{}, ErrNoPrincipal
	}
	if err != nil {
		return Caller{}, err
	}
	c := stored.caller()
	if p.Kind == arn.RoleSession {
		c.Type, c.PrincipalARN, c.PrincipalID = TypeSession, name, c.PrincipalID+":"+p.Session
		c.Session = &Session{Name: p.Session, RoleARN: stored.arn, RoleName: p.Name, roleID: stored.permissions.ID}
	}
	return c, nil
}

// Assumable is a role as sts:AssumeRole needs it.
type Assumable struct {
	Account, Name, ARN string
	ID                 string // AROA…
	Tags               map[string]string
	MaxSession         time.Duration
	Trust              *policy.Policy // who may assume it
}

// Assumable returns a role that a session can be of. Errors: ErrNoPrincipal.
func (d *Directory) Assumable(ctx context.Context, roleARN string) (*Assumable, error) {
	p := arn.ParsePrincipal(roleARN)
	if p.Kind != arn.Role || p.Partition != d.Partition {
		return nil, ErrNoPrincipal
	}
	r, err := d.reading()
	if err != nil {
		return nil, err
	}
	stored, err := r.named(ctx, &p)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrNoPrincipal
	}
	if err != nil {
		return nil, err
	}
	return stored.assumable, nil
}

// root is who calls as an account's root user.
func (d *Directory) root(account string) Caller {
	self := arn.Principal{Kind: arn.AccountPrincipal, Partition: d.Partition, Account: account}
	return Caller{
		Account: account, PrincipalARN: self.String(), PrincipalID: account, Type: TypeRoot,
		Permissions: &Permissions{Root: true, ID: account},
	}
}

// caller is who calls as a user or a role, without an access key.
func (p *principal) caller() Caller {
	self := arn.ParsePrincipal(p.arn)
	c := Caller{Account: self.Account, PrincipalARN: p.arn, PrincipalID: p.permissions.ID, Type: TypeRole, Permissions: p.permissions}
	if self.Kind == arn.User {
		c.Type, c.UserName = TypeUser, self.Name
	}
	return c
}

// principalsPage is how many principals are read at once.
const principalsPage = 100

// Principals goes through an account's root user, users and roles, the latter
// in order of name. It ends with the first error.
func (d *Directory) Principals(ctx context.Context, account string) iter.Seq2[Caller, error] {
	return func(yield func(Caller, error) bool) {
		if _, err := d.FindAccount(ctx, account); err != nil {
			yield(Caller{}, err)
			return
		}
		if !yield(d.root(account), nil) {
			return
		}
		for _, kind := range [...]record.Kind{record.KindUser, record.KindRole} {
			prefix := record.PrincipalPrefix(kind, account)
			from, end := prefix, record.PrefixEnd(prefix)
			for more := true; more; {
				rows, next, _, err := d.Store.Range(ctx, from, end, principalsPage)
				if err != nil {
					yield(Caller{}, err)
					return
				}
				for _, row := range rows {
					c, err := d.listed(ctx, kind, account, string(row.Key[len(prefix):]))
					if errors.Is(err, store.ErrNotFound) {
						continue // deleted meanwhile
					}
					if !yield(c, err) || err != nil {
						return
					}
				}
				if more = next && len(rows) > 0; more {
					from = append(rows[len(rows)-1].Key, 0)
				}
			}
		}
	}
}

func (d *Directory) listed(ctx context.Context, kind record.Kind, account, name string) (Caller, error) {
	r, err := d.reading()
	if err != nil {
		return Caller{}, err
	}
	p, err := r.principal(ctx, kind, account, name)
	if errors.Is(err, store.ErrNotFound) {
		return Caller{}, err
	}
	if err != nil {
		return Caller{}, fmt.Errorf("principal %s of %s: %w", name, account, err)
	}
	return p.caller(), nil
}

func (d *Directory) rolePath(roleARN string) []byte {
	p := arn.ParsePrincipal(roleARN)
	return record.RolePath(p.Account, strings.ToLower(p.Name))
}
