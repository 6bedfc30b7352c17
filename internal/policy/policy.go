// Package policy owns the language of AWS's policies: a document as it is
// parsed, its canonical JSON, what makes it a policy of each kind, the default
// key policy, and what one policy says of one request. It is pure: it knows no
// store and no key, and must never combine what several policies say;
// internal/authz does. Whoever stores, reads or asks policies may import it.
//
// Parse is for every kind of policy; CheckKeyPolicy and its likes add what holds
// for one kind. Which characters a document may have is internal/api's to check,
// how long it may be is a quota (internal/quota).
//
// # Evaluation
//
// The rules are those of the IAM User Guide, "IAM JSON policy element
// reference"; where it leaves something open, the request is denied.
//
// A statement is about a request if its action, its principal (of resource-based
// policies only), its resource and all its conditions are. One that denies wins.
//
//   - Actions are compared without regard to the case of ASCII letters; everything
//     else with it, but for the names of condition keys and …IgnoreCase. "*" is any
//     characters, "?" is one. An element that lists nothing is about nothing.
//   - In a resource, wildcards match within one of the six parts of an ARN; a "*"
//     that ends its part matches colons too. The sixth part goes to the end. Parts
//     that an ARN lacks at its end may be anything.
//   - Principals are compared whole. An account is everybody in it, "*" everybody.
//     A role's ARN is every session of it. NotPrincipal exempts from a Deny who is
//     named together with his account and, for a session, with its role; nobody
//     who has a permissions boundary. With Allow it is about nobody.
//   - A condition holds if one of its values matches; a negated one, if none does.
//     A key that is absent, or is an empty set, matches nothing: negated operators
//     hold, others do not. With IfExists all hold.
//   - ForAllValues asks that each value of the request's set passes, ForAnyValue
//     that one does. Without a value other than the empty string the one holds, the
//     other does not, and Null finds the key null.
//   - Text is compared as it is; numbers as 64-bit floating point; dates as ISO
//     8601, from a year to fractions of a second, or seconds since 1970 (four
//     digits are a year); IPv4 addresses in IPv6's form as IPv4; binary values
//     with what the policy's base64 decodes to. ArnEquals is ArnLike: of the six
//     parts each is compared for itself.
//   - In documents of the version 2012-10-17, ${key} and ${key, 'default'} stand for
//     the one value of a condition key, in resources behind the fifth colon and in
//     the values of operators for text and ARNs; ${*}, ${?} and ${$} for these
//     characters. What a variable stands for has no wildcards. Where its key has no
//     value, or several, and it has no default, nothing is equal to it or like it:
//     negated operators hold, and no resource is meant.
//   - What cannot be compared matches nothing and does not allow either: a value
//     of another type than the operator's; a set of the request without a set
//     operator. In a statement that allows, such a condition does not hold,
//     whatever else is listed, and negated or not. In one that denies, a negated
//     operator holds; a set without a set operator is tested as with ForAnyValue.
//   - Work is counted in steps. When MaxSteps are used up, everything is denied.
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
