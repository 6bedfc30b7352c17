package call

import (
	"context"
	"net/netip"
	"time"
	"unicode/utf8"

	"trent/internal/apierr"
	"trent/internal/audit"
	"trent/internal/authz"
	"trent/internal/identity"
	"trent/internal/record"
	"trent/internal/store"
)

// Common is what a call has, of whatever API.
type Common struct {
	RequestID string // UUID, the answer's x-amzn-RequestId
	EventID   string // UUID of the audit record
	Time      time.Time
	Caller    identity.Caller
	Claimed   string // access key id of a signature that did not verify
	Region    string // of the signature's credential scope
	Partition string
	Listener  string // id of the listener that the request came in by
	SourceIP  string
	UserAgent string
	TLS       *audit.TLSDetails // nil without TLS
	Endpoint  *authz.Endpoint   // that the listener stands for; nil: none

	ResponseElements []byte // what the operation leaves for the audit record: JSON; nil is null

	Counted   bool // refused, and recorded with others in one record
	Unchecked bool // the crypto module is away: nobody could look at the signature

	session    audit.SessionContext
	parameters []byte // the audit record's requestParameters, JSON
	recorded   bool
}

// Base returns what the call has in common with others.
func (c *Common) Base() *Common { return c }

// noAddress is the SourceIP of who comes by a Unix socket.
var noAddress = netip.Addr{}.String()

// Environment is what conditions of policies can ask of the call besides its
// caller and content.
func (c *Common) Environment() authz.Environment {
	ip := c.SourceIP
	if ip == noAddress {
		ip = ""
	}
	return authz.Environment{
		Time: c.Time, SourceIP: ip, UserAgent: c.UserAgent, TLS: c.TLS != nil,
		Region: c.Region, Partition: c.Partition, Endpoint: c.Endpoint,
	}
}

// Recorded reports whether a commit has made the audit record durable.
func (c *Common) Recorded() bool { return c.recorded }

// event makes what audit records have in common. The API adds what is its own.
func (c *Common) event(outcome *apierr.Error) audit.Event {
	e := audit.Event{
		UserIdentity: audit.UserIdentity{
			Type: c.Caller.Type, PrincipalID: c.Caller.PrincipalID, ARN: c.Caller.PrincipalARN,
			AccountID: c.Caller.Account, AccessKeyID: c.Caller.AccessKeyID, UserName: c.Caller.UserName,
		},
		Time:               c.Time,
		Region:             c.Region,
		SourceIP:           c.SourceIP,
		UserAgent:          cut(c.UserAgent, maxUserAgent),
		ListenerID:         c.Listener,
		RequestID:          c.RequestID,
		EventID:            c.EventID,
		Type:               audit.TypeAPICall,
		RecipientAccountID: c.Caller.Account,
		TLS:                c.TLS,
	}
	if s := c.Caller.Session; s != nil {
		c.session = audit.SessionContext{Created: s.Issued, SourceIdentity: s.SourceIdentity}
		if s.RoleARN != "" {
			c.session.Issuer = audit.UserIdentity{
				Type: "Role", PrincipalID: c.Caller.Permissions.ID, ARN: s.RoleARN, AccountID: c.Caller.Account, UserName: s.RoleName,
			}
		}
		e.UserIdentity.Session = &c.session
	}
	if s := c.Caller.Service; s != nil {
		e.UserIdentity.InvokedBy, e.SourceIP, e.UserAgent, e.RecipientAccountID = s.Principal, s.Principal, s.Principal, s.SourceAccount
	}
	if c.Claimed != "" && c.Caller.Account == "" {
		e.Additional = append(e.Additional, audit.Field{Name: "claimedAccessKeyId", Value: cut(c.Claimed, 128)})
	}
	if outcome != nil {
		e.ErrorCode, e.ErrorMessage = string(outcome.Code), outcome.Message
	} else {
		e.ResponseElements = c.ResponseElements
	}
	return e
}

// commit applies a mutation together with its audit record, a row of a
// Region's outbox.
func (c *Common) commit(ctx context.Context, st store.Store, records *record.Sealer, region string, event *audit.Event, cmps []store.Cmp, ops []store.Op) error {
	row, err := audit.OutboxOp(records, region, c.EventID, event.AppendJSON(nil))
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

// setParameters keeps what the audit record may show of a request.
func (c *Common) setParameters(json []byte) {
	c.parameters = json
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
