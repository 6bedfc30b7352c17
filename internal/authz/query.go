package authz

import (
	"trent/internal/apierr"
	"trent/internal/identity"
)

// AuthorizeQuery permits an action of IAM or STS on a resource, or returns
// AccessDeniedException, which names the resource as shown unless that is empty.
// Until identity-based policies are enforced, an account's root user may do
// everything in it, and nobody else anything.
func AuthorizeQuery(caller *identity.Caller, action, resource, shown string) error {
	if caller.Type == "Root" {
		return nil
	}
	if shown == "" {
		shown = resource
	}
	return apierr.New(apierr.AccessDenied,
		"User: %s is not authorized to perform: %s on resource: %s because no identity-based policy allows the %s action",
		caller.PrincipalARN, action, shown, action)
}
