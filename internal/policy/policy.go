// Package policy owns the language of AWS's policies: a document as it is
// parsed, its canonical JSON, the rules that AWS KMS has for key policies, and
// the default key policy. It is pure: it knows no store, no caller's
// permissions and no key, and must never say what a policy allows to whom;
// internal/authz will, on these types. The operations and authz may import it.
//
// Parse is for every kind of policy; CheckKeyPolicy, CheckIdentityPolicy,
// CheckManagedPolicy, CheckTrustPolicy and CheckEndpointPolicy add what holds
// for one kind. Which characters a document may have is internal/api's to
// check, how long it may be is a quota (internal/quota).
package policy

// Document is a policy document. Its order is the text's.
type Document struct {
	Version    string // Version2008 or Version2012; "" if the element is absent, which means Version2008
	ID         string // "" if absent
	Statements []Statement
}

// The versions of the policy language.
const (
	Version2008 = "2008-10-17"
	Version2012 = "2012-10-17"
)

// Effect of a statement.
type Effect string

// The effects.
const (
	Allow Effect = "Allow"
	Deny  Effect = "Deny"
)

// Statement is one statement. Of Principal and NotPrincipal at most one is not
// nil, as of Action and NotAction, and of Resource and NotResource; an element
// that is absent is nil, and one that lists nothing is empty but not nil.
type Statement struct {
	SID                   string // "" if absent
	Effect                Effect
	Principal             *Principals
	NotPrincipal          *Principals
	Action, NotAction     []string // as written: AWS compares them without regard to case
	Resource, NotResource []string
	Condition             []Condition // all must hold; in order of operator and key
}

// Principals are the principals of a statement.
type Principals struct {
	Everyone      bool     // the element is "*"; then the lists are nil
	AWS           []string // "*", account ids, ARNs
	Service       []string // names as kms.amazonaws.com
	Federated     []string // ARNs of identity providers, names of web identity providers
	CanonicalUser []string // 64 hex digits
}

// Condition is one test: an operator on the values of one condition key.
type Condition struct {
	Set      SetOperator
	Operator string // StringEquals, …, without set operator and IfExists
	IfExists bool
	Key      string   // as written, such as kms:CallerAccount; AWS compares it without regard to case
	Values   []string // one must match (for negated operators: none may); numbers and booleans as JSON writes them
}

// SetOperator says how the several values that a condition key has in a request
// are tested.
type SetOperator string

// The set operators; most conditions have none.
const (
	ForAllValues SetOperator = "ForAllValues"
	ForAnyValue  SetOperator = "ForAnyValue"
)

// Error says why a document is not a policy, or not a key policy. It is the
// message of AWS's MalformedPolicyDocumentException. It may quote the document,
// which is not secret.
type Error struct{ Text string }

func (e *Error) Error() string { return "policy: " + e.Text }

// quoted is a part of a document in an Error.
func quoted(s string) string {
	const most = 128
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
