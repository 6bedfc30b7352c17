package policy

import (
	"fmt"
	"strings"
)

// Texts of MalformedPolicyDocumentException that AWS KMS is reported to give.
const (
	noPrincipal       = "Policy contains a statement with no principal."
	invalidPrincipals = "Policy contains a statement with one or more invalid principals."
	notPermittedKeys  = "These condition keys are not permitted in a key policy: aws:ResourceTag, kms:ResourceTag, kms:ResourceAliases"
	overlyPermissive  = "OverlyPermissiveCondition: Using the ForAllValues set operator with a single-valued condition key matches requests without the specified %s or with an unspecified %[1]s. To fix, remove ForAllValues."
	missingField      = "Missing required field "
)

// LockoutText is what AWS KMS says of a key policy that its maker could not
// change again.
const LockoutText = "The new key policy will not allow you to update the key policy in the future."

// ErrNoSuchPrincipal is the error of a resource-based policy with a principal
// that does not exist.
var ErrNoSuchPrincipal = &Error{invalidPrincipals}

// CheckKeyPolicy returns an *Error if the document cannot be the key policy of
// a key in the partition. It does not ask whether the principals exist.
func CheckKeyPolicy(d *Document, partition string) error {
	unique := d.uniqueSIDs("The Statement Ids in the policy are not unique")
	return d.check(func(s *Statement) string {
		if text := unique(s); text != "" {
			return text
		}
		return s.fault(partition)
	})
}

// fault is what is wrong with a statement of a key policy; "" if nothing is.
func (s *Statement) fault(partition string) string {
	if text := s.principalFault(partition); text != "" {
		return text
	}
	switch {
	case len(s.Action)+len(s.NotAction) == 0:
		return missingField + "Action"
	case len(s.Resource) == 0:
		return missingField + "Resource"
	}
	for _, list := range [...][]string{s.Action, s.NotAction} {
		for _, action := range list {
			if !validAction(action) {
				return "The following action names are invalid: " + quoted(action)
			}
		}
	}
	for _, resource := range s.Resource {
		if resource != "*" {
			return `Resource must be "*" in a key policy: ` + quoted(resource)
		}
	}
	for i := range s.Condition {
		if text := s.Condition[i].fault(); text != "" {
			return text
		}
	}
	return ""
}

// principalFault is what is wrong with the principals of a statement of a
// resource-based policy.
func (s *Statement) principalFault(partition string) string {
	principals := s.Principal
	if s.NotPrincipal != nil {
		principals = s.NotPrincipal
		if s.Effect == Allow {
			return "NotPrincipal cannot be used with the effect Allow"
		}
	}
	switch {
	case principals.empty():
		return noPrincipal
	case !principals.valid(partition):
		return invalidPrincipals
	}
	return ""
}

// validAction reports whether an action can be one of AWS KMS: "*", or "kms:"
// and letters, "*" and "?". Names of operations that do not exist (yet) are
// valid, as policies outlive releases.
func validAction(action string) bool {
	if action == "*" {
		return true
	}
	const vendor = "kms:"
	if len(action) <= len(vendor) || !strings.EqualFold(action[:len(vendor)], vendor) {
		return false
	}
	for _, c := range []byte(action[len(vendor):]) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && c != '*' && c != '?' {
			return false
		}
	}
	return true
}

// fault is what is wrong with a condition in a key policy.
func (c *Condition) fault() string {
	key := Fold(c.Key)
	if key == "kms:resourcealiases" || strings.HasPrefix(key, "aws:resourcetag/") || strings.HasPrefix(key, "kms:resourcetag/") {
		return notPermittedKeys
	}
	if c.Set == ForAllValues {
		for prefix, what := range map[string]string{"kms:encryptioncontext:": "encryption context", "aws:requesttag/": "tag"} {
			if strings.HasPrefix(key, prefix) {
				return fmt.Sprintf(overlyPermissive, what)
			}
		}
	}
	return ""
}
