package authz

import (
	"trent/internal/api"
	"trent/internal/apierr"
	"trent/internal/identity"
	"trent/internal/key"
)

// Keyless permits an operation that names no key, in the caller's account.
func Keyless(op api.Op, caller *identity.Caller, region string) Permit {
	return Permit{op: op, account: caller.Account, region: region, granted: true}
}

// Authorize permits an operation (its IAM action) on a key, or returns
// AccessDeniedException. resource is what the message names: the key's ARN,
// or the identifier as given where the key must not show.
func Authorize(op api.Op, action string, caller *identity.Caller, k *key.Key, resource string) (Permit, error) {
	if caller.Account != k.Account {
		return Permit{}, Denied(caller, action, resource)
	}
	return Permit{op: op, account: k.Account, region: k.Region, key: k, granted: true}, nil
}

// Denied is AWS's refusal where no policy of the key allows the action. It is
// also the answer for a key of another account that does not exist.
func Denied(caller *identity.Caller, action, resource string) error {
	return apierr.New(apierr.AccessDenied,
		"User: %s is not authorized to perform: %s on resource: %s because no resource-based policy allows the %s action",
		caller.PrincipalARN, action, resource, action)
}

// DeniedCiphertext is AWS's refusal for a well-formed ciphertext whose key is
// unknown or forbidden.
func DeniedCiphertext(caller *identity.Caller, action string) error {
	return apierr.New(apierr.AccessDenied,
		"User: %s is not authorized to perform: %s on the resource associated with this ciphertext because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access",
		caller.PrincipalARN, action)
}
