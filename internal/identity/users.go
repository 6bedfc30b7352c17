package identity

import (
	"context"
	"time"

	"trent/internal/arn"
	"trent/internal/record"
	"trent/internal/secret"
	"trent/internal/store"
)

// User reads a user, or returns ErrNoEntity.
func (d *Directory) User(ctx context.Context, account, name string) (*Entity[record.User], error) {
	return read[record.User](ctx, d, record.TypeUser, record.UserPath(account, Fold(name)))
}

// NewUser is a user that is to be stored.
func NewUser(account string, r record.User) *Entity[record.User] {
	return fresh(record.TypeUser, record.UserPath(account, Fold(r.Name)), r)
}

// Group reads a group, or returns ErrNoEntity.
func (d *Directory) Group(ctx context.Context, account, name string) (*Entity[record.Group], error) {
	return read[record.Group](ctx, d, record.TypeGroup, record.GroupPath(account, Fold(name)))
}

// NewGroup is a group that is to be stored.
func NewGroup(account string, r record.Group) *Entity[record.Group] {
	return fresh(record.TypeGroup, record.GroupPath(account, Fold(r.Name)), r)
}

// OpenUser checks and decodes a user's row of a list.
func OpenUser(records *record.Sealer, kv store.KV) (*record.User, error) {
	var u record.User
	_, err := records.Open(kv.Key, kv.Value, record.TypeUser, &u)
	return &u, err
}

// OpenGroup checks and decodes a group's row of a list.
func OpenGroup(records *record.Sealer, kv store.KV) (*record.Group, error) {
	var g record.Group
	_, err := records.Open(kv.Key, kv.Value, record.TypeGroup, &g)
	return &g, err
}

// StoredKey reads the record of an access key, of whatever account and status,
// or returns ErrNoEntity.
func (d *Directory) StoredKey(ctx context.Context, id string) (*Entity[record.AccessKey], error) {
	if !plausible(id) {
		return nil, ErrNoEntity
	}
	return read[record.AccessKey](ctx, d, record.TypeAccessKey, record.AccessKeyPath(id))
}

// NewUserKey makes an active access key of a user; the crypto module makes its
// secret, which is kept nowhere and the caller wipes. It authenticates once the
// record is stored. Errors: ErrUnavailable.
func (d *Directory) NewUserKey(ctx context.Context, account string, u *record.User, now time.Time) (*Entity[record.AccessKey], secret.Bytes, error) {
	id := randomKeyID("AKIA")
	s, token, generation, err := d.Module.CreateSecret(ctx, account, id)
	if err != nil {
		return nil, secret.Bytes{}, err
	}
	self := arn.Principal{Kind: arn.User, Partition: d.Partition, Account: account, Path: u.Path, Name: u.Name}
	return fresh(record.TypeAccessKey, record.AccessKeyPath(id), record.AccessKey{
		Account: account, PrincipalARN: self.String(), PrincipalID: u.ID, Type: TypeUser, UserName: u.Name,
		Status: statusActive, CreatedMs: now.UnixMilli(), Token: token, Generation: generation,
	}), s, nil
}
