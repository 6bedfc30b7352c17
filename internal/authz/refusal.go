package authz

import (
	"strings"

	"trent/internal/api"
	"trent/internal/apierr"
	"trent/internal/identity"
	"trent/internal/optable"
)

// Refusal is AWS's text for a decision that denies. Of a key of another account
// it tells nothing, not even that there is one.
func (d *Decision) Refusal(r *Request) error {
	if r.Owner != "" && r.Owner != r.Caller.Account {
		if r.Identifier != "" {
			return Denied(r.Caller, r.Action, r.Identifier)
		}
		return Denied(r.Caller, r.Action, r.Resource)
	}
	kind, resource := d.Layer.String(), r.Resource
	switch {
	case r.tagsNewKey(), strings.HasPrefix(r.Action, "cloudtrail:"):
		resource = ""
	case resource == "":
		resource = "*" // as policies call what is on no resource
	}
	if d.Explicit {
		return denied(r.Caller, r.Action, resource, "with an explicit deny in "+article(kind)+" "+kind)
	}
	return denied(r.Caller, r.Action, resource, "because no "+kind+" allows the "+r.Action+" action")
}

// tagsNewKey reports whether the request is the one for CreateKey's Tags, whose
// refusal at AWS names no resource, as CloudTrail's.
func (r *Request) tagsNewKey() bool {
	return r.Op == api.OpCreateKey && r.Action != optable.Of(r.Op).Actions[0]
}

// Denied is AWS's refusal where no policy of the key allows the action. It is
// also the answer for a key of another account that does not exist.
func Denied(caller *identity.Caller, action, resource string) error {
	return denied(caller, action, resource, "because no "+ResourcePolicy.String()+" allows the "+action+" action")
}

// denied is the refusal with its reason.
func denied(caller *identity.Caller, action, resource, reason string) error {
	on := " "
	if resource != "" {
		on = " on resource: " + resource + " "
	}
	return apierr.New(apierr.AccessDenied, "User: %s is not authorized to perform: %s%s%s", caller.Shown(), action, on, reason)
}

func article(s string) string {
	if strings.HasPrefix(s, "i") {
		return "an"
	}
	return "a"
}

// DeniedCiphertext is AWS's refusal for a well-formed ciphertext whose key is
// unknown or forbidden.
func DeniedCiphertext(caller *identity.Caller, action string) error {
	return apierr.New(apierr.AccessDenied,
		"User: %s is not authorized to perform: %s on the resource associated with this ciphertext because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access",
		caller.Shown(), action)
}
