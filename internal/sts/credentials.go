package sts

import (
	"context"
	"fmt"
	"time"

	"trent/internal/apierr"
	"trent/internal/awsjson"
	"trent/internal/call"
	"trent/internal/identity"
	"trent/internal/query"
	"trent/internal/record"
	"trent/internal/store"
)

// minDuration is the shortest life of temporary credentials, in seconds.
const minDuration = 900

// give makes temporary credentials and commits them with their audit record,
// whose responseElements begin with them; rest are the elements that follow.
func (s *Config) give(ctx context.Context, c *call.Query, k record.AccessKey, duration time.Duration, rest string) (identity.Credentials, error) {
	made, cmp, ops, err := s.Identity.NewCredentials(ctx, k, duration)
	if err != nil {
		return made, fmt.Errorf("make temporary credentials: %w", err)
	}
	c.ResponseElements = append([]byte(`{"credentials":{"accessKeyId":`), awsjson.AppendString(nil, made.AccessKeyID)...)
	c.ResponseElements = append(c.ResponseElements, `,"expiration":"`+made.Expires.Format("Jan 2, 2006, 3:04:05 PM")+`"}`+rest+`}`...)
	if err := c.Commit(ctx, s.Identity.Store, []store.Cmp{cmp}, ops); err != nil {
		made.Wipe()
		return made, err
	}
	return made, nil
}

// write writes the element Credentials.
func write(out *query.XML, made *identity.Credentials) {
	out.Open("Credentials")
	out.Text("AccessKeyId", made.AccessKeyID)
	out.Secret("SecretAccessKey", made.Secret.Expose())
	out.Secret("SessionToken", made.Token.Expose())
	out.Time("Expiration", made.Expires)
	out.Close("Credentials")
}

// mfa reads the parameters of MFA and reports the first that was given.
func mfa(d *query.Decoder) (given string) {
	for _, name := range [...]string{"TokenCode", "SerialNumber"} {
		if d.Given(name) {
			d.String(name, &query.Rule{Max: 256, Hidden: name == "TokenCode"})
			given = name
		}
	}
	return given
}

// noMFA refuses a parameter of MFA: a caller who gives one wants it checked.
func noMFA(given string, c *call.Query) error {
	if given == "" {
		return nil
	}
	return apierr.New(apierr.UnsupportedOperation, "Trent does not support the parameter %s of %s yet.", given, c.Operation.Name)
}
