// Package grants has the operations on grants. One file an operation. What a
// grant may be is internal/grant's, who may call is decided before (authz). It
// must never keep a grant in memory: internal/grantdir does. Only
// internal/service imports it.
package grants

import (
	"context"
	"errors"
	"io"
	"time"

	"trent/internal/api"
	"trent/internal/apierr"
	"trent/internal/arn"
	"trent/internal/call"
	"trent/internal/domains"
	"trent/internal/grant"
	"trent/internal/grantdir"
	"trent/internal/key"
	"trent/internal/quota"
	"trent/internal/record"
	"trent/internal/store"
)

// Ops has the operations as methods.
type Ops struct {
	Store      store.Store
	Grants     *grantdir.Dir
	Regions    domains.Finder
	Principals Principals
	// Unbound takes principals that do not exist, as they stand: trent dev's
	// users name roles of an IAM elsewhere.
	Unbound bool
	Limits  quota.Limits
	Rand    io.Reader
}

// Principals knows who is there: internal/identity's Directory.
type Principals interface {
	// Resolve returns the unique id of the principal that an ARN names.
	Resolve(ctx context.Context, name string) (id string, exists bool, err error)
}

// principal checks the name of a grantee or of who may retire. It returns the
// ARN, also of an account that is given by its id, and the unique id of a user or
// a role, "" if there is none.
func (o *Ops) principal(ctx context.Context, c *call.Call, name string) (principal, id string, err error) {
	if principal, err = principalName(c, name); err != nil {
		return "", "", err
	}
	id, exists, err := o.Principals.Resolve(ctx, principal)
	if err != nil {
		return "", "", err
	}
	if !exists && !o.Unbound {
		return "", "", noPrincipal(name)
	}
	if grant.Account(principal) != "" {
		id = ""
	}
	return principal, id, nil
}

// principalName is the ARN of a principal that may not exist.
func principalName(c *call.Call, name string) (string, error) {
	principal, ok := grant.Principal(name, c.Partition)
	if !ok {
		return "", noPrincipal(name)
	}
	return principal, nil
}

// noPrincipal is AWS's error for what names nobody.
func noPrincipal(name string) error {
	return apierr.New(apierr.InvalidArn, "ARN does not refer to a valid principal: %s", name)
}

// find returns a grant on the key by its id, and the revision of its record.
func (o *Ops) find(ctx context.Context, k *key.Key, id string) (*record.Grant, store.Rev, error) {
	if err := grant.CheckID(id); err != nil {
		return nil, 0, err
	}
	g, mod, err := o.Grants.Read(ctx, k.Region, k.Account, k.ID, id)
	if errors.Is(err, grantdir.ErrNotFound) {
		return nil, 0, grant.NotFound(id)
	}
	return g, mod, err
}

// end deletes a grant, however it is called.
func (o *Ops) end(ctx context.Context, c *call.Call, id string) error {
	k := c.Key()
	g, mod, err := o.find(ctx, k, id)
	if err != nil {
		return err
	}
	if err := c.EndDryRun(); err != nil {
		return err
	}
	path := record.GrantPath(k.Region, k.Account, k.ID, id)
	ops := []store.Op{{Key: path, Delete: true}}
	if row := retirable(k, g, id); row != nil {
		ops = append(ops, store.Op{Key: row, Delete: true})
	}
	return c.Commit(ctx, o.Store, []store.Cmp{{Key: path, Mod: mod}}, ops)
}

// retirable is the row that lists a grant under who may retire it; nil if it
// names nobody.
func retirable(k *key.Key, g *record.Grant, id string) []byte {
	switch {
	case g.Retiring != "":
		return record.RetirablePath(k.Region, g.Retiring, k.Account, k.ID, id)
	case g.RetiringService != "":
		return record.RetirablePath(k.Region, g.RetiringService, k.Account, k.ID, id)
	}
	return nil
}

// listEntry is a grant as lists show it.
func (o *Ops) listEntry(ctx context.Context, partition, keyARN, id string, g *record.Grant) (e api.GrantListEntry, err error) {
	account := arn.Principal{Kind: arn.AccountPrincipal, Partition: partition, Account: g.IssuingAccount}
	e = api.GrantListEntry{
		KeyId: keyARN, GrantId: id, Name: g.Name, Operations: g.Operations, CreationDate: time.UnixMilli(g.CreatedMs),
		GranteeServicePrincipal: g.GranteeService, RetiringServicePrincipal: g.RetiringService,
		IssuingAccount: account.String(), Constraints: grant.Constraints(g),
	}
	if e.GranteePrincipal, err = o.shown(ctx, g.Grantee, g.GranteeID); err != nil {
		return e, err
	}
	e.RetiringPrincipal, err = o.shown(ctx, g.Retiring, g.RetiringID)
	return e, err
}

// shown is a grant's principal: the ARN, or the id that was meant if he is gone or
// is another one by now, who is not to be taken for him.
func (o *Ops) shown(ctx context.Context, name, id string) (string, error) {
	if id == "" {
		return name, nil
	}
	now, exists, err := o.Principals.Resolve(ctx, name)
	if err != nil || exists && now == id {
		return name, err
	}
	return id, nil
}
