// Package keypolicy owns the taking of a key policy that a caller gives: CreateKey
// and PutKeyPolicy share its rules. It must never store one, nor say what one
// allows. The operations and the wiring import it.
package keypolicy

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"trent/internal/apierr"
	"trent/internal/call"
	"trent/internal/policy"
)

// Rules say which key policies are taken.
type Rules struct {
	Partition string
	MaxBytes  int // of a document, as given
	// DefaultOnly refuses what has another effect than the default key policy:
	// a policy that is stored and not enforced would promise what does not hold.
	// Without it, the log says so.
	DefaultOnly bool
	Log         *slog.Logger

	mu     sync.Mutex
	warned time.Time
}

// warnEvery is how often the log says that policies are not enforced.
const warnEvery = time.Minute

// Check returns AWS's error for a document that cannot become a key policy in
// the caller's account: LimitExceeded, MalformedPolicyDocument, and for one that
// would lock the caller out, unless bypass is set, MalformedPolicyDocument too.
func (r *Rules) Check(ctx context.Context, c *call.Call, document string, bypass bool) error {
	if len(document) > r.MaxBytes {
		return apierr.New(apierr.LimitExceeded, "The key policy has %d bytes, which exceeds the limit of %d bytes.", len(document), r.MaxBytes)
	}
	d, err := policy.Parse(document)
	if err == nil {
		err = policy.CheckKeyPolicy(d, r.Partition)
	}
	if err != nil {
		return malformed(err)
	}
	if !bypass && policy.LocksOut(d, r.Partition, c.Caller.Account, c.Caller.PrincipalARN) {
		return apierr.New(apierr.MalformedPolicyDocument, policy.LockoutText)
	}
	if policy.EquivalentToDefault(d, r.Partition, c.Caller.Account) {
		return nil
	}
	if r.DefaultOnly {
		return apierr.New(apierr.UnsupportedOperation,
			"Trent does not enforce key policies yet, and takes only those with the effect of the default key policy: the account %s may do everything, and nobody else is named.", c.Caller.Account)
	}
	r.warn(ctx, c)
	return nil
}

func malformed(err error) error {
	if e, ok := errors.AsType[*policy.Error](err); ok {
		return apierr.New(apierr.MalformedPolicyDocument, "%s", e.Text)
	}
	return err
}

// warn logs that a policy is stored only, now and then.
func (r *Rules) warn(ctx context.Context, c *call.Call) {
	r.mu.Lock()
	due := c.Time.Sub(r.warned) >= warnEvery || c.Time.Before(r.warned)
	if due {
		r.warned = c.Time
	}
	r.mu.Unlock()
	if due {
		r.Log.WarnContext(ctx, "a key policy other than the default one was taken: key policies are stored, but not enforced yet",
			"operation", c.Op.String(), "account", c.Caller.Account, "region", c.Region, "request_id", c.RequestID)
	}
}
