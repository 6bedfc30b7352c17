// Package authz decides whether a caller may perform an operation, and is the
// only maker of a Permit. The crypto module's client takes nothing else, so a
// crypto operation cannot forget to ask.
//
// A Request is the question: an action, its caller, the key, and everything that
// a condition can ask for. Several kinds of policies have a say (a Layer each),
// and grants; decide.go puts their answers together as AWS does. Whatever nobody
// allows is denied.
//
// It must never cache a decision, know how policies are stored, or change
// anything. The pipeline and what shows decisions to people import it. Source:
// the IAM User Guide, "Policy evaluation logic", and the AWS KMS Developer Guide,
// "KMS key access and permissions".
package authz

import (
	"trent/internal/api"
	"trent/internal/key"
)

// Permit says that an operation on a key (or, for operations without one, in
// an account and Region) was authorized. Only this package can fill it; the
// module's client refuses the zero value.
type Permit struct {
	op      api.Op
	account string
	region  string
	key     *key.Key
	granted bool
}

// Granted reports whether this package made the permit.
func (p Permit) Granted() bool { return p.granted }

// Op is the operation that was authorized.
func (p Permit) Op() api.Op { return p.op }

// Key is the snapshot that was authorized; nil for operations without a key.
func (p Permit) Key() *key.Key { return p.key }

// Account and Region are the key's, or the caller's where there is no key.
func (p Permit) Account() string { return p.account }

// Region is the Region whose domain may be used.
func (p Permit) Region() string { return p.region }
