package call

import (
	"context"

	"trent/internal/apierr"
	"trent/internal/audit"
)

// A JSONAPI is a service of the AWS JSON protocol besides KMS: CloudTrail. Its
// operations only read.
type JSONAPI struct {
	Service    string // of the credential scope, of actions and of event sources: cloudtrail
	Operations map[string]*JSONOperation
}

// A JSONOperation is the row of an operation.
type JSONOperation struct {
	Name string
	New  func() JSONRequest
}

// A JSONRequest is an operation and its parameters. The pipeline calls its
// methods in this order.
type JSONRequest interface {
	// Decode reads the parameters.
	Decode(body []byte) error
	// AppendAudit appends what the audit record shows of them, JSON.
	AppendAudit(dst []byte) []byte
	// Check refuses values that are out of their bounds.
	Check() error
	// Run does what was asked for, and appends the answer.
	Run(ctx context.Context, c *JSON, dst []byte) ([]byte, error)
}

// JSON is one request to a JSONAPI on its way.
type JSON struct {
	Common
	API       *JSONAPI
	Operation *JSONOperation // nil until it is known
}

// Action is what a policy calls the operation, as cloudtrail:LookupEvents; "" if
// it is none.
func (c *JSON) Action() string {
	if c.Operation == nil {
		return ""
	}
	return c.API.Service + ":" + c.Operation.Name
}

// SetParameters keeps what the audit record may show of the request, JSON.
func (c *JSON) SetParameters(json []byte) { c.setParameters(json) }

// Event makes the audit record of the call's outcome; nil is success.
func (c *JSON) Event(outcome *apierr.Error) audit.Event {
	e := c.event(outcome)
	if outcome != nil && outcome.Code == apierr.AccessDenied {
		e.ErrorCode = "AccessDenied" // as CloudTrail's records of itself
	}
	e.Source, e.Name, e.ReadOnly = c.API.Service+".amazonaws.com", "UnknownOperation", true
	e.RequestParameters = c.parameters
	if c.Operation != nil {
		e.Name = c.Operation.Name
	}
	return e
}
