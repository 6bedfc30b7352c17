// Package aliases has the operations on aliases, which are resources of their
// own. One file an operation. It must never touch a key's record. Only
// internal/service imports it.
package aliases

import (
	"context"

	"trent/internal/domains"
	"trent/internal/keydir"
	"trent/internal/store"
)

// Ops has the operations as methods.
type Ops struct {
	Store   store.Store
	Keys    *keydir.Dir
	Regions Regions
}

const aliasPrefix = "alias/"

// Regions finds a Region's record and marker keys, and nothing else of the
// domains.
type Regions interface {
	Region(ctx context.Context, name string) (*domains.Region, error)
}
