package identity

import (
	"time"

	"trent/internal/policy"
)

// Permissions are a principal's identity-based policies, compiled, and his
// tags: what internal/authz decides by. They are immutable; a change of any of
// the records behind them makes new ones before it is acknowledged.
type Permissions struct {
	// Root is an account's root user: identity-based policies allow him
	// everything in his account.
	Root     bool
	ID       string            // unique id of the user or the role: AIDA…, AROA…; the account id for root
	Policies []Attached        // of the user and his groups, or of the role
	Boundary *Attached         // nil: none
	Tags     map[string]string // keys in lower case, as Caller.Tag wants them
}

// Attached is a compiled policy and where it comes from, for reasons.
type Attached struct {
	Name   string // of the policy
	ARN    string // of a managed policy; empty for an inline one
	Owner  string // ARN of the user, group or role that it is attached to
	Policy *policy.Policy
}

// Session is what temporary credentials bring beside the principal.
type Session struct {
	Name           string // of a role's session
	RoleARN        string // "" for GetSessionToken
	RoleName       string
	Issued         time.Time
	Expires        time.Time
	Limited        bool              // session policies were given: what they do not allow is denied
	Policies       []Attached        // session policies
	Tags           map[string]string // session tags, as given; they hide the role's tags of the same keys
	Transitive     []string
	SourceIdentity string
	Chained        bool

	roleID string            // unique id of the role
	tags   map[string]string // keys in lower case
}

// Expired reports whether temporary credentials are over.
func (s *Session) Expired(now time.Time) bool { return s != nil && !now.Before(s.Expires) }

// Forbids reports whether temporary credentials cannot be used with a service at
// all: those of GetSessionToken cannot with IAM, as they come without MFA.
func (s *Session) Forbids(service string) bool {
	return s != nil && s.RoleARN == "" && service == "iam"
}
