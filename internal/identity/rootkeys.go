package identity

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"trent/internal/awsjson"
	"trent/internal/record"
	"trent/internal/secret"
	"trent/internal/store"
)

// Errors of root keys.
var (
	// ErrNoRootKey: the account's root has no such access key.
	ErrNoRootKey = errors.New("identity: no such root access key of the account")
	// ErrTooManyRootKeys: an account has at most two active root access keys, as
	// at AWS.
	ErrTooManyRootKeys = fmt.Errorf("identity: an account has at most %d active root access keys", maxActiveRootKeys)
)

// Bounds of an account's root keys.
const (
	maxActiveRootKeys = 2  // AWS's quota
	maxRootKeys       = 20 // with inactive ones, of which the oldest go
)

// RootKey is an access key of an account's root, without its secret.
type RootKey struct {
	ID      string
	Account string
	Created time.Time
	Active  bool
}

// NewKey is a root key that was made just now.
type NewKey struct {
	RootKey
	// Secret is the secret access key, 40 characters. It is kept nowhere: the
	// store has a token that only the crypto module opens. The caller wipes it.
	Secret secret.Bytes
	// Deactivated are the access keys that do not authenticate any more.
	Deactivated []string
}

// NewRootKey makes an access key of an account's root; the crypto module makes
// its secret. Unless keepEarlier is set, the earlier ones authenticate nothing
// from the moment it returns: whoever replaces a key that has leaked must not
// have to think of a second step. trent dev's well-known credentials stay.
// Errors: ErrNoAccount, ErrTooManyRootKeys, ErrUnavailable.
func (d *Directory) NewRootKey(ctx context.Context, by Operator, account string, keepEarlier bool) (NewKey, error) {
	if _, err := d.FindAccount(ctx, account); err != nil {
		return NewKey{}, err
	}
	id := randomKeyID("AKIA")
	s, token, generation, err := d.Module.CreateSecret(ctx, account, id)
	if err != nil {
		return NewKey{}, err
	}
	now := d.Now()
	made := NewKey{RootKey: RootKey{ID: id, Account: account, Created: now.UTC(), Active: true}, Secret: s}
	err = d.change(ctx, account, func(records *record.Sealer, a *storedAccount) (bool, error) {
		earlier, err := d.accessKeys(ctx, records, a.record.RootKeys)
		if err != nil {
			return false, err
		}
		w := writes{records: records, cmps: []store.Cmp{a.unchanged()}}
		a.record.RootKeys = append(w.forgetOldest(earlier), id)
		made.Deactivated = nil
		active := 1
		for _, k := range earlier {
			switch {
			case k.record.Status != statusActive:
			case keepEarlier:
				active++
			default:
				w.deactivate(k)
				made.Deactivated = append(made.Deactivated, k.id)
			}
		}
		if active > maxActiveRootKeys {
			return false, ErrTooManyRootKeys
		}
		w.create(id, d.rootRecord(account, token, generation, now))
		w.put(a.put(records))
		e := by.Event("CreateAccessKey", account, now)
		e.RequestParameters = object("accountId", account)
		e.ResponseElements = newKeyElements(&made)
		return w.commit(ctx, d, &e)
	})
	if err != nil {
		s.Wipe()
		return NewKey{}, err
	}
	return made, nil
}

// rootRecord is the record of an active access key of an account's root.
func (d *Directory) rootRecord(account string, token []byte, generation uint32, now time.Time) *record.AccessKey {
	return &record.AccessKey{
		Account: account, PrincipalARN: d.root(account).PrincipalARN, PrincipalID: account,
		Type: TypeRoot, Status: statusActive, CreatedMs: now.UnixMilli(), Token: token, Generation: generation,
	}
}

// RootKeys lists the access keys of an account's root, oldest first, without
// trent dev's well-known ones. Errors: ErrNoAccount.
func (d *Directory) RootKeys(ctx context.Context, account string) ([]RootKey, error) {
	records, err := d.Records()
	if err != nil {
		return nil, err
	}
	a, err := d.account(ctx, records, account)
	if err != nil {
		return nil, err
	}
	keys, err := d.accessKeys(ctx, records, a.record.RootKeys)
	list := make([]RootKey, 0, len(keys))
	for _, k := range keys {
		list = append(list, RootKey{
			ID: k.id, Account: account, Created: time.UnixMilli(k.record.CreatedMs).UTC(), Active: k.record.Status == statusActive,
		})
	}
	return list, err
}

// DeactivateRootKey makes one access key of an account's root authenticate
// nothing any more, from the moment it returns. One that is inactive already is
// no error. Errors: ErrNoAccount, ErrNoRootKey.
func (d *Directory) DeactivateRootKey(ctx context.Context, by Operator, account, accessKeyID string) error {
	return d.change(ctx, account, func(records *record.Sealer, a *storedAccount) (bool, error) {
		if !slices.Contains(a.record.RootKeys, accessKeyID) {
			return false, ErrNoRootKey
		}
		keys, err := d.accessKeys(ctx, records, []string{accessKeyID})
		if err != nil {
			return false, err
		}
		w := writes{records: records}
		w.deactivate(keys[0])
		e := by.Event("UpdateAccessKey", account, d.Now())
		e.RequestParameters = object("accountId", account, "accessKeyId", accessKeyID, "status", statusInactive)
		return w.commit(ctx, d, &e)
	})
}

// storedKey is an access key's record as it was read.
type storedKey struct {
	id      string
	record  record.AccessKey
	version uint64
	mod     store.Rev
}

// accessKeys reads access keys that an account's record lists.
func (d *Directory) accessKeys(ctx context.Context, records *record.Sealer, ids []string) ([]*storedKey, error) {
	keys := make([]*storedKey, 0, len(ids))
	for _, id := range ids {
		kv, _, err := d.Store.Get(ctx, record.AccessKeyPath(id))
		if err != nil {
			return nil, fmt.Errorf("access key record %s: %w", id, err)
		}
		k := storedKey{id: id, mod: kv.Mod}
		if k.version, err = records.Open(kv.Key, kv.Value, record.TypeAccessKey, &k.record); err != nil {
			return nil, fmt.Errorf("access key record %s: %w", id, err)
		}
		keys = append(keys, &k)
	}
	return keys, nil
}

// newKeyElements is what the audit record shows of a new key: nothing of its
// secret.
func newKeyElements(k *NewKey) []byte {
	b := append([]byte(`{"accessKey":`), object("accessKeyId", k.ID, "status", statusActive)...)
	b = append(b, `,"deactivatedAccessKeyIds":[`...)
	for i, id := range k.Deactivated {
		if i > 0 {
			b = append(b, ',')
		}
		b = awsjson.AppendString(b, id)
	}
	return append(b, "]}"...)
}
