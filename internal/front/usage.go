package front

import (
	"context"

	"trent/internal/apierr"
	"trent/internal/authz"
	"trent/internal/call"
	"trent/internal/condkey"
	"trent/internal/key"
	"trent/internal/keyuse"
)

// noteUse notes how a call that is recorded used its keys: that it did, or that a
// key refused it for being on its way to deletion. What wants a key of some usage
// is a use, and nothing else: the operations that AWS KMS tracks, as a test says.
func (p *Pipeline) noteUse(c *call.Call, outcome error) {
	if p.Uses == nil || c.Row == nil || c.Row.Usage == "" || c.DryRun {
		return
	}
	for i, k := range c.Keys {
		if k == nil || i > 0 && k == c.Keys[0] {
			continue
		}
		if outcome == nil {
			p.Uses.Used(k, keyuse.Use{Operation: c.Op.String(), Time: c.Time, EventID: c.EventID, RequestID: c.RequestID})
		} else if why, ok := refusal(c, k, outcome); ok {
			p.Uses.Refused(k, why, c.Op.String(), principal(c), c.Time)
		}
	}
}

// unused tells the conditions of what ends a key's use how long it has had none.
func (p *Pipeline) unused(ctx context.Context, c *call.Call, r *authz.Request, k *key.Key) (err error) {
	if p.Uses == nil || !condkey.OfUsage(c.Op) {
		return nil
	}
	r.UnusedDays, err = p.Uses.UnusedDays(ctx, k, c.Time)
	r.Tracked = err == nil
	return err
}

// brownedOut refuses a use that a brown-out chooses, as the key's deletion would.
func brownedOut(c *call.Call, k *key.Key) error {
	if c.Row.Usage == "" || !k.Brownout.Refuses(c.RequestID, c.Time) {
		return nil
	}
	return apierr.New(apierr.KMSInvalidState, "%s is browned out: this use is refused to show what the deletion of the key would break.", k.ARN)
}

// refusal says whether a key's coming deletion is why its use was refused.
func refusal(c *call.Call, k *key.Key, outcome error) (keyuse.Reason, bool) {
	switch {
	case apierr.From(outcome).Code != apierr.KMSInvalidState:
		return 0, false
	case k.State == key.PendingDeletion || k.State == key.PendingReplicaDeletion:
		return keyuse.Pending, true
	}
	return keyuse.BrownOut, k.Brownout.Refuses(c.RequestID, c.Time)
}

// principal is who calls, for people to read.
func principal(c *call.Call) string {
	if s := c.Caller.Service; s != nil {
		return s.Principal
	}
	return c.Caller.PrincipalARN
}
