package cloudtrail

import (
	"time"
	"unicode/utf8"

	"trent/internal/apierr"
	"trent/internal/auditindex"
	"trent/internal/awsjson"
)

// kinds are the attributes that events can be looked up by.
var kinds = map[string]auditindex.Kind{
	"EventId":      auditindex.Event,
	"EventName":    auditindex.Operation,
	"ReadOnly":     auditindex.ReadOnly,
	"Username":     auditindex.UserName,
	"ResourceType": auditindex.Type,
	"ResourceName": auditindex.Resource,
	"EventSource":  auditindex.Source,
	"AccessKeyId":  auditindex.AccessKey,
}

const (
	insight   = "insight" // the one event category that can be asked for
	maxValue  = 2000      // of an attribute, in characters, some of which count twice
	maxToken  = 1024
	javaTimes = "Jan 2, 2006, 3:04:05 PM" // how CloudTrail's records have times
)

// Decode reads the request. Members that it does not know are ignored, as AWS
// does.
func (in *lookupEvents) Decode(body []byte) error {
	s := awsjson.NewScanner(body)
	var o awsjson.Object
	for s.Member(&o) {
		switch string(o.Name()) {
		case "LookupAttributes":
			var a awsjson.Array
			for s.Element(&a) {
				in.attribute = decodeAttribute(&s)
				in.attributes++
			}
		case "StartTime":
			in.start = s.Time()
		case "EndTime":
			in.end = s.Time()
		case "EventCategory":
			in.category = s.String()
		case "MaxResults":
			in.results, in.given = s.Int32(), true
		case "NextToken":
			in.token = s.String()
		default:
			s.Skip()
		}
	}
	if err := s.End(); err != nil {
		return apierr.Because(apierr.Serialization, err)
	}
	return nil
}

func decodeAttribute(s *awsjson.Scanner) (a attribute) {
	var o awsjson.Object
	for s.Member(&o) {
		switch string(o.Name()) {
		case "AttributeKey":
			a.key = s.String()
		case "AttributeValue":
			a.value = s.String()
		default:
			s.Skip()
		}
	}
	return a
}

// AppendAudit shows the parameters, but for the token.
func (in *lookupEvents) AppendAudit(dst []byte) []byte {
	start := len(dst)
	member := func(name string) { dst = append(append(append(dst, `,"`...), name...), `":`...) }
	if in.attributes > 0 {
		member("lookupAttributes")
		dst = awsjson.AppendString(append(dst, `[{"attributeKey":`...), in.attribute.key)
		dst = append(awsjson.AppendString(append(dst, `,"attributeValue":`...), in.attribute.value), `}]`...)
	}
	for _, t := range [...]struct {
		name string
		time time.Time
	}{{"startTime", in.start}, {"endTime", in.end}} {
		if !t.time.IsZero() {
			member(t.name)
			dst = awsjson.AppendString(dst, t.time.UTC().Format(javaTimes))
		}
	}
	if in.category != "" {
		member("eventCategory")
		dst = awsjson.AppendString(dst, in.category)
	}
	if in.given {
		member("maxResults")
		dst = awsjson.AppendInt(dst, int64(in.results))
	}
	if len(dst) == start {
		return nil // null, as CloudTrail has it
	}
	dst[start] = '{'
	return append(dst, '}')
}

// Check refuses parameters that cannot be looked up by.
func (in *lookupEvents) Check() error {
	if in.given && (in.results < 1 || in.results > maxResults) {
		return apierr.New(apierr.InvalidMaxResults, "MaxResults must be between 1 and %d.", maxResults)
	}
	if in.category != "" && in.category != insight {
		return apierr.New(apierr.InvalidEventCategory, "The event category must be insight.")
	}
	if !in.start.IsZero() && !in.end.IsZero() && in.start.After(in.end) {
		return apierr.New(apierr.InvalidTimeRange, "The start time must not be after the end time.")
	}
	if len(in.token) > maxToken {
		return errToken()
	}
	return in.checkAttribute()
}

func (in *lookupEvents) checkAttribute() error {
	_, known := kinds[in.attribute.key]
	switch {
	case in.attributes == 0:
		return nil
	case in.attributes > 1:
		return errAttribute("Only one lookup attribute can be specified.")
	case !known:
		return errAttribute("The attribute key must be one of EventId, EventName, ReadOnly, Username, ResourceType, ResourceName, EventSource and AccessKeyId.")
	case in.category == insight && in.attribute.key != "EventId" && in.attribute.key != "EventName" && in.attribute.key != "EventSource":
		return errAttribute("Insights events can be looked up by EventId, EventName and EventSource.")
	case in.attribute.value == "" || length(in.attribute.value) > maxValue:
		return errAttribute("The attribute value must have 1 to 2000 characters.")
	case in.attribute.key == "ReadOnly" && in.attribute.value != "true" && in.attribute.value != "false":
		return errAttribute("The value of ReadOnly must be true or false.")
	}
	return nil
}

// length is a value's as AWS counts it.
func length(value string) int {
	n := utf8.RuneCountInString(value)
	for _, r := range value {
		switch r {
		case '_', ' ', ',', '\n':
			n++
		}
	}
	return n
}

func errAttribute(text string) error { return apierr.New(apierr.InvalidLookupAttributes, "%s", text) }

func errToken() error { return apierr.New(apierr.InvalidNextToken, "The next token is not valid.") }

func errRate() error { return apierr.New(apierr.Throttling, "Rate exceeded") }
