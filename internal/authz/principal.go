package authz

import "trent/internal/policy"

// Principal is the caller as resource-based policies and grants name him.
func (r *Request) Principal() policy.Principal { return r.principal() }
