package cloudtrail

import (
	"slices"
	"strings"

	"trent/internal/awsjson"
)

// own makes the event that of an account whose resource another account's call was
// about. As in CloudTrail it names the caller by account and unique id only, and
// has a sharedEventID, and no error's text, which would name him. What it says of
// the request and the answer is left out if the call named a key that is not the
// account's, also one that the caller was not let through to.
func (e *event) own(account string) {
	e.foreign, e.username, e.accessKeyID, e.named = true, "", "", nil
	all := len(e.resources)
	e.resources = slices.DeleteFunc(e.resources, func(r resource) bool { return r.account != account })
	shared := len(e.resources) < all || e.namesOthers(account)
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
		case "additionalEventData":
			if shared {
				continue
			}
		case "errorMessage":
			continue
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

// namesOthers reports whether the call is one about two keys of which the second
// is not the account's, or named a key otherwise than by an ARN of the account's:
// an id or an alias is one of the caller's own.
func (e *event) namesOthers(account string) bool {
	if e.name == "ReEncrypt" && len(e.resources) < 2 {
		return true
	}
	return slices.ContainsFunc(e.keys, func(name string) bool {
		parts := strings.SplitN(name, ":", 6)
		return len(parts) < 6 || parts[4] != account
	})
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
