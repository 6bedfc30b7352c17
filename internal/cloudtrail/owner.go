package cloudtrail

import (
	"slices"

	"trent/internal/awsjson"
)

// own makes the event that of an account whose resource another account's call was
// about. As in CloudTrail it names the caller by account and unique id only, and
// has a sharedEventID. What it says of the request and the answer, and in the
// error's text, is left out if the call was about a third account's resource too.
func (e *event) own(account string) {
	e.foreign, e.username, e.accessKeyID, e.named = true, "", "", nil
	all := len(e.resources)
	e.resources = slices.DeleteFunc(e.resources, func(r resource) bool { return r.account != account })
	shared := len(e.resources) < all
	record := e.json
	e.json = make([]byte, 0, len(record)+64)
	s := awsjson.NewScanner(record)
	var o awsjson.Object
	for s.Entry(&o) {
		name := string(o.Name())
		value := valueOf(record, &s)
		switch name {
		case "userIdentity":
			value = e.stranger()
		case "recipientAccountId":
			value = awsjson.AppendString(nil, account)
			value = awsjson.AppendString(append(value, `,"sharedEventID":`...), e.id)
		case "resources":
			value = e.ownResources()
		case "requestParameters", "responseElements":
			if shared {
				value = []byte("null")
			}
		case "errorMessage", "additionalEventData":
			if shared {
				continue
			}
		}
		e.json = append(append(append(e.json, `,"`...), name...), `":`...)
		e.json = append(e.json, value...)
	}
	if len(e.json) == 0 {
		e.json = append(e.json, '{')
	}
	e.json[0] = '{'
	e.json = append(e.json, '}')
}

// valueOf is the next value as it is written.
func valueOf(record []byte, s *awsjson.Scanner) []byte {
	s.Peek() // white space
	from := s.Offset()
	s.Skip()
	return record[from:s.Offset()]
}

// stranger is the caller as other accounts see him.
func (e *event) stranger() []byte {
	b := awsjson.AppendString([]byte(`{"type":"AWSAccount","principalId":`), e.principalID)
	return append(awsjson.AppendString(append(b, `,"accountId":`...), e.accountID), '}')
}

// ownResources are those of the account.
func (e *event) ownResources() []byte {
	b := []byte{'['}
	for i, r := range e.resources {
		if i > 0 {
			b = append(b, ',')
		}
		b = awsjson.AppendString(append(b, `{"accountId":`...), r.account)
		b = awsjson.AppendString(append(b, `,"type":`...), r.kind)
		b = append(awsjson.AppendString(append(b, `,"ARN":`...), r.name), '}')
	}
	return append(b, ']')
}
