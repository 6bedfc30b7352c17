// Package aliases has the operations on aliases, which are resources of their
// own. One file an operation. It must never touch a key's record. Only
// internal/service imports it.
package aliases

import (
	"context"
	"math"

	"trent/internal/apierr"
	"trent/internal/domains"
	"trent/internal/key"
	"trent/internal/keydir"
	"trent/internal/quota"
	"trent/internal/record"
	"trent/internal/store"
)

// Ops has the operations as methods.
type Ops struct {
	Store   store.Store
	Keys    *keydir.Dir
	Regions domains.Finder
	Limits  quota.Limits
}

const aliasPrefix = "alias/"

// checkRoom returns AWS's error, as it is reported, if the key can have no
// further alias.
func (o *Ops) checkRoom(ctx context.Context, k *key.Key) error {
	prefix := record.AliasOfKeyPrefix(k.Region, k.Account, k.ID)
	have, _, err := o.Store.Count(ctx, prefix, record.PrefixEnd(prefix), math.MaxInt)
	if err != nil {
		return err
	}
	if limit := o.Limits.AliasesPerKey; have >= limit {
		return apierr.New(apierr.LimitExceeded, "Aliases per key quota for this account in this region is %d, current usage is %d.", limit, have)
	}
	return nil
}
