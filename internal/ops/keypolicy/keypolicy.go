// Package keypolicy owns the taking of a key policy that a caller gives: CreateKey
// and PutKeyPolicy share its rules. It must never store one. The operations and
// the wiring import it.
package keypolicy

import (
	"context"
	"errors"

	"trent/internal/apierr"
	"trent/internal/authz"
	"trent/internal/call"
	"trent/internal/key"
	"trent/internal/policy"
	"trent/internal/record"
)

// Principals says which principals there are.
type Principals interface {
	// Resolve returns the unique id of what an ARN or account id names, if it
	// exists.
	Resolve(ctx context.Context, name string) (id string, exists bool, err error)
}

// Rules say which key policies are taken.
type Rules struct {
	Partition  string
	MaxBytes   int // of a document, as given
	Principals Principals
	// Unknown takes principals that do not exist, as emulators do: whoever has
	// such an ARN one day is meant.
	Unknown bool
}

// Check returns what to store for a document that can become the key policy of
// k, or AWS's error: LimitExceeded, MalformedPolicyDocument, and for one that would
// lock the caller out, unless bypass is set, MalformedPolicyDocument too. k is the
// key as it is or is to be; its policy does not count.
func (r *Rules) Check(ctx context.Context, c *call.Call, k *key.Key, document string, bypass bool) (*record.Policy, error) {
	if len(document) > r.MaxBytes {
		return nil, apierr.New(apierr.LimitExceeded, "The key policy has %d bytes, which exceeds the limit of %d bytes.", len(document), r.MaxBytes)
	}
	d, err := policy.Parse(document)
	if err == nil {
		err = policy.CheckKeyPolicy(d, r.Partition)
	}
	if err != nil {
		return nil, malformed(err)
	}
	bound, missing, err := policy.Bind(ctx, d, r.Principals.Resolve)
	if err != nil {
		return nil, err
	}
	if len(missing) > 0 && !r.Unknown {
		return nil, malformed(policy.ErrNoSuchPrincipal)
	}
	with := *k
	with.Rules = policy.Compile(d, bound)
	environment := c.Environment()
	if !bypass && authz.LocksOut(&c.Caller, &environment, &with) {
		return nil, apierr.New(apierr.MalformedPolicyDocument, policy.LockoutText)
	}
	return &record.Policy{Document: document, Bound: bound}, nil
}

func malformed(err error) error {
	if e, ok := errors.AsType[*policy.Error](err); ok {
		return apierr.New(apierr.MalformedPolicyDocument, "%s", e.Text)
	}
	return err
}
