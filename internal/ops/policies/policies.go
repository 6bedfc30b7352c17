// Package policies has the operations on key policies. One file an operation.
// It must never decide what a policy allows. Only internal/service imports it.
package policies

import (
	"trent/internal/domains"
)

// Ops has the operations as methods.
type Ops struct {
	Regions domains.Finder
}

// defaultName is the name of a key's one policy.
const defaultName = "default"
