package auditindex

import (
	"slices"
	"strings"
	"time"

	"trent/internal/awsjson"
)

// global is the Region of what operators do, which is in none.
const global = "global"

// read reads what a record is found by. Of a record that is not of the service's
// form it reads what it can.
func (e *entry) read(json []byte) {
	e.time, e.terms = 0, e.terms[:0]
	s := awsjson.NewScanner(json)
	result, region := Success, ""
	e.accounts = e.accounts[:0]
	var o awsjson.Object
	for s.Member(&o) {
		switch string(o.Name()) {
		case "eventTime":
			if at, err := time.Parse(time.RFC3339, s.String()); err == nil {
				e.time = at.Unix()
			}
		case "eventName":
			e.add(Operation, s.String())
		case "eventSource":
			e.add(Source, s.String())
		case "awsRegion":
			region = s.String()
			e.add(Region, region)
		case "errorCode":
			result = s.String()
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
			e.parameters(&s)
		case "responseElements":
			e.answer(&s)
		case "resources":
			e.resources(&s)
		default:
			s.Skip()
		}
	}
	e.add(Result, result)
	e.histories(region)
}

// histories adds the event histories that have the record.
func (e *entry) histories(region string) {
	if region == global {
		region = Home
	}
	for i, account := range e.accounts {
		if account != "" && !slices.Contains(e.accounts[:i], account) {
			e.add(History, HistoryOf(account, region))
		}
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

// parameters reads the encryption context and what the caller named: an alias is
// in no other place of a record, for the resource is then its key.
func (e *entry) parameters(s *awsjson.Scanner) {
	var o awsjson.Object
	for s.Member(&o) {
		switch string(o.Name()) {
		case "encryptionContext", "sourceEncryptionContext", "destinationEncryptionContext":
			if s.Peek() != '{' {
				s.Skip()
				continue
			}
			for _, p := range s.StringMap() {
				e.add(Context, p.Key+"="+p.Value)
			}
		case "keyId", "targetKeyId", "sourceKeyId", "destinationKeyId", "aliasName", "userName", "roleName", "groupName", "policyArn", "accessKeyId":
			if s.Peek() != '"' {
				s.Skip()
				continue
			}
			e.add(Type, TypeOf(string(o.Name())))
			e.about(s.String())
		default:
			s.Skip()
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
