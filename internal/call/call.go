// Package call owns Call and Query: everything that the pipeline has found out
// about a request by the time an operation runs, and what the operation leaves
// for the audit record. Call is of KMS, Query of IAM and STS; Common is what
// both have. They are handed on explicitly; no context.Context carries them.
//
// It must never hold a plaintext or a secret. The pipeline and the operations
// may import it.
package call

import (
	"context"
	"errors"

	"trent/internal/api"
	"trent/internal/apierr"
	"trent/internal/audit"
	"trent/internal/authz"
	"trent/internal/awsjson"
	"trent/internal/key"
	"trent/internal/optable"
	"trent/internal/record"
	"trent/internal/store"
)

// ErrConflict says that the key changed since it was authorized. The pipeline
// starts again from resolving it.
var ErrConflict = errors.New("call: the key changed meanwhile")

// ErrUnknown says that a commit may have happened or not.
var ErrUnknown = store.ErrUnknown

// Call is one request on its way. Keys and Permits have one element, two for
// ReEncrypt (source, destination) and UpdateAlias (the alias's new key, its
// present one), or none.
type Call struct {
	Common
	Op      api.Op
	Row     *optable.Row
	Records *record.Sealer // of the Region
	DryRun  bool
	KeyID   string // that CreateKey gives the new key: of a seed of trent dev only

	Request api.Request // nil until it is decoded
	Keys    [2]*key.Key
	Permits [2]authz.Permit
	Ask     *authz.Request // the last question whether the caller may; nil before the first
	// NotApproved says that the call was let through to a use of an algorithm
	// that FIPS 140-3 does not approve, for the audit record.
	NotApproved bool

	// What the operation leaves for the audit record.
	Materials [2]*key.Material // used, source and destination
	Created   *key.Key         // by CreateKey, for the record's resources
	Alias     string           // ARN of the alias that the call is about, for the record's resources
	GrantID   string           // of the grant that RetireGrant is about, for the record

	resources [3]audit.Resource // two keys and an alias
}

// Reset makes a call that is over ready for another request. It keeps memory
// that held nothing secret.
func (c *Call) Reset() {
	*c = Call{Common: Common{parameters: c.parameters[:0]}, Ask: c.Ask}
}

// Key is the (first) key that was authorized.
func (c *Call) Key() *key.Key { return c.Keys[0] }

// Permit is the (first) permit.
func (c *Call) Permit() authz.Permit { return c.Permits[0] }

// errDryRun is how every dry run ends that would have succeeded.
func errDryRun() error {
	return apierr.New(apierr.DryRunOperation, "The request would have succeeded, but the DryRun option is set.")
}

// EndDryRun is the last thing before an operation's effect: it ends a dry run.
func (c *Call) EndDryRun() error {
	if c.DryRun {
		return errDryRun()
	}
	return nil
}

// Commit applies a mutation together with its audit record, as one store
// transaction: there is no mutation without its record. A failed condition is
// ErrConflict.
func (c *Call) Commit(ctx context.Context, st store.Store, cmps []store.Cmp, ops []store.Op) error {
	event := c.Event(nil)
	return c.commit(ctx, st, c.Records, c.Region, &event, cmps, ops)
}

// Event makes the audit record of the call's outcome; nil is success.
func (c *Call) Event(outcome *apierr.Error) audit.Event {
	e := c.event(outcome)
	e.Source, e.Name, e.ReadOnly = "kms.amazonaws.com", c.operation(), !c.Row.Mutates
	if c.Request != nil {
		e.RequestParameters = c.parameters
	}
	if c.NotApproved {
		e.Additional = append(e.Additional, audit.Field{Name: "notFipsApproved", Value: "true"})
	}
	if c.GrantID != "" {
		e.Additional = append(e.Additional, audit.Field{Name: "grantId", Value: c.GrantID})
	}
	if k := c.Key(); outcome == nil && c.Row.RecordsKey && k != nil {
		e.ResponseElements = append(awsjson.AppendString([]byte(`{"keyId":`), k.ARN), '}')
	}
	c.addResources(&e)
	return e
}

// SetRequest keeps a decoded request and what the audit record may show of it.
func (c *Call) SetRequest(r api.Request) {
	c.Request = r
	c.setParameters(r.AppendAudit(c.parameters[:0]))
}

// operation is the call's name in its record; a request that names no
// operation has none.
func (c *Call) operation() string {
	if c.Op == 0 {
		return "UnknownOperation"
	}
	return c.Op.String()
}

func (c *Call) addResources(e *audit.Event) {
	e.Resources = c.resources[:0]
	for _, k := range [...]*key.Key{c.Keys[0], c.Keys[1], c.Created} {
		if k == nil || k == c.Keys[0] && len(e.Resources) > 0 && c.Row.Target != optable.TwoKeys {
			continue // UpdateAlias to the key that the alias has names one key
		}
		e.Resources = append(e.Resources, audit.Resource{AccountID: k.Account, ARN: k.ARN})
	}
	if c.Alias != "" {
		e.Resources = append(e.Resources, audit.Resource{AccountID: c.Caller.Account, ARN: c.Alias})
	}
	if c.Row.Target == optable.TwoKeys {
		for i, name := range [...]string{"sourceKeyMaterialId", "destinationKeyMaterialId"} {
			if m := c.Materials[i]; m != nil {
				e.Additional = append(e.Additional, audit.Field{Name: name, Value: m.Text})
			}
		}
	} else if m := c.Materials[0]; m != nil {
		e.KeyMaterialID = m.Text
	}
}
