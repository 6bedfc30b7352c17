package iam

import (
	"context"
	"errors"
	"slices"

	"trent/internal/apierr"
	"trent/internal/call"
	"trent/internal/identity"
	"trent/internal/query"
	"trent/internal/record"
)

// AWS's statuses of access keys.
const (
	active   = "Active"
	inactive = "Inactive"
)

// An accessKey is one that an operation is about.
type accessKey = identity.Entity[record.AccessKey]

// ofUser is what operations on access keys are about: a user, the caller if none
// is named.
type ofUser struct {
	*Config
	name  string
	found *user
}

func (in *ofUser) Decode(d *query.Decoder) { in.name = d.String("UserName", userName) }

func (in *ofUser) Subject(ctx context.Context, c *call.Query) (s call.Subject, err error) {
	name, err := callerOr(c, in.name)
	if err != nil || name == "" {
		return call.Subject{Resource: c.Caller.PrincipalARN}, err
	}
	in.found, s, err = in.findUser(ctx, c, name)
	return s, err
}

// user returns the user to be changed, or the error.
func (in *ofUser) user() (*user, error) {
	switch {
	case in.found != nil:
		return in.found, nil
	case in.name != "":
		return nil, noUser(in.name)
	}
	return nil, apierr.New(apierr.AccessDenied, "Access keys of an account's root user are made and deactivated by the operators of this service (trent account).")
}

// key returns an access key of the user to be changed, or the error.
func (in *ofUser) key(ctx context.Context, id string) (*user, *accessKey, error) {
	u, err := in.user()
	if err != nil {
		return nil, nil, err
	}
	if !slices.Contains(u.Record.AccessKeys, id) {
		return nil, nil, noAccessKey(id)
	}
	k, err := in.Identity.StoredKey(ctx, id)
	if errors.Is(err, identity.ErrNoEntity) {
		err = noAccessKey(id)
	}
	return u, k, err
}

func noAccessKey(id string) error {
	return apierr.New(apierr.NoSuchEntity, "The Access Key with id %s cannot be found.", id)
}
