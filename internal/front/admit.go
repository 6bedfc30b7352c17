package front

import (
	"context"
	"errors"

	"trent/internal/api"
	"trent/internal/apierr"
	"trent/internal/arn"
	"trent/internal/authz"
	"trent/internal/blobheader"
	"trent/internal/call"
	"trent/internal/key"
	"trent/internal/keydir"
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
	if alias := aliasOf(in); alias != "" {
		if err := p.authorizeAlias(ctx, c, alias, n); err != nil {
			return err
		}
	} else if n == 0 {
		c.Permits[0] = authz.Keyless(c.Op, &c.Caller, c.Region)
		return p.approve(c, makesNotApproved(in))
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

// authorize fills in a use's key and permit. refused is the error of a
// ciphertext that does not belong to the authorized key.
func (p *Pipeline) authorize(ctx context.Context, c *call.Call, u *use) (refused, err error) {
	action := c.Row.Actions[u.slot]
	if u.identifier == "" && u.blob != nil && u.algorithm != api.EncryptionAlgorithmSpecSymmetricDefault {
		return nil, apierr.New(apierr.Validation, "A KeyId is required for the algorithm %s.", u.algorithm)
	}
	if u.identifier == "" {
		return nil, p.authorizeCiphertext(ctx, c, u, action)
	}
	k, foreign, err := p.Keys.Resolve(ctx, c.Caller.Account, c.Region, u.identifier, c.Row.Aliases)
	if err != nil {
		if e, ok := errors.AsType[*apierr.Error](err); ok && e.Code == apierr.NotFound && foreign != "" {
			return nil, authz.Denied(&c.Caller, action, foreign)
		}
		return nil, err
	}
	resource := k.ARN
	if foreign != "" {
		resource = foreign
	}
	permit, err := authz.Authorize(c.Op, action, &c.Caller, k, resource)
	if err != nil {
		return nil, err
	}
	c.Keys[u.slot], c.Permits[u.slot] = k, permit
	if u.blob == nil || k.Spec != key.SymmetricDefault && u.algorithm != api.EncryptionAlgorithmSpecSymmetricDefault {
		return nil, nil // an asymmetric ciphertext is bare: it names no key
	}
	header, err := blobheader.Parse(u.blob)
	if err != nil {
		if k.Spec != key.SymmetricDefault {
			return nil, nil // CheckUse says that the key does not have the algorithm
		}
		return apierr.Because(apierr.InvalidCiphertext, err), nil
	}
	if k.Material(key.MaterialID(header.MaterialID)) == nil {
		return apierr.New(apierr.IncorrectKey, "The key ID in the request does not identify a CMK that can perform this operation."), nil
	}
	return nil, nil
}

// authorizeCiphertext finds the key through the ciphertext. An unknown key and
// a forbidden one are the same answer.
func (p *Pipeline) authorizeCiphertext(ctx context.Context, c *call.Call, u *use, action string) error {
	header, err := blobheader.Parse(u.blob)
	if err != nil {
		return apierr.Because(apierr.InvalidCiphertext, err)
	}
	k, err := p.Keys.ByMaterial(ctx, c.Region, key.MaterialID(header.MaterialID))
	if errors.Is(err, keydir.ErrNotFound) {
		return authz.DeniedCiphertext(&c.Caller, action)
	}
	if err != nil {
		return err
	}
	permit, err := authz.Authorize(c.Op, action, &c.Caller, k, k.ARN)
	if err != nil {
		return authz.DeniedCiphertext(&c.Caller, action)
	}
	c.Keys[u.slot], c.Permits[u.slot] = k, permit
	return nil
}

// authorizeAlias authorizes an operation on an alias by the key it points to,
// whose slot comes after those of the keys that the request names itself. Its
// state does not matter.
func (p *Pipeline) authorizeAlias(ctx context.Context, c *call.Call, name string, slot int) error {
	a, err := p.Keys.Alias(ctx, c.Region, c.Caller.Account, name)
	if errors.Is(err, keydir.ErrNotFound) {
		return p.Keys.AliasNotFound(c.Region, c.Caller.Account, name)
	}
	if err != nil {
		return err
	}
	k, err := p.Keys.Key(ctx, a.Region, a.Account, a.KeyID)
	if errors.Is(err, keydir.ErrNotFound) { // being deleted, and the alias with it
		return p.Keys.AliasNotFound(c.Region, c.Caller.Account, name)
	}
	if err != nil {
		return err
	}
	permit, err := authz.Authorize(c.Op, c.Row.Actions[0], &c.Caller, k, k.ARN)
	if err != nil {
		return err
	}
	c.Keys[slot], c.Permits[slot] = k, permit
	c.Alias = arn.Alias(c.Partition, c.Region, c.Caller.Account, name)
	return nil
}
