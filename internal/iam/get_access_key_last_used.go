package iam

import (
	"context"
	"errors"

	"trent/internal/apierr"
	"trent/internal/call"
	"trent/internal/identity"
	"trent/internal/query"
)

// getAccessKeyLastUsed shows when and for what an access key of the account was
// used last.
type getAccessKeyLastUsed struct {
	*Config
	id   string
	user string // who has the key; "": nobody of this account
}

func (in *getAccessKeyLastUsed) Decode(d *query.Decoder) {
	in.id = d.Required("AccessKeyId", accessKeyID)
}

func (in *getAccessKeyLastUsed) Subject(ctx context.Context, c *call.Query) (s call.Subject, err error) {
	in.user = ""
	k, err := in.Identity.StoredKey(ctx, in.id)
	if err == nil && k.Record.Account == c.Caller.Account && k.Record.Type == identity.TypeUser {
		in.user = k.Record.UserName
		_, s, err = in.findUser(ctx, c, in.user)
	}
	if errors.Is(err, identity.ErrNoEntity) {
		err = nil
	}
	if s.Resource == "" {
		s.Resource = userARN(c, "/", "*")
	}
	s.Shown = "access key " + in.id
	return s, err
}

func (in *getAccessKeyLastUsed) Run(ctx context.Context, c *call.Query, out *query.XML) error {
	if in.user == "" { // unknown, of another account, or root's: AWS says the same of all
		return apierr.New(apierr.AccessDenied, "User: %s is not authorized to perform: %s on resource: access key %s", c.Caller.PrincipalARN, c.Action(), in.id)
	}
	last, used, err := in.Identity.LastUsed(ctx, in.id)
	if err != nil {
		return err
	}
	out.Text("UserName", in.user)
	out.Open("AccessKeyLastUsed")
	if used {
		out.Time("LastUsedDate", last.Time)
		out.Text("ServiceName", last.Service)
		out.Text("Region", last.Region)
	} else {
		out.Text("ServiceName", "N/A")
		out.Text("Region", "N/A")
	}
	out.Close("AccessKeyLastUsed")
	return nil
}
