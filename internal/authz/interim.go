package authz

import (
	"trent/internal/api"
	"trent/internal/identity"
	"trent/internal/key"
)

// Keyless permits an operation that names no key, in the caller's account. It
// goes when the pipeline asks an Authorizer.
func Keyless(op api.Op, caller *identity.Caller, region string) Permit {
	return Permit{op: op, account: caller.Account, region: region, granted: true}
}

// Authorize permits an operation on a key of the caller's account. It goes when
// the pipeline asks an Authorizer.
func Authorize(op api.Op, action string, caller *identity.Caller, k *key.Key, resource string) (Permit, error) {
	if caller.Account != k.Account {
		return Permit{}, Denied(caller, action, resource)
	}
	return Permit{op: op, account: k.Account, region: k.Region, key: k, granted: true}, nil
}
