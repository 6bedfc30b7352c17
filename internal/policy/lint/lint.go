// Package lint finds what is wrong with a policy that its author would not see:
// policies that lock everybody out, that allow something to everybody, whose
// conditions never hold, whose actions do not exist, whose statements have no
// effect. It is pure, and must never decide anything on a request: a policy with
// findings is stored and enforced all the same, unless AWS refuses it. Whether a
// key policy locks everybody out it asks internal/authz, for callers that it
// makes up. cmd/trent may import it.
//
// Each rule is a function of one statement or of the document, and each finding
// says what it saw, why that matters and how to mend it. A rule speaks of what
// is certain from the document alone; what depends on a request is a warning at
// most. The facts about condition keys are internal/condkey's, those about
// actions internal/optable's.
package lint

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"trent/internal/policy"
)

// Severity of a finding.
type Severity string

// The severities.
const (
	// Error: the policy is refused, locks everybody out, allows something to
	// everybody, or a part of it can never have an effect.
	Error Severity = "error"
	// Warning: it works, and perhaps not as it was meant.
	Warning Severity = "warning"
	// Note: worth knowing.
	Note Severity = "note"
)

// Kind is what a policy is for.
type Kind string

// The kinds.
const (
	Key      Kind = "key"      // key policy
	Identity Kind = "identity" // of a user, group or role, or its boundary
	Trust    Kind = "trust"    // of a role: who may assume it
	Session  Kind = "session"  // of AssumeRole
	Endpoint Kind = "endpoint" // of a listener
)

// Kinds lists all of them.
func Kinds() []Kind { return []Kind{Key, Identity, Trust, Session, Endpoint} }

// principals reports whether its statements have principals.
func (k Kind) principals() bool { return k == Key || k == Trust || k == Endpoint }

// Finding is one thing that is wrong.
type Finding struct {
	Severity  Severity `json:"severity"`
	Rule      string   `json:"rule"`      // its name, which stays
	Statement int      `json:"statement"` // from 1; 0: the document as a whole
	SID       string   `json:"sid"`
	What      string   `json:"what"`
	Why       string   `json:"why"`
	Mend      string   `json:"mend"`
}

// Options say what a document is.
type Options struct {
	Kind      Kind
	Partition string    // empty: aws
	Account   string    // of the key, user or role; empty: not known, and what depends on it is not said
	Now       time.Time // zero: not known, and what is over is not said
}

// linter looks at one document.
type linter struct {
	Options
	doc   *policy.Document
	kms   []action // all of them
	at    int      // index of the statement that is looked at; -1: none
	found []Finding
}

// Check returns the findings on a document, those on the whole first, then in
// the order of its statements.
func Check(text string, o Options) []Finding {
	if o.Partition == "" {
		o.Partition = "aws"
	}
	l := &linter{Options: o, kms: kmsActions(), at: -1, found: []Finding{}}
	d, err := policy.Parse(text)
	if err != nil {
		l.refused(err)
		return l.found
	}
	l.doc = d
	if err := l.check(); err != nil {
		l.refused(err)
	}
	l.size(text)
	if l.Kind == Key && len(text) <= maxKeyPolicy {
		l.lockout()
	}
	for i := range d.Statements {
		l.at = i
		s := &d.Statements[i]
		for _, rule := range [...]func(*policy.Statement){
			l.principalForms, l.everyone, l.otherAccounts, l.exemptions, l.actions, l.resources, l.shadowed, l.variables, l.conditions,
		} {
			rule(s)
		}
	}
	return l.found
}

// check asks whether a document of this kind can be stored.
func (l *linter) check() error {
	switch l.Kind {
	case Key:
		return policy.CheckKeyPolicy(l.doc, l.Partition)
	case Trust:
		return policy.CheckTrustPolicy(l.doc, l.Partition)
	case Endpoint:
		return policy.CheckEndpointPolicy(l.doc, l.Partition)
	}
	return policy.CheckIdentityPolicy(l.doc, l.Partition)
}

// refused notes the text by which a document is refused.
func (l *linter) refused(err error) {
	e, ok := errors.AsType[*policy.Error](err)
	if !ok {
		e = &policy.Error{Text: err.Error()}
	}
	l.add(Error, "malformed", "it is refused: "+e.Text,
		"Who stores it gets MalformedPolicyDocument with this text", "see the findings below, if there are any; otherwise the text says it")
}

// maxKeyPolicy is AWS KMS's quota, in bytes.
const maxKeyPolicy = 32 << 10

func (l *linter) size(text string) {
	have, most := len(text), maxKeyPolicy
	switch l.Kind {
	case Identity:
		have, most = policy.Length(text), policy.MaxManagedPolicy
	case Trust:
		have, most = policy.Length(text), policy.MaxTrustPolicy
	case Session:
		most = policy.MaxSessionPolicy
	case Endpoint:
		most = policy.MaxEndpointPolicy
	}
	if have > most {
		l.add(Error, "size", fmt.Sprintf("its length is %d", have), fmt.Sprintf("The quota is %d, and it is refused", most), "join statements that differ in one element only, and use patterns of actions")
	}
}

// add notes a finding, once.
func (l *linter) add(severity Severity, rule, what, why, mend string) {
	f := Finding{Severity: severity, Rule: rule, Statement: l.at + 1, What: what, Why: why, Mend: mend}
	if l.at >= 0 {
		f.SID = l.doc.Statements[l.at].SID
	}
	if !slices.Contains(l.found, f) {
		l.found = append(l.found, f)
	}
}
