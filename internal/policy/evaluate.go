package policy

// Policy is a document that was compiled for evaluation. It is immutable and
// safe for concurrent use.
type Policy struct {
	document *Document
}

// Bound are the unique ids (AIDA…, AROA…) that the ARNs of a resource-based
// policy's users and roles had when it was stored. A principal that was deleted
// and made again under the same name has another id, and the policy does not
// mean it any more. An ARN that is not in the map is compared as it stands.
type Bound map[string]string

// Compile makes a parsed and checked document ready for evaluation. bound may
// be nil.
func Compile(d *Document, bound Bound) *Policy { return &Policy{document: d} }

// Request is what a policy is asked: may this principal do that? It is used for
// one decision after another, by one goroutine.
type Request struct {
	Action    string // as kms:Encrypt
	Resource  string // an ARN; "" for an action without one, which only the pattern * covers
	Principal Principal
	Context   Context
	// Steps counts the work of all evaluations of this request. Beyond MaxSteps
	// every evaluation denies.
	Steps int
}

// MaxSteps bounds the steps of one request: comparisons of a pattern's and a
// value's characters, and of list elements.
const MaxSteps = 1 << 20

// Principal is who asks, as resource-based policies name it. Identity-based
// policies do not look at it.
type Principal struct {
	Account string // 12 digits; "" for a service
	ARN     string // the user's, the root user's, the session's own
	ID      string // unique id of the user or, for a session, of its role
	RoleARN string // of an assumed role's session, the role's
	Service string // a service's name, as logs.amazonaws.com; the others are empty then
}

// Context has the values of condition keys in a request.
type Context interface {
	// Values returns the values of a condition key, whose name is in lower case
	// (of a name such as kms:encryptioncontext:<key>, the whole). A key that the
	// request does not have is absent.
	Values(key string) Values
}

// Values are what a condition key has in a request: absent, one value, or a
// set (which may be empty) for a multivalued key.
type Values struct {
	Present bool
	Multi   bool
	One     string   // unless Multi
	Set     []string // if Multi
}

// Via says how the statement that allows covers the caller. The order counts.
type Via uint8

// The ways.
const (
	// ViaNothing: no statement allows.
	ViaNothing Via = iota
	// ViaAccount: by his account; an identity-based policy must allow it too.
	ViaAccount
	// ViaBounded: by his role or as one of everybody. His permissions boundary
	// and session policies still bound that.
	ViaBounded
	// ViaSelf: by himself, the user, the root user, the session or the service.
	ViaSelf
)

// Outcome is what one policy says of a request. The zero Outcome, like every
// outcome without an Allow, denies.
type Outcome struct {
	Deny  *Statement // the first that denies explicitly; nil if none does
	Allow *Statement // the one that allows by the strongest Via; nil if none does
	Via   Via        // how a resource-based policy's Allow covers the caller; ViaSelf for identity-based ones
	// Exhausted: the evaluation had no steps left. Nothing is allowed then, and
	// what might have been denied counts as denied.
	Exhausted bool
}

// Evaluate asks an identity-based policy (a boundary, a session policy, an
// endpoint policy without principals): principals in it are not looked at.
func (p *Policy) Evaluate(r *Request) Outcome { return Outcome{} }

// EvaluateResource asks a resource-based policy: a key policy, a role's trust
// policy, an endpoint policy.
func (p *Policy) EvaluateResource(r *Request) Outcome { return Outcome{} }

// Document is what was compiled.
func (p *Policy) Document() *Document { return p.document }
