package policy

// Policy is a document that was compiled for evaluation. It is immutable and
// safe for concurrent use.
type Policy struct {
	document *Document
	bound    Bound
	denies   []statement // in the document's order, as allows
	allows   []statement
}

// Bound are the unique ids (AIDA…, AROA…) that the ARNs of a resource-based
// policy's users and roles had when it was stored. A principal that was deleted
// and made again under the same name has another id, and the policy does not
// mean it any more. An ARN that is not in the map is compared as it stands.
type Bound map[string]string

// Request is what a policy is asked: may this principal do that? It is used for
// one decision after another, by one goroutine.
type Request struct {
	Action    string // as kms:Encrypt
	Resource  string // an ARN; "" for an action without one, which only the pattern * covers
	Principal Principal
	Context   Context // nil: no condition key has a value
	// Steps counts the work of all evaluations of this request. Beyond MaxSteps
	// every evaluation denies; it never exceeds MaxSteps+1.
	Steps int
}

// MaxSteps bounds the steps of one request: comparisons of a pattern's and a
// value's characters, and of list elements.
const MaxSteps = 1 << 20

// Principal is who asks, as resource-based policies name it. Identity-based
// policies do not look at it. Somebody anonymous has an empty one.
type Principal struct {
	Account string // 12 digits; "" for a service
	ARN     string // the user's, the root user's, the session's own
	ID      string // unique id of the user or, for a session, of its role
	RoleARN string // of an assumed role's session, the role's
	Service string // a service's name, as logs.amazonaws.com; the others are empty then
	Bounded bool   // has a permissions boundary: no NotPrincipal exempts him
}

// Context has the values of condition keys in a request.
type Context interface {
	// Values returns the values of a condition key, whose name is in lower case
	// (of a name such as kms:encryptioncontext:<key>, the whole). A key that the
	// request does not have is absent. A set is good until Values is called again.
	Values(key string) Values
}

// Values are what a condition key has in a request: absent, one value, or a
// set (which may be empty) for a multivalued key. A value is text: a number or
// a boolean as JSON writes it, a date in ISO 8601 or seconds since 1970; a binary
// value is its bytes.
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

// Outcome is what one policy says of a request: an explicit Deny, an Allow, or
// neither. The zero Outcome, like every outcome without an Allow, denies.
type Outcome struct {
	Deny  *Statement // the first that denies explicitly; nil if none does. There is no Allow beside it
	Allow *Statement // the first that allows by the strongest Via; nil if none does
	Via   Via        // how a resource-based policy's Allow covers the caller; ViaSelf for identity-based ones
	// Exhausted: the evaluation had no steps left. Nothing is allowed then, and
	// what might have been denied counts as denied; the statements are nil.
	Exhausted bool
}

// Evaluate asks an identity-based policy (a boundary, a session policy, an
// endpoint policy without principals): principals in it are not looked at.
func (p *Policy) Evaluate(r *Request) Outcome { return p.evaluate(r, false) }

// EvaluateResource asks a resource-based policy: a key policy, a role's trust
// policy, an endpoint policy. A statement without a principal is about nobody,
// one without a resource is about the resource that has the policy.
func (p *Policy) EvaluateResource(r *Request) Outcome { return p.evaluate(r, true) }

// evaluate asks every statement that can still change the outcome.
func (p *Policy) evaluate(r *Request, resourceBased bool) (o Outcome) {
	var room [64]byte
	asked := lowerAction(room[:], r.Action)
	for i := range p.denies {
		if s := &p.denies[i]; s.applies(r, &asked, resourceBased, ViaNothing) != ViaNothing {
			o.Deny = s.source
			break
		}
	}
	for i := range p.allows {
		if o.Deny != nil || o.Via == ViaSelf {
			break
		}
		s := &p.allows[i]
		if via := s.applies(r, &asked, resourceBased, o.Via); via > o.Via {
			o.Allow, o.Via = s.source, via
		}
	}
	if r.exhausted() {
		return Outcome{Exhausted: true}
	}
	return o
}

// applies says how a statement covers the request; ViaNothing: not at all, or
// not by more than a way that is known already.
func (s *statement) applies(r *Request, asked *action, resourceBased bool, known Via) Via {
	if !r.spend(1) || !s.coversAction(r, asked) {
		return ViaNothing
	}
	via := s.coversPrincipal(r, resourceBased)
	if via <= known || !s.coversResource(r, resourceBased) {
		return ViaNothing
	}
	for i := range s.conditions {
		if !s.conditions[i].holds(r, s.deny) {
			return ViaNothing
		}
	}
	return via
}

// Document is what was compiled.
func (p *Policy) Document() *Document { return p.document }

// Bound are the ids that the principals of a resource-based policy are bound to;
// it may be nil, and must not be changed.
func (p *Policy) Bound() Bound { return p.bound }

// spend takes steps and reports whether there were enough left.
func (r *Request) spend(steps int) bool {
	if r.Steps > MaxSteps-steps {
		r.Steps = MaxSteps + 1
		return false
	}
	r.Steps += steps
	return true
}

// exhausted reports whether steps were missing: from then on what matched is
// not known.
func (r *Request) exhausted() bool { return r.Steps > MaxSteps }

// values looks up a condition key, in lower case.
func (r *Request) values(key string) Values {
	if r.Context == nil || !r.spend(1) {
		return Values{}
	}
	return r.Context.Values(key)
}
