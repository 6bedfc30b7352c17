// Package policies has the operations on key policies. One file an operation.
// It must never decide what a policy allows. Only internal/service imports it.
package policies

import (
	"context"

	"trent/internal/domains"
)

// Ops has the operations as methods.
type Ops struct {
	Regions Regions
}

// defaultName is the name of a key's one policy.
const defaultName = "default"

// Regions finds a Region's marker key, and nothing else of the domains.
type Regions interface {
	Region(ctx context.Context, name string) (*domains.Region, error)
}
