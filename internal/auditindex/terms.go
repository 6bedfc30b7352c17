package auditindex

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"trent/internal/awsjson"
)

// global is the Region of what operators do, which is in none.
const global = "global"

// A share says of a member whether other records have it too, as it is.
type share int

const (
	unread share = iota // nothing is found by it
	shared              // most are as in another record
	own                 // hardly two are alike
	parts               // hardly two are alike, but their members are
)

// shareOf is the share of a member, by its name. What member reads is not unread.
func shareOf(name []byte) share {
	switch string(name) {
	case "eventTime", "requestID", "eventID":
		return own
	case "eventName", "eventSource", "awsRegion", "errorCode", "recipientAccountId", "readOnly", "userIdentity", "responseElements", "resources":
		return shared
	case "requestParameters":
		return parts
	}
	return unread
}

// joint is what several members make something together of.
type joint struct {
	failed   bool // there is an errorCode
	region   string
	accounts []string // that the record is of, perhaps more than once
}

// read reads what a record is found by. Of a record that is not of the service's
// form it reads what it can.
func (e *entry) read(json []byte) {
	e.reset()
	for w := (walk{json: json}); ; {
		m, ok := w.next()
		if !ok {
			break
		}
		e.member(&m)
	}
	e.conclude()
}

func (e *entry) reset() { e.time, e.terms, e.joint = 0, e.terms[:0], joint{accounts: e.accounts[:0]} }

// join adds another member's part.
func (j *joint) join(other *joint) {
	j.failed, j.region = j.failed || other.failed, cmp.Or(other.region, j.region)
	j.accounts = append(j.accounts, other.accounts...)
}

// appendKey appends bytes that are the same for what conclude makes the same of.
func (j *joint) appendKey(dst []byte) []byte {
	if j.failed {
		dst = append(dst, 'x')
	}
	dst = append(append(dst, 0), j.region...)
	for _, account := range j.accounts {
		dst = append(append(dst, 0), account...)
	}
	return dst
}

// clone is a copy with memory of its own.
func (j *joint) clone() joint {
	return joint{failed: j.failed, region: j.region, accounts: slices.Clone(j.accounts)}
}

// conclude adds what the record is found by for its members together: its result,
// and the event histories that have it.
func (e *entry) conclude() {
	if !e.failed {
		e.add(Result, Success)
	}
	region := e.region
	if region == global {
		region = Home
	}
	for i, account := range e.accounts {
		if account != "" && !slices.Contains(e.accounts[:i], account) {
			e.add(History, HistoryOf(account, region))
		}
	}
}

// member reads a member of the record. It may ask nothing of the others: what
// follows from several is in joint.
func (e *entry) member(m *member) {
	if m.null() {
		return
	}
	s := awsjson.NewScanner(m.value)
	switch string(m.name) {
	case "eventTime":
		if at, err := time.Parse(time.RFC3339, s.String()); err == nil {
			e.time = at.Unix()
		}
	case "eventName":
		e.add(Operation, s.String())
	case "eventSource":
		e.add(Source, s.String())
	case "awsRegion":
		region := s.String()
		e.add(Region, region)
		e.region = cmp.Or(region, e.region)
	case "errorCode":
		e.add(Result, s.String())
		e.failed = true
	case "requestID":
		e.add(Request, s.String())
	case "eventID":
		e.add(Event, s.String())
	case "recipientAccountId":
		account := s.String()
		e.add(Account, account)
		e.accounts = append(e.accounts, account)
	case "readOnly":
		value := "false"
		if s.Bool() {
			value = "true"
		}
		e.add(ReadOnly, value)
	case "userIdentity":
		e.identity(&s)
	case "requestParameters":
		for w := (walk{json: m.value}); ; {
			part, ok := w.next()
			if !ok {
				break
			}
			e.parameter(&part)
		}
	case "responseElements":
		e.answer(&s)
	case "resources":
		e.resources(&s)
	}
}

// add gives the record a term, perhaps once more.
func (e *entry) add(k Kind, value string) {
	if value != "" {
		e.terms = append(e.terms, Term{k, value})
	}
}

func (e *entry) identity(s *awsjson.Scanner) {
	kind, name, session := "", "", ""
	var o awsjson.Object
	for s.Member(&o) {
		switch string(o.Name()) {
		case "type":
			kind = s.String()
		case "arn":
			principal := s.String()
			e.add(Principal, principal)
			session = principal[strings.LastIndexByte(principal, '/')+1:]
		case "principalId":
			e.add(Principal, s.String())
		case "accessKeyId":
			id := s.String()
			e.add(Principal, id)
			e.add(AccessKey, id)
		case "userName":
			name = s.String()
			e.add(Principal, name)
		default:
			s.Skip()
		}
	}
	e.add(UserName, Username(kind, name, session))
}

// Username is what CloudTrail's event history calls a caller: userIdentity's
// type, its userName, and the session's name if it is an assumed role's.
func Username(kind, name, session string) string {
	switch kind {
	case "Root":
		return "root"
	case "AssumedRole":
		return session
	}
	return name
}

// parameter reads a parameter: the encryption context, and what the caller named.
// An alias is in no other place of a record, for the resource is then its key.
func (e *entry) parameter(m *member) {
	s := awsjson.NewScanner(m.value)
	switch string(m.name) {
	case "encryptionContext", "sourceEncryptionContext", "destinationEncryptionContext":
		if s.Peek() == '{' {
			for _, p := range s.StringMap() {
				e.add(Context, p.Key+"="+p.Value)
			}
		}
	case "keyId", "targetKeyId", "sourceKeyId", "destinationKeyId", "aliasName", "userName", "roleName", "groupName", "policyArn", "accessKeyId":
		if s.Peek() == '"' {
			e.add(Type, TypeOf(string(m.name)))
			e.about(s.String())
		}
	}
}

// TypeOf is the type of what a request names by a parameter; "" for keys and
// aliases of KMS, which are resources of their records.
func TypeOf(parameter string) string {
	switch parameter {
	case "userName":
		return "AWS::IAM::User"
	case "roleName":
		return "AWS::IAM::Role"
	case "groupName":
		return "AWS::IAM::Group"
	case "policyArn":
		return "AWS::IAM::Policy"
	case "accessKeyId":
		return "AWS::IAM::AccessKey"
	}
	return ""
}

// answer reads the access key that a call has made, which stands in one of the
// answer's members.
func (e *entry) answer(s *awsjson.Scanner) {
	if s.Peek() != '{' {
		s.Skip()
		return
	}
	var o awsjson.Object
	for s.Member(&o) {
		if name := string(o.Name()); name != "accessKey" && name != "credentials" || s.Peek() != '{' {
			s.Skip()
			continue
		}
		var made awsjson.Object
		for s.Member(&made) {
			if string(made.Name()) != "accessKeyId" {
				s.Skip()
				continue
			}
			e.add(Type, TypeOf("accessKeyId"))
			e.about(s.String())
		}
	}
}

func (e *entry) resources(s *awsjson.Scanner) {
	var a awsjson.Array
	for s.Element(&a) {
		var o awsjson.Object
		for s.Member(&o) {
			switch string(o.Name()) {
			case "ARN":
				e.about(s.String())
			case "type":
				e.add(Type, s.String())
			case "accountId":
				e.accounts = append(e.accounts, s.String())
			default:
				s.Skip()
			}
		}
	}
}

// about adds what the call was about, and the names that an ARN has within.
func (e *entry) about(resource string) {
	for _, name := range names(resource) {
		e.add(Resource, name)
	}
}
