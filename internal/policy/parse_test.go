package policy_test

import (
	"errors"
	"reflect"
	"strings"
	"testing"

	"trent/internal/policy"
)

const (
	partition = "aws"
	account   = "111122223333"
	root      = "arn:aws:iam::111122223333:root"
)

// statement is a policy of one statement, which lacks its last brace but one.
func statement(rest string) string {
	return `{"Version":"2012-10-17","Statement":[{"Effect":"Allow",` + rest + `}]}`
}

func TestParse(t *testing.T) {
	t.Parallel()
	got, err := policy.Parse(`
	{ "Version" : "2012-10-17", "Id": "a b",
	  "Statement": [ {
	    "Sid": "one", "Effect": "Deny",
	    "NotPrincipal": {"AWS": ["111122223333", "arn:aws:iam::111122223333:role/x"], "Service": "kms.amazonaws.com",
	      "Federated": "accounts.google.com", "CanonicalUser": ["79a5"]},
	    "NotAction": ["kms:Encrypt", "kms:De*"], "NotResource": "*",
	    "Condition": {
	      "StringLike": {"kms:b": "x*", "kms:a": ["y", "z"]},
	      "ForAnyValue:NumericLessThanIfExists": {"kms:n": [1, -2.5e3]},
	      "Bool": {"aws:s": true, "aws:t": "false"} } },
	  {"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": []} ] }`)
	if err != nil {
		t.Fatal(err)
	}
	want := &policy.Document{Version: policy.Version2012, ID: "a b", Statements: []policy.Statement{{
		SID: "one", Effect: policy.Deny,
		NotPrincipal: &policy.Principals{
			AWS: []string{"111122223333", "arn:aws:iam::111122223333:role/x"}, Service: []string{"kms.amazonaws.com"},
			Federated: []string{"accounts.google.com"}, CanonicalUser: []string{"79a5"},
		},
		NotAction: []string{"kms:Encrypt", "kms:De*"}, NotResource: []string{"*"},
		Condition: []policy.Condition{
			{Operator: "Bool", Key: "aws:s", Values: []string{"true"}},
			{Operator: "Bool", Key: "aws:t", Values: []string{"false"}},
			{Set: policy.ForAnyValue, Operator: "NumericLessThan", IfExists: true, Key: "kms:n", Values: []string{"1", "-2.5e3"}},
			{Operator: "StringLike", Key: "kms:a", Values: []string{"y", "z"}},
			{Operator: "StringLike", Key: "kms:b", Values: []string{"x*"}},
		},
	}, {Effect: policy.Allow, Principal: &policy.Principals{Everyone: true}, Action: []string{"*"}, Resource: []string{}}}}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
	const canonical = `{"Version":"2012-10-17","Id":"a b","Statement":[{"Sid":"one","Effect":"Deny",` +
		`"NotPrincipal":{"AWS":["111122223333","arn:aws:iam::111122223333:role/x"],"Service":["kms.amazonaws.com"],"Federated":["accounts.google.com"],"CanonicalUser":["79a5"]},` +
		`"NotAction":["kms:Encrypt","kms:De*"],"NotResource":["*"],` +
		`"Condition":{"Bool":{"aws:s":["true"],"aws:t":["false"]},"ForAnyValue:NumericLessThanIfExists":{"kms:n":["1","-2.5e3"]},"StringLike":{"kms:a":["y","z"],"kms:b":["x*"]}}},` +
		`{"Effect":"Allow","Principal":"*","Action":["*"],"Resource":[]}]}`
	if text := string(got.AppendJSON(nil)); text != canonical {
		t.Errorf("got  %s\nwant %s", text, canonical)
	}
}

// TestParseRefuses: what is no policy, and why. A text that ends in "…" is the
// beginning of one.
func TestParseRefuses(t *testing.T) {
	t.Parallel()
	const noJSON = "This policy contains invalid Json: "
	for _, test := range []struct{ document, want string }{
		{``, noJSON + "expected an object at offset 0"},
		{`[]`, noJSON + "expected an object at offset 0"},
		{`{"Statement":[{"Effect":"Allow"}]} x`, noJSON + "data after the value at offset 35"},
		{`{"Statement":[{"Effect":"Allow"},]}`, noJSON + "…"},
		{`{"Version":"2012-10-17","Version":"2012-10-17","Statement":[]}`, noJSON + "duplicate member at offset 24"},
		{`{"Version":"2012-10-17","Versio\u006e":"2012-10-17","Statement":[]}`, noJSON + "duplicate member at offset 24"},
		{statement(`"Effect":"Deny"`), noJSON + "duplicate member at offset 55"},
		{statement(`"Condition":{"Bool":{"aws:s":"true"},"Bool":{"aws:t":"true"}}`), noJSON + "duplicate member…"},
		{statement(`"Condition":null`), noJSON + "expected an object…"},
		{statement(`"Principal":null`), noJSON + "expected an object…"},
		{statement(`"Action":[null]`), noJSON + "null in a list…"},
		{statement(`"Action":[["kms:*"]]`), noJSON + "expected a string…"},
		{statement(`"Action":7`), noJSON + "expected a string…"},
		{statement(`"Sid":["a"]`), noJSON + "expected a string…"},
		{statement(`"Condition":{"Bool":{"aws:s":{}}}`), noJSON + "expected a string…"},
		{strings.Repeat("[", 100), noJSON + "…"},
		{`{}`, "Missing required field Statement"},
		{`{"Version":"2012-10-17"}`, "Missing required field Statement"},
		{`{"Statement":[]}`, "Could not parse the policy: Statement is empty!"},
		{`{"Version":"2012-10-18","Statement":[]}`, "Policy document must be version 2012-10-17 or 2008-10-17"},
		{`{"Statement":{}}`, "Missing required field Effect"},
		{`{"statement":{}}`, "Syntax error: a policy has no element statement"},
		{`{"Comment":"x","Statement":{}}`, "Syntax error: a policy has no element Comment"},
		{statement(`"principal":"*"`), "Syntax error: a statement has no element principal"},
		{statement(`"Actions":"*"`), "Syntax error: a statement has no element Actions"},
		{statement(`"` + strings.Repeat("A", 200) + `":"*"`), "Syntax error: a statement has no element " + strings.Repeat("A", 128) + "…"},
		{`{"Statement":{"Effect":"allow"}}`, "Invalid effect: allow"},
		{statement(`"Principal":"111122223333"`), "Policy contains a statement with one or more invalid principals."},
		{statement(`"Principal":{"aws":"*"}`), "Policy contains a statement with one or more invalid principals."},
		{statement(`"Principal":"*","NotPrincipal":"*"`), "Syntax error: a statement cannot have both Principal and NotPrincipal"},
		{statement(`"Action":"*","NotAction":"*"`), "Syntax error: a statement cannot have both Action and NotAction"},
		{statement(`"Resource":"*","NotResource":"*"`), "Syntax error: a statement cannot have both Resource and NotResource"},
		{statement(`"Condition":{"StringEqual":{"aws:s":"a"}}`), "Invalid Condition type : StringEqual"},
		{statement(`"Condition":{"stringequals":{"aws:s":"a"}}`), "Invalid Condition type : stringequals"},
		{statement(`"Condition":{"ForSome:StringEquals":{"aws:s":"a"}}`), "Invalid Condition type : ForSome:StringEquals"},
		{statement(`"Condition":{"NullIfExists":{"aws:s":"true"}}`), "Invalid Condition type : NullIfExists"},
		{statement(`"Condition":{"StringEquals":{"s":"a"}}`), "Conditions must be prefaced by a vendor, e.g., kms: s"},
		{statement(`"Condition":{"StringEquals":{"aws:s":[]}}`), "The condition key aws:s has no value"},
	} {
		d, err := policy.Parse(test.document)
		e, ok := errors.AsType[*policy.Error](err)
		if !ok || d != nil {
			t.Errorf("%s: got %v, %v", test.document, d, err)
			continue
		}
		begin, partial := strings.CutSuffix(test.want, "…")
		if e.Text != test.want && !(partial && strings.HasPrefix(e.Text, begin)) {
			t.Errorf("%s:\n got %q\nwant %q", test.document, e.Text, test.want)
		}
	}
}

// TestConditionValues: which values each kind of operator takes.
func TestConditionValues(t *testing.T) {
	t.Parallel()
	for operator, values := range map[string]map[string]bool{
		"StringEquals":               {`""`: true, `"${aws:username}"`: true, `7`: true, `true`: true},
		"ArnLike":                    {`"arn:aws:iam::*:role/x"`: true},
		"NumericLessThan":            {`7`: true, `"7"`: true, `"-1.5e3"`: true, `"x"`: false, `"0x10"`: false, `"NaN"`: false, `""`: false, `"${kms:n}"`: true},
		"DateGreaterThan":            {`"2026-11-22T10:00:00Z"`: true, `"2026-11-22T10:00:00.5+01:00"`: true, `"2026-11-22"`: true, `1609193147`: true, `"tomorrow"`: false, `"2026-13-01"`: false},
		"BoolIfExists":               {`true`: true, `"false"`: true, `"True"`: true, `"yes"`: false, `1`: false},
		"Null":                       {`"true"`: true, `false`: true, `"null"`: false},
		"BinaryEquals":               {`"QmluYXJ5"`: true, `"*"`: false},
		"NotIpAddress":               {`"203.0.113.0/24"`: true, `"2001:db8::/32"`: true, `"192.0.2.7"`: true, `"192.0.2"`: false, `"192.0.2.7/33"`: false, `"fe80::1%eth0"`: false},
		"ForAllValues:StringNotLike": {`"*"`: true},
	} {
		for value, valid := range values {
			_, err := policy.Parse(statement(`"Condition":{"` + operator + `":{"kms:n":[` + value + `]}}`))
			if (err == nil) != valid {
				t.Errorf("%s %s: %v", operator, value, err)
			}
		}
	}
}

// FuzzParse: a document that was parsed, written canonically and parsed again is
// the same document, and writes itself the same again.
func FuzzParse(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		d, err := policy.Parse(text)
		if err != nil {
			if e, ok := errors.AsType[*policy.Error](err); !ok || e.Text == "" || d != nil {
				t.Fatalf("%q: %v, %v", text, d, err)
			}
			return
		}
		canonical := string(d.AppendJSON(nil))
		again, err := policy.Parse(canonical)
		if err != nil {
			t.Fatalf("%q became %q: %v", text, canonical, err)
		}
		if !reflect.DeepEqual(d, again) || string(again.AppendJSON(nil)) != canonical {
			t.Fatalf("%q became %q, %q", text, canonical, again.AppendJSON(nil))
		}
		// What holds for a document holds for its canonical form.
		if (policy.CheckKeyPolicy(d, partition) == nil) != (policy.CheckKeyPolicy(again, partition) == nil) || letsPut(d, root) != letsPut(again, root) {
			t.Fatalf("%q", text)
		}
	})
}
