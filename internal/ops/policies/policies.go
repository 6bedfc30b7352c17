// Package policies has the operations on key policies. One file an operation.
// It must never decide what a policy allows. Only internal/service imports it.
package policies

import (
	"trent/internal/apierr"
	"trent/internal/domains"
	"trent/internal/ops/keypolicy"
	"trent/internal/store"
)

// Ops has the operations as methods.
type Ops struct {
	Store   store.Store
	Regions domains.Finder
	Rules   *keypolicy.Rules
}

// defaultName is the name of a key's one policy.
const defaultName = "default"

// errNoSuchPolicy is AWS's error for any other name.
func errNoSuchPolicy() error { return apierr.New(apierr.NotFound, "No such policy exists") }
