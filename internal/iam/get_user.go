package iam

import (
	"context"

	"trent/internal/apierr"
	"trent/internal/call"
	"trent/internal/query"
)

// getUser shows a user; without a name the caller, who can be the root user too.
type getUser struct {
	*Config
	name  string
	found *user
}

func (in *getUser) Decode(d *query.Decoder) { in.name = d.String("UserName", userName) }

func (in *getUser) Subject(ctx context.Context, c *call.Query) (s call.Subject, err error) {
	name, err := callerOr(c, in.name)
	if err != nil || name == "" {
		return call.Subject{Resource: c.Caller.PrincipalARN}, err
	}
	in.found, s, err = in.findUser(ctx, c, name)
	return s, err
}

func (in *getUser) Run(ctx context.Context, c *call.Query, out *query.XML) error {
	if in.found == nil && in.name == "" {
		return in.root(ctx, c, out)
	}
	if in.found == nil {
		return noUser(in.name)
	}
	out.Open("User")
	writeUser(out, c, &in.found.Record)
	writeBoundary(out, in.found.Record.Boundary)
	writeTags(out, in.found.Record.Tags)
	out.Close("User")
	return nil
}

// root shows an account's root user, who has neither a name nor a path.
func (in *getUser) root(ctx context.Context, c *call.Query, out *query.XML) error {
	account, err := in.Identity.FindAccount(ctx, c.Caller.Account)
	if err != nil {
		return err
	}
	out.Open("User")
	out.Text("UserId", c.Caller.PrincipalID)
	out.Text("Arn", c.Caller.PrincipalARN)
	out.Time("CreateDate", account.Created)
	out.Close("User")
	return nil
}

// callerOr returns name or, if it is empty, the caller's, which root does not
// have. Who is neither a user nor root has to give a name.
func callerOr(c *call.Query, name string) (string, error) {
	switch {
	case name != "":
		return name, nil
	case c.Caller.UserName == "" && c.Caller.Type != "Root":
		return "", apierr.New(apierr.Validation, "Must specify userName when calling with non-User credentials")
	}
	return c.Caller.UserName, nil
}
