package keydir

import (
	"context"
	"errors"

	"trent/internal/apierr"
	"trent/internal/arn"
	"trent/internal/key"
)

// Resolve finds the key that identifier names for a caller of account in
// region: a key id, a key ARN, and where the operation takes aliases an alias
// name or alias ARN.
//
// foreign is the identifier's ARN if it names another account, also with an
// error: for a key of another account unknown and forbidden must look the
// same, so the caller answers both with AccessDeniedException. Errors are
// NotFoundException with AWS's texts, and InvalidArnException for an alias where
// the operation takes none.
func (d *Dir) Resolve(ctx context.Context, account, region, identifier string, aliases bool) (k *key.Key, foreign string, err error) {
	id := arn.Parse(identifier)
	if !aliases && (id.Kind == arn.AliasName || id.Kind == arn.AliasARN) {
		return nil, "", apierr.New(apierr.InvalidArn, "Key Aliases are not supported for this operation.")
	}
	switch id.Kind {
	case arn.KeyID:
		k, err := d.byID(ctx, region, account, id.ID)
		return k, "", err
	case arn.AliasName:
		k, err := d.byAlias(ctx, region, account, id.ID)
		return k, "", err
	case arn.KeyARN, arn.AliasARN:
		return d.byARN(ctx, account, region, identifier, id)
	}
	return nil, "", apierr.New(apierr.NotFound, "Invalid keyId '%s'", identifier)
}

func (d *Dir) byARN(ctx context.Context, account, region, identifier string, id arn.Identifier) (k *key.Key, foreign string, err error) {
	if id.Partition != d.partition {
		return nil, "", apierr.New(apierr.NotFound, "Invalid arn %s", id.Partition)
	}
	if id.Region != region {
		return nil, "", apierr.New(apierr.NotFound, "Invalid arn %s", id.Region)
	}
	if id.Account != account {
		foreign = identifier
	}
	if id.Kind == arn.AliasARN {
		k, err = d.byAlias(ctx, region, id.Account, id.ID)
	} else {
		k, err = d.byID(ctx, region, id.Account, id.ID)
	}
	return k, foreign, err
}

func (d *Dir) byID(ctx context.Context, region, account, keyID string) (*key.Key, error) {
	k, err := d.Key(ctx, region, account, keyID)
	if errors.Is(err, ErrNotFound) {
		return nil, apierr.New(apierr.NotFound, "Key '%s' does not exist", arn.Key(d.partition, region, account, keyID))
	}
	return k, err
}

func (d *Dir) byAlias(ctx context.Context, region, account, name string) (*key.Key, error) {
	a, err := d.Alias(ctx, region, account, name)
	if err == nil {
		var k *key.Key
		if k, err = d.Key(ctx, region, account, a.KeyID); err == nil {
			return k, nil
		}
	}
	if errors.Is(err, ErrNotFound) {
		return nil, d.AliasNotFound(region, account, name)
	}
	return nil, err
}

// AliasNotFound is AWS's error for an alias that does not exist.
func (d *Dir) AliasNotFound(region, account, name string) error {
	return apierr.New(apierr.NotFound, "Alias %s is not found.", arn.Alias(d.partition, region, account, name))
}
