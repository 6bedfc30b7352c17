package iam

import (
	"context"

	"trent/internal/apierr"
	"trent/internal/record"
)

// AWS's quotas, those that can be raised as far as they can be.
const (
	maxUsers         = 5_000
	maxGroups        = 300
	maxGroupsPerUser = 10
	maxAccessKeys    = 2
	maxRoles         = 5_000
	maxPolicies      = 5_000
)

// quota refuses one more row than max with a prefix. An account's changes wait
// for each other, so the count is exact while one process writes.
func (c *Config) quota(ctx context.Context, prefix []byte, max int, name string) error {
	n, _, err := c.Identity.Store.Count(ctx, prefix, record.PrefixEnd(prefix), max)
	if err == nil && n >= max {
		err = exceeded(name, max)
	}
	return err
}

func exceeded(name string, max int) error {
	return apierr.New(apierr.LimitExceeded, "Cannot exceed quota for %s: %d", name, max)
}
