// Package aliases has the operations on aliases, which are resources of their
// own. One file an operation. It must never touch a key's record. Only
// internal/service imports it.
package aliases

import (
	"trent/internal/domains"
	"trent/internal/keydir"
	"trent/internal/store"
)

// Ops has the operations as methods.
type Ops struct {
	Store   store.Store
	Keys    *keydir.Dir
	Domains *domains.Manager
}

const aliasPrefix = "alias/"
