package call

import (
	"context"

	"trent/internal/apierr"
	"trent/internal/audit"
	"trent/internal/query"
	"trent/internal/record"
	"trent/internal/store"
)

// A QueryAPI is a service of the Query protocol: IAM or STS.
type QueryAPI struct {
	Service    string // of the credential scope, of actions and of event sources: iam
	Version    string
	Namespace  string // of answers
	Operations map[string]*QueryOperation
	// Global: its events are of the global Region, wherever a request is signed for.
	Global bool
}

// globalRegion is where CloudTrail has the events of global services.
const globalRegion = "us-east-1"

// A QueryOperation is the row of an operation.
type QueryOperation struct {
	Name    string
	Mutates bool
	// Open operations need no identity-based policy (GetCallerIdentity). What
	// binds everybody, as an endpoint's policy does, binds their callers too.
	Open bool
	// Own: the operation's Subject decides itself (AssumeRole, by the role's trust
	// policy).
	Own bool
	// NoResult: AWS's answer has no result element.
	NoResult bool
	// Alone: a mutation that counts and changes nothing of the account's. It does
	// not wait for the account's other mutations.
	Alone bool
	New   func() QueryRequest
}

// A QueryRequest is an operation and its parameters. The pipeline calls its
// methods in this order; Subject and Run again if something changed meanwhile.
type QueryRequest interface {
	// Decode reads the parameters.
	Decode(d *query.Decoder)
	// Subject finds what the call is about. What is not there is no error
	// before the call was authorized: Run tells it.
	Subject(ctx context.Context, c *Query) (Subject, error)
	// Run does what was asked for and writes the result's elements. A mutation
	// commits by the call's Commit.
	Run(ctx context.Context, c *Query, out *query.XML) error
}

// Query is one request to IAM or STS on its way.
type Query struct {
	Common
	API       *QueryAPI       // nil until the signature is verified
	Operation *QueryOperation // nil until it is known
	Records   *record.Sealer  // of the global Region, where identity's records are

	Resources []audit.Resource // that the operation leaves for the audit record
}

// Action is what a policy calls the operation, as iam:CreateUser; "" if it is
// none.
func (c *Query) Action() string {
	if c.Operation == nil {
		return ""
	}
	return c.API.Service + ":" + c.Operation.Name
}

// SetParameters keeps what the audit record may show of the request, JSON.
func (c *Query) SetParameters(json []byte) { c.setParameters(json) }

// Commit applies a mutation together with its audit record, as one store
// transaction. A failed condition is ErrConflict.
func (c *Query) Commit(ctx context.Context, st store.Store, cmps []store.Cmp, ops []store.Op) error {
	event := c.Event(nil)
	return c.commit(ctx, st, c.Records, record.Global, &event, cmps, ops)
}

// Event makes the audit record of the call's outcome; nil is success.
func (c *Query) Event(outcome *apierr.Error) audit.Event {
	e := c.event(outcome)
	if outcome != nil && outcome.Code == apierr.AccessDenied {
		e.ErrorCode = "AccessDenied" // as IAM's records; the other codes are those of the model
	}
	e.RequestParameters, e.ReadOnly, e.Resources = c.parameters, true, c.Resources
	e.Source, e.Name = "iam.amazonaws.com", "UnknownOperation"
	if c.API != nil {
		e.Source = c.API.Service + ".amazonaws.com"
		if c.API.Global {
			e.Region = globalRegion
		}
	}
	if c.Operation != nil {
		e.Name, e.ReadOnly = c.Operation.Name, !c.Operation.Mutates
	}
	return e
}
