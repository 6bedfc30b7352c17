package identity

import (
	"context"

	"trent/internal/record"
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
