// Package call owns Call: everything that the pipeline has found out about a
// request by the time an operation runs, and what the operation leaves for
// the audit record. It is handed on explicitly; no context.Context carries it.
//
// It must never hold a plaintext or a secret. The pipeline and the operations
// may import it.
package call

import (
	"context"
	"errors"
	"time"
	"unicode/utf8"

	"trent/internal/api"
	"trent/internal/apierr"
	"trent/internal/audit"
	"trent/internal/authz"
	"trent/internal/awsjson"
	"trent/internal/identity"
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
	Op        api.Op
	Row       *optable.Row
	RequestID string // UUID, the answer's x-amzn-RequestId
	EventID   string // UUID of the audit record
	Time      time.Time
	Caller    identity.Caller
	Claimed   string // access key id of a signature that did not verify
	Region    string // of the signature's credential scope
	Partition string
	Records   *record.Sealer // of the Region
	Listener  string         // id of the listener that the request came in by
	SourceIP  string
	UserAgent string
	TLS       *audit.TLSDetails // nil without TLS
	DryRun    bool
	KeyID     string // that CreateKey gives the new key: of a seed of trent dev only

	Request api.Request // nil until it is decoded
	Keys    [2]*key.Key
	Permits [2]authz.Permit
	// NotApproved says that the call was let through to a use of an algorithm
	// that FIPS 140-3 does not approve, for the audit record.
	NotApproved bool

	// What the operation leaves for the audit record.
	Materials        [2]*key.Material // used, source and destination
	ResponseElements []byte           // JSON; nil is null, or what the operation's row says
	Created          *key.Key         // by CreateKey, for the record's resources
	Alias            string           // ARN of the alias that the call is about, for the record's resources

	parameters []byte            // the audit record's requestParameters, JSON
	resources  [3]audit.Resource // two keys and an alias
	recorded   bool
}

// Reset makes a call that is over ready for another request. It keeps memory
// that held nothing secret.
func (c *Call) Reset() {
	*c = Call{parameters: c.parameters[:0]}
}

// Key is the (first) key that was authorized.
func (c *Call) Key() *key.Key { return c.Keys[0] }

// Permit is the (first) permit.
func (c *Call) Permit() authz.Permit { return c.Permits[0] }

// Recorded reports whether a commit has made the audit record durable.
func (c *Call) Recorded() bool { return c.recorded }

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
	row, err := audit.OutboxOp(c.Records, c.Region, c.EventID, event.AppendJSON(nil))
	if err != nil {
		return err
	}
	ok, _, err := st.Txn(ctx, cmps, append(ops, row))
	if err != nil {
		return err
	}
	if !ok {
		return ErrConflict
	}
	c.recorded = true
	return nil
}

// Event makes the audit record of the call's outcome; nil is success.
func (c *Call) Event(outcome *apierr.Error) audit.Event {
	e := audit.Event{
		UserIdentity: audit.UserIdentity{
			Type: c.Caller.Type, PrincipalID: c.Caller.PrincipalID, ARN: c.Caller.PrincipalARN,
			AccountID: c.Caller.Account, AccessKeyID: c.Caller.AccessKeyID, UserName: c.Caller.UserName,
		},
		Time:               c.Time,
		Source:             "kms.amazonaws.com",
		Name:               c.operation(),
		Region:             c.Region,
		SourceIP:           c.SourceIP,
		UserAgent:          cut(c.UserAgent, maxUserAgent),
		ListenerID:         c.Listener,
		RequestID:          c.RequestID,
		EventID:            c.EventID,
		ReadOnly:           !c.Row.Mutates,
		Type:               audit.TypeAPICall,
		RecipientAccountID: c.Caller.Account,
		TLS:                c.TLS,
	}
	if c.Request != nil {
		e.RequestParameters = c.parameters
	}
	if c.Claimed != "" && c.Caller.Account == "" {
		e.Additional = append(e.Additional, audit.Field{Name: "claimedAccessKeyId", Value: cut(c.Claimed, 128)})
	}
	if c.NotApproved {
		e.Additional = append(e.Additional, audit.Field{Name: "notFipsApproved", Value: "true"})
	}
	if outcome != nil {
		e.ErrorCode, e.ErrorMessage = string(outcome.Code), outcome.Message
	} else {
		e.ResponseElements = c.ResponseElements
		if k := c.Key(); c.Row.RecordsKey && k != nil {
			e.ResponseElements = append(awsjson.AppendString([]byte(`{"keyId":`), k.ARN), '}')
		}
	}
	c.addResources(&e)
	return e
}

// SetRequest keeps a decoded request and what the audit record may show of it.
func (c *Call) SetRequest(r api.Request) {
	c.Request = r
	c.parameters = r.AppendAudit(c.parameters[:0])
	if len(c.parameters) > maxAudited {
		c.parameters = append(c.parameters[:0], `{"omitted":true}`...)
	}
}

// What a record holds at most of what a caller chose, in bytes. CloudTrail has
// such limits too; a call must not escape its record by being large.
const (
	maxAudited   = 100 << 10 // requestParameters, JSON
	maxUserAgent = 1 << 10
)

// cut shortens s to max bytes, at a character's edge.
func cut(s string, max int) string {
	if len(s) <= max {
		return s
	}
	for max > 0 && !utf8.RuneStart(s[max]) {
		max--
	}
	return s[:max]
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
