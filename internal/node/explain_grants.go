package node

import (
	"context"
	"errors"

	"trent/internal/authz"
	"trent/internal/explain"
	"trent/internal/identity"
	"trent/internal/key"
	"trent/internal/record"
)

// eachGrant calls f with the grants on a key, in order of their ids, until it
// returns false.
func (n *Node) eachGrant(ctx context.Context, k *key.Key, f func(id string, g *record.Grant) (bool, error)) error {
	prefix := record.GrantPrefix(k.Region, k.Account, k.ID)
	from, end := prefix, record.PrefixEnd(prefix)
	for more := true; more; {
		rows, next, _, err := n.store.Range(ctx, from, end, rowsRead)
		if err != nil {
			return err
		}
		for _, row := range rows {
			g, err := n.grants.Decode(ctx, k.Region, row)
			if err != nil {
				return altered(k.ARN, err)
			}
			if on, err := f(string(row.Key[len(prefix):]), g); err != nil || !on {
				return err
			}
		}
		if more = next && len(rows) > 0; more {
			from = append(rows[len(rows)-1].Key, 0)
		}
	}
	return nil
}

// grantees adds those whom grants on the key name.
func (w *surveyor) grantees(ctx context.Context, k *key.Key) error {
	known := map[string]*identity.Caller{}
	return w.node.eachGrant(ctx, k, func(id string, g *record.Grant) (bool, error) {
		c, looked := known[g.Grantee]
		if !looked {
			found, err := w.node.Identity.Principal(ctx, g.Grantee)
			switch {
			case err == nil:
				c = &found
			case !errors.Is(err, identity.ErrNoPrincipal):
				return false, err
			}
			known[g.Grantee] = c
		}
		h, err := w.survey.Grantee(ctx, c, id, g)
		w.page.AddGrantee(h)
		return true, err
	})
}

// addGrants adds the grants that name the principal to an answer.
func (n *Node) addGrants(ctx context.Context, a *explain.Answer, r *authz.Request, d *authz.Decision) error {
	return n.eachGrant(ctx, r.Key, func(id string, g *record.Grant) (bool, error) {
		return !a.AddGrant(r, d, id, g), nil
	})
}
