package auditindex

import (
	"time"

	"trent/internal/awsjson"
)

// read reads what a record is found by. Of a record that is not of the service's
// form it reads what it can.
func (e *entry) read(json []byte) {
	e.time, e.terms = 0, e.terms[:0]
	s := awsjson.NewScanner(json)
	result := Success
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
			e.add(Region, s.String())
		case "errorCode":
			result = s.String()
		case "requestID":
			e.add(Request, s.String())
		case "eventID":
			e.add(Event, s.String())
		case "recipientAccountId":
			e.add(Account, s.String())
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
		case "resources":
			e.resources(&s)
		default:
			s.Skip()
		}
	}
	e.add(Result, result)
}

// add gives the record a term, perhaps once more.
func (e *entry) add(k Kind, value string) {
	if value != "" {
		e.terms = append(e.terms, Term{k, value})
	}
}

func (e *entry) identity(s *awsjson.Scanner) {
	var o awsjson.Object
	for s.Member(&o) {
		switch string(o.Name()) {
		case "arn", "principalId":
			e.add(Principal, s.String())
		case "accessKeyId":
			id := s.String()
			e.add(Principal, id)
			e.add(AccessKey, id)
		case "userName":
			name := s.String()
			e.add(Principal, name)
			e.add(UserName, name)
		default:
			s.Skip()
		}
	}
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
		case "keyId", "targetKeyId", "sourceKeyId", "destinationKeyId", "aliasName", "userName", "roleName", "groupName", "policyArn":
			if s.Peek() != '"' {
				s.Skip()
				continue
			}
			e.about(s.String())
		default:
			s.Skip()
		}
	}
}

func (e *entry) resources(s *awsjson.Scanner) {
	var a awsjson.Array
	for s.Element(&a) {
		var o awsjson.Object
		for s.Member(&o) {
			if string(o.Name()) != "ARN" {
				s.Skip()
				continue
			}
			e.about(s.String())
		}
	}
}

// about adds what the call was about, and the names that an ARN has within.
func (e *entry) about(resource string) {
	for _, name := range names(resource) {
		e.add(Resource, name)
	}
}
