package front

import (
	"context"

	"trent/internal/api"
	"trent/internal/apierr"
	"trent/internal/authz"
	"trent/internal/call"
	"trent/internal/key"
	"trent/internal/optable"
)

// A use is what a request wants to do with one key.
type use struct {
	slot       int    // 0, or 1 for ReEncrypt's destination
	identifier string // "" if the request gives none
	blob       []byte // the ciphertext that names or must fit the key; nil if there is none to look at
	algorithm  string
}

// admit finds the keys that the request names, authorizes the call on each,
// and then checks that they can be used so. Which comes first is visible to
// clients: authorization on every key precedes what a check could tell.
func (p *Pipeline) admit(ctx context.Context, c *call.Call, in api.Request) error {
	c.Keys, c.Permits, c.Alias, c.NotApproved = [2]*key.Key{}, [2]authz.Permit{}, "", false
	uses, n := usesOf(in)
	if err := p.checkTokens(ctx, c, in); err != nil {
		return err
	}
	if of, err := p.retired(ctx, c, in); err != nil {
		return err
	} else if of != "" {
		uses[0], n = use{identifier: of}, 1
	}
	if alias := aliasOf(in); alias != "" {
		if err := p.authorizeAlias(ctx, c, alias, n); err != nil {
			return err
		}
	} else if n == 0 || c.Row.Target == optable.FilterKey {
		if err := p.authorizeKeyless(ctx, c, in); err != nil {
			return err
		}
	}
	if in, ok := in.(*api.CreateAliasRequest); ok {
		if err := p.authorizeAliasName(ctx, c, in.AliasName); err != nil {
			return err
		}
	}
	var blobErr error // what the ciphertext is guilty of, told after all authorization
	for i := range n {
		refused, err := p.authorize(ctx, c, &uses[i])
		if err != nil {
			return err
		}
		if blobErr == nil {
			blobErr = refused
		}
	}
	if err := p.authorizeElsewhere(ctx, c, in); err != nil {
		return err
	}
	if blobErr != nil {
		return blobErr
	}
	notApproved := makesNotApproved(in)
	for i := range n {
		k := c.Keys[i]
		if err := k.CheckUse(c.Op.String(), c.Row.Usage, uses[i].algorithm); err != nil {
			return err
		}
		if err := c.Row.States.Check(k); err != nil {
			return err
		}
		if err := brownedOut(c, k); err != nil {
			return err
		}
		a := k.Algorithm(uses[i].algorithm)
		notApproved = notApproved || a != nil && a.NotApproved
	}
	return p.approve(c, notApproved)
}

// approve marks a call that may go on and is about what FIPS 140-3 does not
// approve, or refuses it as the crypto module would: dry runs do not all come
// that far.
func (p *Pipeline) approve(c *call.Call, notApproved bool) error {
	if notApproved && p.ApprovedOnly {
		return apierr.AlgorithmNotOffered()
	}
	c.NotApproved = notApproved
	return nil
}
