package policy_test

import (
	"fmt"
	"strings"
	"testing"

	"trent/internal/policy"
)

// TestStepsAreCounted: whatever a policy or a request has many of costs as many
// steps, so that none of it makes an evaluation long for nothing.
func TestStepsAreCounted(t *testing.T) {
	t.Parallel()
	const n = 400
	many := func(format string) string {
		var all []string
		for i := range n {
			all = append(all, strings.ReplaceAll(format, "#", fmt.Sprint(i)))
		}
		return strings.Join(all, ",")
	}
	list := func(format string) string { return "[" + many(`"`+format+`"`) + "]" }
	values := []string{}
	for range n {
		values = append(values, "v")
	}
	context := keys{"aws:v": "v", "aws:n": "7", "aws:t": "2026-11-23", "aws:ip": "192.0.2.7", "aws:set": values, "aws:long": strings.Repeat("v", 16*n)}
	of := func(condition string) string {
		return `{"Effect":"Deny","Principal":"*","Action":"*","Resource":"*","Condition":{` + condition + `}}`
	}
	for name, all := range map[string]string{
		"statements":                 many(`{"Effect":"Allow","Principal":"*","Action":"s3:x","Resource":"*"}`),
		"statements that deny":       many(`{"Effect":"Deny","Principal":"*","Action":"s3:x","Resource":"*"}`),
		"actions":                    `{"Effect":"Allow","Principal":"*","Action":` + list("kms:?#") + `,"Resource":"*"}`,
		"actions that are not":       `{"Effect":"Allow","Principal":"*","NotAction":` + list("kms:?#") + `,"Resource":"*"}`,
		"resources":                  `{"Effect":"Allow","Principal":"*","Action":"*","Resource":` + list("arn:aws:kms:*:*:key/#") + `}`,
		"principals":                 `{"Effect":"Allow","Principal":{"AWS":` + list("arn:aws:iam::111122223333:user/u#") + `},"Action":"*","Resource":"*"}`,
		"accounts":                   `{"Effect":"Allow","Principal":{"AWS":` + list("444455556666") + `},"Action":"*","Resource":"*"}`,
		"services":                   `{"Effect":"Allow","Principal":{"Service":` + list("s#.amazonaws.com") + `},"Action":"*","Resource":"*"}`,
		"principals that are not":    `{"Effect":"Deny","NotPrincipal":{"AWS":` + list("arn:aws:iam::111122223333:user/u#") + `},"Action":"*","Resource":"*"}`,
		"keys":                       of(`"StringNotEquals":{` + many(`"aws:k#":"v"`) + `}`),
		"keys that are null":         of(`"Null":{` + many(`"aws:k#":"true"`) + `}`),
		"texts":                      of(`"StringEquals":{"aws:v":` + list("#") + `}`),
		"texts without case":         of(`"StringEqualsIgnoreCase":{"aws:v":` + list("#") + `}`),
		"patterns":                   of(`"StringLike":{"aws:v":` + list("#*") + `}`),
		"patterns of long texts":     of(`"StringLike":{"aws:v":` + list("*"+strings.Repeat("w", 64)+"#*") + `}`),
		"ARNs":                       of(`"ArnLike":{"aws:v":` + list("arn:aws:s3:::#") + `}`),
		"numbers":                    of(`"NumericEquals":{"aws:n":` + list("1#") + `}`),
		"dates":                      of(`"DateEquals":{"aws:t":` + list("1#") + `}`),
		"bytes":                      of(`"BinaryEquals":{"aws:v":` + list("QUJD") + `}`),
		"addresses":                  of(`"IpAddress":{"aws:ip":` + list("198.51.100.0/24") + `}`),
		"values of the request":      of(`"ForAllValues:StringEquals":{"aws:set":"v"}`),
		"truth values":               of(`"ForAnyValue:Bool":{"aws:set":"true"}`),
		"a long value":               of(`"StringLike":{"aws:long":"w"}`),
		"a long number":              of(`"NumericEquals":{"aws:long":"7"}`),
		"variables":                  of(`"StringEquals":{"aws:v":"` + strings.Repeat("${aws:n}", n) + `"}`),
		"a long value by a variable": of(`"StringLike":{"aws:set":"${aws:long}*"}`),
	} {
		r := &policy.Request{Action: "kms:Encrypt", Resource: keyARN, Principal: bob, Context: context}
		o := compile(t, statements(all), nil).EvaluateResource(r)
		if r.Steps < n || o.Exhausted {
			t.Errorf("%d %s: %d steps, exhausted %t", n, name, r.Steps, o.Exhausted)
		}
		// With one step fewer than it takes, it is exhausted; with as many, it is not.
		for left, exhausted := range map[int]bool{r.Steps: false, r.Steps - 1: true} {
			again := &policy.Request{Action: "kms:Encrypt", Resource: keyARN, Principal: bob, Context: context, Steps: policy.MaxSteps - left}
			got := compile(t, statements(all), nil).EvaluateResource(again)
			if got.Exhausted != exhausted || (got.Deny != nil) != (o.Deny != nil && !exhausted) || (got.Allow != nil) != (o.Allow != nil && !exhausted) {
				t.Errorf("%s with %d of %d steps: %+v", name, left, r.Steps, got)
			}
		}
	}
}

// TestMatches: a pattern has wildcards, and no variables.
func TestMatches(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		pattern, text string
		want          bool
	}{{"kms:*", "kms:Encrypt", true}, {"kms:?ncrypt", "kms:Encrypt", true}, {"kms:encrypt", "kms:Encrypt", false}, {"${aws:k}", "${aws:k}", true}, {"${*}x", "*x", false}} {
		if got := policy.Matches(test.pattern, test.text); got != test.want {
			t.Errorf("%s, %s: %t", test.pattern, test.text, got)
		}
	}
}

// TestUnknownOperators: a condition of an operator that does not exist, which no
// parsed document has, allows nothing.
func TestUnknownOperators(t *testing.T) {
	t.Parallel()
	for _, operator := range []string{"", "StringEqual", "Numeric", "NumericIs", "DateEqual", "stringequals", "Not"} {
		d := &policy.Document{Version: policy.Version2012, Statements: []policy.Statement{{
			Effect: policy.Allow, Action: []string{"*"}, Resource: []string{"*"},
			Condition: []policy.Condition{{Operator: operator, Key: "aws:k", Values: []string{"7"}}},
		}}}
		if o := policy.Compile(d, nil).Evaluate(&policy.Request{Action: "kms:Encrypt", Context: keys{"aws:k": "7"}}); o.Allow != nil {
			t.Errorf("%q allows", operator)
		}
		if _, err := policy.Parse(string(d.AppendJSON(nil))); err == nil {
			t.Errorf("%q is parsed", operator)
		}
	}
}
