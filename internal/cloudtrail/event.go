package cloudtrail

import (
	"bytes"
	"slices"
	"strings"
	"time"

	"trent/internal/auditindex"
	"trent/internal/awsjson"
)

// event is a record as an account's event history shows it.
type event struct {
	time                               int64 // Unix seconds
	id, name, source, readOnly         string
	username, accessKeyID, recipientID string
	principalID, accountID             string // the caller's
	resources                          []resource
	named                              []resource // by the request or the answer; no ARNs
	keys                               []string   // that the request of KMS named, in its words
	foreign                            bool       // it is another account's call
	json                               []byte     // CloudTrailEvent
}

// resource is something that the call was about.
type resource struct{ kind, name, account string }

// eventOf reads a record of the trail, which an account may see.
func eventOf(record []byte, account string) event {
	e := event{json: record, readOnly: "false"}
	s := awsjson.NewScanner(record)
	var o awsjson.Object
	for s.Member(&o) {
		switch string(o.Name()) {
		case "eventTime":
			at, _ := time.Parse(time.RFC3339, s.String())
			e.time = at.Unix()
		case "eventID":
			e.id = s.String()
		case "eventName":
			e.name = s.String()
		case "eventSource":
			e.source = s.String()
		case "readOnly":
			if s.Bool() {
				e.readOnly = "true"
			}
		case "recipientAccountId":
			e.recipientID = s.String()
		case "userIdentity":
			e.identity(&s)
		case "resources":
			e.readResources(&s)
		case "requestParameters", "responseElements":
			e.readNamed(&s)
		default:
			s.Skip()
		}
	}
	if e.recipientID != account {
		e.own(account)
	}
	return e
}

func (e *event) identity(s *awsjson.Scanner) {
	var kind, name, arn string
	var o awsjson.Object
	for s.Member(&o) {
		switch string(o.Name()) {
		case "type":
			kind = s.String()
		case "userName":
			name = s.String()
		case "arn":
			arn = s.String()
		case "accessKeyId":
			e.accessKeyID = s.String()
		case "principalId":
			e.principalID = s.String()
		case "accountId":
			e.accountID = s.String()
		default:
			s.Skip()
		}
	}
	e.username = auditindex.Username(kind, name, arn[strings.LastIndexByte(arn, '/')+1:])
}

func (e *event) readResources(s *awsjson.Scanner) {
	var a awsjson.Array
	for s.Element(&a) {
		var r resource
		var o awsjson.Object
		for s.Member(&o) {
			switch string(o.Name()) {
			case "accountId":
				r.account = s.String()
			case "type":
				r.kind = s.String()
			case "ARN":
				r.name = s.String()
			default:
				s.Skip()
			}
		}
		e.resources = append(e.resources, r)
	}
}

// readNamed reads what a call of IAM or STS names, which has no resources in
// CloudTrail's records, and the access key that it made.
func (e *event) readNamed(s *awsjson.Scanner) {
	if s.Peek() != '{' {
		s.Skip()
		return
	}
	var o awsjson.Object
	for s.Member(&o) {
		kind := auditindex.TypeOf(string(o.Name()))
		switch made := string(o.Name()); {
		case slices.Contains(keyMembers[:], made) && s.Peek() == '"':
			e.keys = append(e.keys, s.String())
		case kind != "" && s.Peek() == '"':
			e.add(resource{kind: kind, name: s.String()})
		case (made == "accessKey" || made == "credentials") && s.Peek() == '{':
			e.readNamed(s)
		default:
			s.Skip()
		}
	}
}

// keyMembers are the members of KMS's requests and answers that name a key.
var keyMembers = [...]string{"keyId", "targetKeyId", "sourceKeyId", "destinationKeyId"}

func (e *event) add(r resource) {
	if !slices.Contains(e.named, r) {
		e.named = append(e.named, r)
	}
}

// shows reports whether the history has the event by an attribute. The trail's
// index has found it by the whole record; of another account's call the history
// does not show all.
func (e *event) shows(a attribute) bool {
	if !e.foreign {
		return true
	}
	switch a.key {
	case "Username", "AccessKeyId":
		return false
	case "ResourceType":
		return slices.ContainsFunc(e.resources, func(r resource) bool { return r.kind == a.value })
	case "ResourceName":
		return slices.ContainsFunc(e.resources, func(r resource) bool {
			return r.name == a.value || r.name[strings.LastIndexAny(r.name, ":/")+1:] == a.value
		})
	}
	return true
}

// appendJSON appends the event as LookupEvents answers it.
func (e *event) appendJSON(dst []byte) []byte {
	dst = awsjson.AppendString(append(dst, `{"EventId":`...), e.id)
	dst = awsjson.AppendString(append(dst, `,"EventName":`...), e.name)
	dst = awsjson.AppendString(append(dst, `,"ReadOnly":`...), e.readOnly)
	if e.accessKeyID != "" {
		dst = awsjson.AppendString(append(dst, `,"AccessKeyId":`...), e.accessKeyID)
	}
	dst = awsjson.AppendInt(append(dst, `,"EventTime":`...), e.time)
	dst = awsjson.AppendString(append(dst, `,"EventSource":`...), e.source)
	if e.username != "" {
		dst = awsjson.AppendString(append(dst, `,"Username":`...), e.username)
	}
	dst = append(dst, `,"Resources":[`...)
	for i, r := range slices.Concat(e.resources, e.named) {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = awsjson.AppendString(append(dst, `{"ResourceType":`...), r.kind)
		dst = append(awsjson.AppendString(append(dst, `,"ResourceName":`...), r.name), '}')
	}
	dst = awsjson.AppendString(append(dst, `],"CloudTrailEvent":`...), string(bytes.TrimSpace(e.json)))
	return append(dst, '}')
}
