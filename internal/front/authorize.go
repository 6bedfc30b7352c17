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
	"trent/internal/optable"
)

// ask begins the question whether the caller may perform an action on a key, or
// on none.
func (p *Pipeline) ask(c *call.Call, action string, k *key.Key) *authz.Request {
	if c.Ask == nil {
		c.Ask = new(authz.Request)
	}
	r := c.Ask
	r.Reset()
	r.Op, r.Action, r.Caller, r.In, r.Environment = c.Op, action, &c.Caller, c.Request, c.Environment()
	if k != nil {
		r.On(k)
	}
	return r
}

// authorizeKeyless authorizes what is on no key: the caller's own policies
// decide, by the action alone. Tags of a key to be are an action of their own, on
// whatever key of the account and Region it will be.
func (p *Pipeline) authorizeKeyless(ctx context.Context, c *call.Call, in api.Request) error {
	switch c.Row.Target {
	case optable.None, optable.FilterKey, optable.KeyStore:
	default: // the request names what is authorized, and nobody has found it
		return authz.Denied(&c.Caller, c.Row.Actions[0], "*")
	}
	permit, err := p.Authorizer.Authorize(ctx, p.ask(c, c.Row.Actions[0], nil))
	if err != nil {
		return err
	}
	if in, ok := in.(*api.CreateKeyRequest); ok && len(in.Tags) > 0 {
		r := p.ask(c, optable.Of(api.OpTagResource).Actions[0], nil)
		r.Resource = arn.Key(c.Partition, c.Region, c.Caller.Account, "*")
		if _, err := p.Authorizer.Authorize(ctx, r); err != nil {
			return err
		}
	}
	c.Permits[0] = permit
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
	if err := p.chargeUse(c, u, k); err != nil {
		return nil, err
	}
	if err != nil {
		if e, ok := errors.AsType[*apierr.Error](err); ok && e.Code == apierr.NotFound && foreign != "" {
			return nil, authz.Denied(&c.Caller, action, foreign)
		}
		return nil, err
	}
	if err := p.permit(ctx, c, u, k); err != nil {
		return nil, err
	}
	return u.fits(k), nil
}

// permit asks for a key's use, and keeps the permit.
func (p *Pipeline) permit(ctx context.Context, c *call.Call, u *use, k *key.Key) error {
	k = k.At(c.Time)
	r := p.ask(c, c.Row.Actions[u.slot], k)
	r.Identifier, r.Side = u.identifier, u.slot
	if err := p.unused(ctx, c, r, k); err != nil {
		return err
	}
	if c.Row.Target == optable.TwoKeys {
		r.Other = p.other(ctx, c, u.slot)
	}
	if c.Row.Target == optable.FilterKey { // authorized already, without the key
		if k.Account != c.Caller.Account {
			return authz.Denied(&c.Caller, r.Action, u.identifier)
		}
		c.Keys[u.slot] = k
		return nil
	}
	if in, ok := c.Request.(*api.RetireGrantRequest); ok {
		if err := p.retiring(ctx, c, r, in); err != nil {
			return err
		}
	}
	permit, err := p.Authorizer.Authorize(ctx, r)
	if err != nil {
		return err
	}
	c.Keys[u.slot], c.Permits[u.slot] = k, permit
	return nil
}

// other is the key of ReEncrypt's other side, for conditions that compare the
// two; nil if it cannot be found, which its own turn will tell.
func (p *Pipeline) other(ctx context.Context, c *call.Call, slot int) *key.Key {
	if slot == 1 {
		return c.Keys[0]
	}
	in, ok := c.Request.(*api.ReEncryptRequest)
	if !ok {
		return nil
	}
	k, _, err := p.Keys.Resolve(ctx, c.Caller.Account, c.Region, in.DestinationKeyId, c.Row.Aliases)
	if err != nil {
		return nil
	}
	return k
}

// fits returns the error of a ciphertext that does not belong to the key.
func (u *use) fits(k *key.Key) error {
	if u.blob == nil || k.Spec != key.SymmetricDefault && u.algorithm != api.EncryptionAlgorithmSpecSymmetricDefault {
		return nil // an asymmetric ciphertext is bare: it names no key
	}
	header, err := blobheader.Parse(u.blob)
	if err != nil {
		if k.Spec != key.SymmetricDefault {
			return nil // CheckUse says that the key does not have the algorithm
		}
		return apierr.Because(apierr.InvalidCiphertext, err)
	}
	if k.Material(key.MaterialID(header.MaterialID)) == nil {
		return apierr.New(apierr.IncorrectKey, "The key ID in the request does not identify a CMK that can perform this operation.")
	}
	return nil
}

// authorizeCiphertext finds the key through the ciphertext. An unknown key and
// a forbidden one are the same answer.
func (p *Pipeline) authorizeCiphertext(ctx context.Context, c *call.Call, u *use, action string) error {
	header, err := blobheader.Parse(u.blob)
	if err != nil {
		if err := p.chargeUse(c, u, nil); err != nil {
			return err
		}
		return apierr.Because(apierr.InvalidCiphertext, err)
	}
	k, err := p.Keys.ByMaterial(ctx, c.Region, key.MaterialID(header.MaterialID))
	if err := p.chargeUse(c, u, k); err != nil {
		return err
	}
	if errors.Is(err, keydir.ErrNotFound) {
		return authz.DeniedCiphertext(&c.Caller, action)
	}
	if err != nil {
		return err
	}
	err = p.permit(ctx, c, u, k)
	if e, ok := errors.AsType[*apierr.Error](err); ok && e.Code == apierr.AccessDenied {
		return authz.DeniedCiphertext(&c.Caller, action)
	}
	return err
}

// authorizeAlias authorizes an operation on an alias that is there: by the alias
// itself, and by the key it points to, whose slot comes after those of the keys
// that the request names itself. Its state does not matter.
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
	if err := p.authorizeAliasName(ctx, c, name); err != nil {
		return err
	}
	permit, err := p.Authorizer.Authorize(ctx, p.ask(c, c.Row.Actions[0], k))
	if err != nil {
		return err
	}
	c.Keys[slot], c.Permits[slot] = k, permit
	c.Alias = arn.Alias(c.Partition, c.Region, c.Caller.Account, name)
	return nil
}

// authorizeAliasName authorizes an operation on an alias, which has no policy of
// its own. It is not enough: the keys behind it have a say.
func (p *Pipeline) authorizeAliasName(ctx context.Context, c *call.Call, name string) error {
	r := p.ask(c, c.Row.Actions[0], nil)
	r.Resource = arn.Alias(c.Partition, c.Region, c.Caller.Account, name)
	_, err := p.Authorizer.Authorize(ctx, r)
	return err
}
