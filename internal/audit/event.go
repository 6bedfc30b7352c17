package audit

import (
	"cmp"
	"time"

	"trent/internal/awsjson"
)

// EventVersion is the version of CloudTrail's record format that events have.
const EventVersion = "1.11"

// Event types.
const (
	TypeAPICall      = "AwsApiCall"
	TypeServiceEvent = "AwsServiceEvent"
)

// Event is one record in CloudTrail's shape. Every member is the caller's
// decision: an event must never be given plaintext, ciphertext, key material,
// message, signature or grant token, in no member.
type Event struct {
	UserIdentity UserIdentity
	Time         time.Time // whole seconds are kept, in UTC
	Source       string    // such as kms.amazonaws.com
	Name         string    // the operation
	Region       string
	SourceIP     string
	UserAgent    string

	ErrorCode    string // empty: the call succeeded, and ErrorMessage is left out too
	ErrorMessage string

	RequestParameters   []byte // one JSON value, taken as it is; nil is null
	ResponseElements    []byte // same
	ServiceEventDetails []byte // same; nil leaves the member out

	// additionalEventData; left out if all are empty.
	KeyMaterialID string
	ListenerID    string
	Additional    []Field

	RequestID          string // empty: no request, and left out
	EventID            string // a UUID, see IDs
	ReadOnly           bool
	Resources          []Resource
	Type               string // TypeAPICall or TypeServiceEvent
	RecipientAccountID string
	TLS                *TLSDetails // nil: no TLS
}

// UserIdentity says who called. Empty members are left out.
type UserIdentity struct {
	Type        string // Root, IAMUser, AssumedRole, AWSAccount, AWSService …
	PrincipalID string
	ARN         string
	AccountID   string
	AccessKeyID string
	UserName    string
	InvokedBy   string
	Session     *SessionContext // nil for long-term credentials
}

// SessionContext says what temporary credentials were given for. Empty members
// are left out.
type SessionContext struct {
	Issuer         UserIdentity // of the type Role; empty for GetSessionToken
	Created        time.Time
	SourceIdentity string
}

// Resource is one thing that the call was about.
type Resource struct {
	AccountID string
	ARN       string
	Type      string // as AWS::IAM::Role; empty: a KMS key
}

// Field is one further member of additionalEventData. Its name is one of the
// service's own, of letters, never a caller's.
type Field struct{ Name, Value string }

// TLSDetails says how the connection was protected. Empty members are left out.
type TLSDetails struct {
	Version                  string // tlsVersion
	CipherSuite              string
	ClientProvidedHostHeader string
	KeyExchange              string
}

// AppendJSON appends the record's JSON to dst: one object on one line, its
// members always in the same order. Strings that are not valid UTF-8 have the
// bad bytes replaced. It allocates nothing but dst's growth.
func (e *Event) AppendJSON(dst []byte) []byte {
	dst = append(dst, `{"eventVersion":"`+EventVersion+`","userIdentity":`...)
	dst = e.UserIdentity.appendJSON(dst)
	dst = append(dst, `,"eventTime":"`...)
	dst = e.Time.UTC().AppendFormat(dst, time.RFC3339) // ends in Z for UTC, and has a fast path
	dst = append(dst, '"')
	dst = appendMember(dst, "eventSource", e.Source)
	dst = appendMember(dst, "eventName", e.Name)
	dst = appendMember(dst, "awsRegion", e.Region)
	dst = appendMember(dst, "sourceIPAddress", e.SourceIP)
	dst = appendMember(dst, "userAgent", e.UserAgent)
	if e.ErrorCode != "" {
		dst = appendMember(dst, "errorCode", e.ErrorCode)
		dst = appendOptional(dst, "errorMessage", e.ErrorMessage)
	}
	dst = appendRaw(dst, "requestParameters", e.RequestParameters)
	dst = appendRaw(dst, "responseElements", e.ResponseElements)
	dst = e.appendAdditional(dst)
	dst = appendOptional(dst, "requestID", e.RequestID)
	dst = appendMember(dst, "eventID", e.EventID)
	dst = appendBool(dst, "readOnly", e.ReadOnly)
	dst = e.appendResources(dst)
	dst = appendMember(dst, "eventType", e.Type)
	dst = appendBool(dst, "managementEvent", true)
	dst = appendMember(dst, "recipientAccountId", e.RecipientAccountID)
	if e.ServiceEventDetails != nil {
		dst = appendRaw(dst, "serviceEventDetails", e.ServiceEventDetails)
	}
	dst = appendMember(dst, "eventCategory", "Management")
	dst = e.TLS.appendJSON(dst)
	return append(dst, '}')
}

func (u *UserIdentity) appendJSON(dst []byte) []byte {
	start := len(dst)
	dst = appendOptional(dst, "type", u.Type)
	dst = appendOptional(dst, "principalId", u.PrincipalID)
	dst = appendOptional(dst, "arn", u.ARN)
	dst = appendOptional(dst, "accountId", u.AccountID)
	dst = appendOptional(dst, "accessKeyId", u.AccessKeyID)
	dst = appendOptional(dst, "userName", u.UserName)
	dst = u.Session.appendJSON(dst)
	dst = appendOptional(dst, "invokedBy", u.InvokedBy)
	return closeObject(dst, start)
}

func (s *SessionContext) appendJSON(dst []byte) []byte {
	if s == nil {
		return dst
	}
	dst = appendName(dst, "sessionContext")
	start := len(dst)
	if s.Issuer.Type != "" {
		dst = s.Issuer.appendJSON(appendName(dst, "sessionIssuer"))
	}
	dst = append(appendName(dst, "attributes"), `{"creationDate":"`...)
	dst = s.Created.UTC().AppendFormat(dst, time.RFC3339)
	dst = append(dst, `","mfaAuthenticated":"false"}`...) // there is no MFA yet
	dst = appendOptional(dst, "sourceIdentity", s.SourceIdentity)
	return closeObject(dst, start)
}

func (e *Event) appendAdditional(dst []byte) []byte {
	if e.KeyMaterialID == "" && e.ListenerID == "" && len(e.Additional) == 0 {
		return dst
	}
	dst = append(dst, `,"additionalEventData":`...)
	start := len(dst)
	dst = appendOptional(dst, "keyMaterialId", e.KeyMaterialID)
	dst = appendOptional(dst, "listenerId", e.ListenerID)
	for i := range e.Additional {
		dst = appendMember(dst, e.Additional[i].Name, e.Additional[i].Value)
	}
	return closeObject(dst, start)
}

func (e *Event) appendResources(dst []byte) []byte {
	dst = append(dst, `,"resources":[`...)
	for i := range e.Resources {
		if i > 0 {
			dst = append(dst, ',')
		}
		start := len(dst)
		dst = appendMember(dst, "accountId", e.Resources[i].AccountID)
		dst = appendMember(dst, "type", cmp.Or(e.Resources[i].Type, "AWS::KMS::Key"))
		dst = appendMember(dst, "ARN", e.Resources[i].ARN)
		dst = closeObject(dst, start)
	}
	return append(dst, ']')
}

func (t *TLSDetails) appendJSON(dst []byte) []byte {
	if t == nil {
		return dst
	}
	dst = append(dst, `,"tlsDetails":`...)
	start := len(dst)
	dst = appendOptional(dst, "tlsVersion", t.Version)
	dst = appendOptional(dst, "cipherSuite", t.CipherSuite)
	dst = appendOptional(dst, "clientProvidedHostHeader", t.ClientProvidedHostHeader)
	dst = appendOptional(dst, "keyExchange", t.KeyExchange)
	return closeObject(dst, start)
}

// closeObject ends an object whose members, each appended with a comma before
// it, start at start: the first comma is the place of the opening brace.
func closeObject(dst []byte, start int) []byte {
	if len(dst) == start {
		return append(dst, '{', '}')
	}
	dst[start] = '{'
	return append(dst, '}')
}

// appendName appends a member's name, which needs no escaping.
func appendName(dst []byte, name string) []byte {
	dst = append(dst, `,"`...)
	dst = append(dst, name...)
	return append(dst, `":`...)
}

func appendMember(dst []byte, name, value string) []byte {
	return awsjson.AppendString(appendName(dst, name), value)
}

func appendOptional(dst []byte, name, value string) []byte {
	if value == "" {
		return dst
	}
	return appendMember(dst, name, value)
}

func appendRaw(dst []byte, name string, value []byte) []byte {
	dst = appendName(dst, name)
	if value == nil {
		return append(dst, "null"...)
	}
	return append(dst, value...)
}

func appendBool(dst []byte, name string, value bool) []byte {
	dst = appendName(dst, name)
	if value {
		return append(dst, "true"...)
	}
	return append(dst, "false"...)
}
