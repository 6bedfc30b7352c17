package policy

import (
	"strings"
	"unicode"
)

// Lengths of policies, in characters.
const (
	// Of all inline policies of one user, group or role together, and of one
	// version of a managed policy, white space not counted: IAM User Guide, "IAM
	// and AWS STS quotas".
	MaxUserPolicies   = 2048
	MaxGroupPolicies  = 5120
	MaxRolePolicies   = 10240
	MaxManagedPolicy  = 6144
	MaxTrustPolicy    = 2048  // of one role, white space not counted: the same page, "Role trust policy length"
	MaxSessionPolicy  = 2048  // as given: AWS STS API Reference, AssumeRole, Policy
	MaxEndpointPolicy = 20480 // as given: Amazon VPC User Guide, "Amazon VPC quotas"
)

// Length counts the characters of a policy as IAM does: without white space.
func Length(text string) int {
	n := 0
	for _, c := range text {
		if !unicode.IsSpace(c) {
			n++
		}
	}
	return n
}

// Texts of IAM's MalformedPolicyDocument, as they are reported.
const (
	managedVersion     = "Policy document must be version 2012-10-17 or greater."
	noPrincipalAllowed = "Policy document should not specify a principal."
	legacyParsing      = "The policy failed legacy parsing"
	uniqueSIDs         = "Statement IDs (SID) in a single policy must be unique."
	alphanumericSIDs   = "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"
	noActions          = "Policy statement must contain actions."
	noResources        = "Policy statement must contain resources."
	noVendor           = "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
	twoColons          = "Actions/Condition can contain only one colon."
	resourceVendor     = "Resource vendor must be fully qualified and cannot contain regexes."
)

// CheckIdentityPolicy returns an *Error if the document cannot be a policy of a
// user, a group or a role, nor one of a session. Actions and resources may be
// those of services that are not here.
func CheckIdentityPolicy(d *Document, partition string) error {
	return d.check(
		func(s *Statement) string {
			if s.Principal != nil || s.NotPrincipal != nil {
				return noPrincipalAllowed
			}
			return ""
		},
		(*Statement).completeResources,
		d.uniqueSIDs(uniqueSIDs),
		(*Statement).alphanumericSID,
		(*Statement).actsOnSomething,
		func(s *Statement) string { return s.resourceFault(partition) },
		(*Statement).actionFault,
	)
}

// CheckManagedPolicy returns an *Error if the document cannot be a managed
// policy, which a permissions boundary is too.
func CheckManagedPolicy(d *Document, partition string) error {
	if d.Version != Version2012 {
		return &Error{managedVersion}
	}
	return CheckIdentityPolicy(d, partition)
}

// CheckEndpointPolicy returns an *Error if the document cannot be the policy of
// an endpoint: it bounds, as a VPC endpoint policy does, what anybody can ask
// for through a listener.
func CheckEndpointPolicy(d *Document, partition string) error {
	return d.check(
		func(s *Statement) string { return s.principalFault(partition) },
		(*Statement).completeResources,
		d.uniqueSIDs(uniqueSIDs),
		(*Statement).actsOnSomething,
		func(s *Statement) string { return s.resourceFault(partition) },
		(*Statement).actionFault,
	)
}

// check asks one rule after another of all statements, in the order in which
// IAM is seen to. A rule says what is wrong with a statement.
func (d *Document) check(rules ...func(*Statement) string) error {
	for _, rule := range rules {
		for i := range d.Statements {
			if text := rule(&d.Statements[i]); text != "" {
				return &Error{text}
			}
		}
	}
	return nil
}

// uniqueSIDs is the rule that no two statements have one Sid. Many may have none.
func (d *Document) uniqueSIDs(text string) func(*Statement) string {
	ids := map[string]bool{}
	return func(s *Statement) string {
		if s.SID != "" && ids[s.SID] {
			return text
		}
		ids[s.SID] = true
		return ""
	}
}

func (s *Statement) alphanumericSID() string {
	for _, c := range []byte(s.SID) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
			return alphanumericSIDs
		}
	}
	return ""
}

// completeResources refuses what IAM cannot read as an ARN at all: one that
// lacks fields behind an empty one. Without an empty field it means any value
// in those that it lacks.
func (s *Statement) completeResources() string {
	for _, resource := range s.resources() {
		parts := strings.Split(resource, ":")
		if len(parts) > 2 && (parts[2] == "" || len(parts) < 6 && strings.Contains(resource, "::")) {
			return legacyParsing
		}
	}
	return ""
}

func (s *Statement) actsOnSomething() string {
	switch {
	case len(s.Action)+len(s.NotAction) == 0:
		return noActions
	case len(s.Resource)+len(s.NotResource) == 0:
		return noResources
	}
	return ""
}

// actions are those of Action or NotAction.
func (s *Statement) actions() []string {
	if s.NotAction != nil {
		return s.NotAction
	}
	return s.Action
}

// resources are those of Resource or NotResource.
func (s *Statement) resources() []string {
	if s.NotResource != nil {
		return s.NotResource
	}
	return s.Resource
}

// actionFault is what is wrong with an action: each is "*", or a vendor and a
// name, which may have wildcards.
func (s *Statement) actionFault() string {
	for _, action := range s.actions() {
		vendor, name, found := strings.Cut(action, ":")
		switch {
		case action == "*":
		case !found:
			return noVendor
		case strings.Contains(name, ":"):
			return twoColons
		case vendor != "*" && !validVendor(vendor):
			return "Vendor " + quoted(vendor) + " is not valid"
		case !visible(name):
			return "Action " + quoted(action) + " is not valid"
		}
	}
	return ""
}

// visible reports whether s has visible ASCII characters only. What else looks
// like an action means none, and a Deny of it nothing.
func visible(s string) bool {
	for i := range len(s) {
		if s[i] < 0x21 || s[i] > 0x7E {
			return false
		}
	}
	return true
}

func validVendor(vendor string) bool {
	for _, c := range []byte(vendor) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && c != '-' && c != '.' {
			return false
		}
	}
	return vendor != ""
}

// resourceFault is what is wrong with a resource: each is "*", or the ARN of
// something in the partition, in which the vendor is no pattern. The vendors
// iam and s3 have no Regions, and iam's things have paths.
func (s *Statement) resourceFault(partition string) string {
	for _, resource := range s.resources() {
		if resource == "*" {
			continue
		}
		parts := strings.SplitN(resource, ":", 6)
		if len(parts) < 2 {
			return "Resource " + quoted(resource) + ` must be in ARN format or "*".`
		}
		if parts[0] != "arn" || parts[1] != partition {
			return foreignPartition(parts)
		}
		if len(parts) == 2 || strings.ContainsAny(parts[2], "*?$") {
			return resourceVendor
		}
		region := len(parts) > 3 && parts[3] != ""
		switch parts[2] {
		case "iam":
			if region {
				return "IAM resource " + quoted(resource) + " cannot contain region information."
			}
			if len(parts) == 6 && !validIAMPath(parts[5]) {
				return `IAM resource path must either be "*" or start with ` + strings.Join(iamPaths[:], ", ") + "."
			}
		case "s3":
			if region {
				return "Resource " + quoted(resource) + " can not contain region information."
			}
		}
	}
	return ""
}

// foreignPartition is IAM's text: it completes the ARN.
func foreignPartition(parts []string) string {
	name := "arn"
	for i := 1; i < 6; i++ {
		if i < len(parts) {
			name += ":" + parts[i]
		} else {
			name += ":*"
		}
	}
	return `Partition "` + quoted(parts[1]) + `" is not valid for resource "` + quoted(name) + `".`
}

// iamPaths are the kinds of things that IAM has, in the order of its text.
var iamPaths = [...]string{
	"user/", "federated-user/", "role/", "group/", "instance-profile/", "mfa/", "server-certificate/", "policy/", "sms-mfa/",
	"saml-provider/", "oidc-provider/", "report/", "access-report/",
}

// validIAMPath reports whether a resource's part can be one of IAM's: any, the
// root user, or of a known kind.
func validIAMPath(path string) bool {
	if path == "*" || path == "root" {
		return true
	}
	for _, kind := range iamPaths {
		if strings.HasPrefix(path, kind) {
			return true
		}
	}
	return false
}
