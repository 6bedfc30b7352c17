package sts

import (
	"context"
	"time"

	"trent/internal/apierr"
	"trent/internal/call"
	"trent/internal/identity"
	"trent/internal/query"
	"trent/internal/record"
)

// AWS's durations of GetSessionToken, in seconds. The root user's credentials
// live no longer than his default, whatever he asks for.
const (
	maxTokenDuration  = 129_600
	userTokenDuration = 43_200
	rootTokenDuration = 3_600
)

// getSessionToken gives a user, or the root user, temporary credentials of his
// own.
type getSessionToken struct {
	*Config
	duration int
	mfa      string
}

func (in *getSessionToken) Decode(d *query.Decoder) {
	in.duration = d.Int("DurationSeconds", minDuration, maxTokenDuration, userTokenDuration)
	in.mfa = mfa(d)
}

// Subject needs no permission of a policy's: the operation is there for MFA,
// which policies do not control.
func (in *getSessionToken) Subject(_ context.Context, c *call.Query) (call.Subject, error) {
	if c.Caller.Session != nil {
		return call.Subject{}, apierr.New(apierr.AccessDenied, "Cannot call GetSessionToken with session credentials")
	}
	return call.Subject{Resource: "*"}, noMFA(in.mfa, c)
}

func (in *getSessionToken) Run(ctx context.Context, c *call.Query, out *query.XML) error {
	if c.Caller.Type == identity.TypeRoot {
		in.duration = min(in.duration, rootTokenDuration)
	}
	made, err := in.give(ctx, c, record.AccessKey{
		Account: c.Caller.Account, PrincipalARN: c.Caller.PrincipalARN, PrincipalID: c.Caller.PrincipalID,
		Type: c.Caller.Type, UserName: c.Caller.UserName,
		Temporary: &record.Session{IssuedMs: c.Time.UnixMilli()},
	}, time.Duration(in.duration)*time.Second, "")
	if err != nil {
		return err
	}
	defer made.Wipe()
	write(out, &made)
	return nil
}
