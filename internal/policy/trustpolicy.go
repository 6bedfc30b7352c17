package policy

import "strings"

// Texts of IAM's MalformedPolicyDocument for trust policies, as they are reported.
const (
	noTrusted   = "Invalid principal in policy: com.amazon.balsa.error.InvalidPolicyException: The passed in policy has a statement with no principals!"
	trustedStar = `AssumeRolepolicy contained an invalid principal: "STAR":"*".`
	otherAction = "AssumeRole policy may only specify STS AssumeRole actions."
	prohibited  = "Has prohibited field "
)

// trustActions are the actions that a role's trust policy can be about, in
// lower case: those that make a session of it, and what a session brings along.
var trustActions = [...]string{
	"sts:assumerole", "sts:assumerolewithsaml", "sts:assumerolewithwebidentity", "sts:setcontext", "sts:setsourceidentity", "sts:tagsession",
}

// CheckTrustPolicy returns an *Error if the document cannot be the trust policy
// of a role. It does not ask whether the principals exist; InvalidPrincipal is
// the answer to one that does not.
func CheckTrustPolicy(d *Document, partition string) error {
	return d.check(
		(*Statement).prohibitedField,
		d.uniqueSIDs(uniqueSIDs),
		(*Statement).alphanumericSID,
		func(s *Statement) string { return s.trustedFault(partition) },
		(*Statement).trustActionFault,
	)
}

// InvalidPrincipal is the error of a trust policy that names a principal that
// cannot be trusted; kind is AWS, SERVICE, FEDERATED or CANONICAL_USER.
func InvalidPrincipal(kind, name string) *Error {
	return &Error{`Invalid principal in policy: "` + kind + `":"` + quoted(name) + `"`}
}

// prohibitedField refuses what a trust policy does not have: it is about its
// role, and for whom it names.
func (s *Statement) prohibitedField() string {
	switch {
	case s.Resource != nil:
		return prohibited + "Resource"
	case s.NotResource != nil:
		return prohibited + "NotResource"
	case s.NotPrincipal != nil:
		return prohibited + "NotPrincipal"
	}
	return ""
}

func (s *Statement) trustedFault(partition string) string {
	p := s.Principal
	if p.empty() {
		return noTrusted
	}
	if p.Everyone {
		return trustedStar
	}
	for _, list := range p.lists() {
		for _, name := range list.names {
			if !list.valid(name, partition) {
				return InvalidPrincipal(list.kind, name).Text
			}
		}
	}
	return ""
}

func (s *Statement) trustActionFault() string {
	if len(s.Action) == 0 {
		if s.NotAction != nil {
			return otherAction
		}
		return noActions
	}
	for _, action := range s.Action {
		if !validTrustAction(string(lowerAction(nil, action).name)) {
			return otherAction
		}
	}
	return ""
}

// validTrustAction reports whether an action in lower case is one of STS that a
// trust policy can be about, or a pattern of such.
func validTrustAction(action string) bool {
	if !strings.HasPrefix(action, "sts:") {
		return false
	}
	for _, known := range trustActions {
		if Matches(action, known) {
			return true
		}
	}
	return false
}
