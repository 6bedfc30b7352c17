package policy_test

import (
	"encoding/json"
	"strings"
	"testing"

	"trent/internal/policy"
)

// conditional is a document whose one statement has a condition.
func conditional(effect, condition string) string {
	return statements(`{"Effect":"` + effect + `","Principal":"*","Action":"*","Resource":"*","Condition":{` + condition + `}}`)
}

// holds reports whether a condition holds in a statement that allows, and in
// one that denies.
func holds(t *testing.T, condition string, context policy.Context) (allow, deny bool) {
	t.Helper()
	r := &policy.Request{Action: "kms:Encrypt", Resource: keyARN, Context: context}
	return compile(t, conditional("Allow", condition), nil).Evaluate(r).Allow != nil,
		compile(t, conditional("Deny", condition), nil).Evaluate(r).Deny != nil
}

// operators are the operators that compare, and for each the values that match
// (or do not) what a condition lists. A negated operator is the opposite of the
// one that stands before it.
var operators = []struct {
	names   string // without and with Not; separated by spaces if there are several
	negated string
	cases   []operatorCase
}{
	{"StringEquals", "StringNotEquals", []operatorCase{
		{`"a"`, "a", true}, {`"a"`, "A", false}, {`"a"`, "", false}, {`""`, "", true}, {`["a","b"]`, "b", true}, {`["a","b"]`, "c", false},
		{`"a*"`, "a*", true}, {`"a*"`, "ab", false}, {`"a?"`, "ab", false}, {`"true"`, "true", true}, {`true`, "true", true}, {`7`, "7", true}, {`7`, "7.0", false},
		{`"é"`, "é", true}, {`"ab"`, "a", false}, {`"a"`, "ab", false},
	}},
	{"StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", []operatorCase{
		{`"a"`, "A", true}, {`"aB"`, "Ab", true}, {`"É"`, "é", true}, {`"a"`, "b", false}, {`["x","A"]`, "a", true}, {`"a*"`, "ab", false}, {`""`, "", true},
	}},
	{"StringLike", "StringNotLike", []operatorCase{
		{`"*"`, "", true}, {`"*"`, "a:b", true}, {`"?"`, "", false}, {`"?"`, "é", true}, {`"??"`, "é", false}, {`"a*c"`, "abc", true}, {`"a*c"`, "ac", true},
		{`"a*c"`, "abcd", false}, {`"a*c"`, "aBC", false}, {`"a**c"`, "abc", true}, {`"*b*"`, "abc", true}, {`"*b*"`, "ac", false}, {`"a?c"`, "abc", true}, {`"a?c"`, "ac", false},
		{`"*?*"`, "", false}, {`"*ab"`, "aab", true}, {`"*aab*b"`, "aaabab", true}, {`["x*","y*"]`, "yes", true}, {`"a:*:c"`, "a:b:b:c", true}, {`"\\*"`, "\\a", true},
		{`"*??"`, "日", false}, {`"[a]"`, "a", false}, {`"a.c"`, "abc", false}, {`"*\n*"`, "a\nb", true}, {`"a*"`, "a\nb", true},
	}},
	{"NumericEquals", "NumericNotEquals", []operatorCase{
		{`7`, "7", true}, {`"7"`, "7.0", true}, {`"7"`, "07", true}, {`7`, "8", false}, {`[1,7]`, "7", true}, {`"-0.5"`, "-5e-1", true}, {`0`, "-0", true},
	}},
	{"NumericLessThan", "", []operatorCase{{`7`, "6.9", true}, {`7`, "7", false}, {`7`, "10", false}, {`-7`, "-8", true}, {`[1,7]`, "5", true}, {`7`, "x", false}, {`7`, "", false}}},
	{"NumericLessThanEquals", "", []operatorCase{{`7`, "6", true}, {`7`, "7", true}, {`7`, "7.1", false}, {`7`, "0x1", false}, {`7`, "NaN", false}}},
	{"NumericGreaterThan", "", []operatorCase{{`7`, "8", true}, {`7`, "7", false}, {`7`, "6", false}, {`7`, "+Inf", false}}},
	{"NumericGreaterThanEquals", "", []operatorCase{{`7`, "8", true}, {`7`, "7", true}, {`7`, "6", false}}},
	{"DateEquals", "DateNotEquals", []operatorCase{
		{`"2026-11-22T10:00:00Z"`, "2026-11-22T10:00:00Z", true}, {`"2026-11-22T10:00:00Z"`, "2026-11-22T11:00:00+01:00", true}, {`"2026-11-22T10:00:00Z"`, "1795341600", true},
		{`1795341600`, "2026-11-22T10:00:00Z", true}, {`"2026-11-22"`, "2026-11-22T00:00:00Z", true}, {`"2026-11"`, "2026-11-01", true}, {`"2026"`, "2026-01-01T00:00Z", true},
		{`2026`, "2026-01-01", true}, {`"2026-11-22T10:00:00Z"`, "2026-11-22T10:00:00.001Z", false}, {`"2026-11-22T10:00Z"`, "2026-11-22T12:00+02:00", true},
		{`["2025","2026"]`, "2026", true}, {`"-5"`, "1969-12-31T23:59:55Z", true}, {`0`, "1970", true}, {`"0001"`, "-62135596800", true},
	}},
	{"DateLessThan", "", []operatorCase{
		{`"2026-11-22T10:00:00Z"`, "2026-11-22T09:59:59.9Z", true}, {`"2026-11-22T10:00:00Z"`, "2026-11-22T10:00:00Z", false}, {`"2026-11-22T10:00:00Z"`, "2026-11-22T10:00:01Z", false},
		{`"2026-11-22T10:00:00Z"`, "now", false}, {`"2026-11-22T10:00:00Z"`, "", false}, {`"2026-11-22T10:00:00Z"`, "9223372036854775807", false},
	}},
	{"DateLessThanEquals", "", []operatorCase{{`"2026"`, "2025-12-31", true}, {`"2026"`, "2026-01-01", true}, {`"2026"`, "2026-01-02", false}}},
	{"DateGreaterThan", "", []operatorCase{{`"2026"`, "2025-12-31", false}, {`"2026"`, "2026-01-01", false}, {`"2026"`, "2026-01-02", true}}},
	{"DateGreaterThanEquals", "", []operatorCase{{`"2026"`, "2025-12-31", false}, {`"2026"`, "2026-01-01", true}, {`"2026"`, "2026-01-02", true}}},
	{"Bool", "", []operatorCase{
		{`true`, "true", true}, {`"true"`, "TRUE", true}, {`"True"`, "true", true}, {`true`, "false", false}, {`false`, "false", true}, {`false`, "true", false},
		{`[true,false]`, "false", true}, {`true`, "1", false}, {`false`, "0", false}, {`false`, "", false}, {`false`, "no", false},
	}},
	{"BinaryEquals", "", []operatorCase{{`"QmluYXJ5"`, "Binary", true}, {`"QmluYXJ5"`, "QmluYXJ5", false}, {`["","QmluYXJ5"]`, "Binary", true}, {`"AAE="`, "\x00\x01", true}, {`""`, "", true}}},
	{"IpAddress", "NotIpAddress", []operatorCase{
		{`"203.0.113.0/24"`, "203.0.113.255", true}, {`"203.0.113.0/24"`, "203.0.114.0", false}, {`"203.0.113.7"`, "203.0.113.7", true}, {`"203.0.113.7"`, "203.0.113.8", false},
		{`"203.0.113.7/24"`, "203.0.113.200", true}, {`"0.0.0.0/0"`, "203.0.113.7", true}, {`"0.0.0.0/0"`, "2001:db8::1", false}, {`"::/0"`, "2001:db8::1", true}, {`"::/0"`, "203.0.113.7", false},
		{`"2001:DB8:1234::/48"`, "2001:db8:1234:5::1", true}, {`"2001:db8:1234::/48"`, "2001:db8:1235::1", false}, {`"2001:db8::1"`, "2001:db8:0:0::1", true}, {`"2001:db8::1"`, "2001:db8::2", false},
		{`"203.0.113.0/24"`, "::ffff:203.0.113.9", true}, {`"::ffff:203.0.113.0/120"`, "203.0.113.9", true}, {`"::ffff:203.0.113.0/120"`, "203.0.114.9", false}, {`"::ffff:203.0.113.7"`, "203.0.113.7", true},
		{`"fe80::/10"`, "fe80::1%eth0", true}, {`["192.0.2.0/24","203.0.113.0/24"]`, "203.0.113.1", true},
	}},
	{"ArnEquals ArnLike", "ArnNotEquals ArnNotLike", []operatorCase{
		{`"arn:aws:iam::111122223333:role/app"`, "arn:aws:iam::111122223333:role/app", true}, {`"arn:aws:iam::111122223333:role/app"`, "arn:aws:iam::111122223333:role/App", false},
		{`"arn:aws:iam::*:role/*"`, "arn:aws:iam::111122223333:role/a/b:c", true}, {`"arn:aws:iam::*:role/*"`, "arn:aws:iam::111122223333:user/a", false},
		{`"arn:*:iam::1111????3333:role/a*"`, "arn:aws-cn:iam::111122223333:role/app", true}, {`"*:*:*:*:*:*"`, "arn:aws:iam::111122223333:root", true},
		{`"*"`, "arn:aws:iam::111122223333:root", false}, {`"arn:aws:*"`, "arn:aws:iam::111122223333:root", false}, {`"arn:aws:iam:*:root"`, "arn:aws:iam::111122223333:root", false},
		{`"arn:aws:some:*:111122223333:finance/*"`, "arn:aws:some:us-east-2:111122223333:finance/document.txt", true},
		{`"arn:aws:some:*:111122223333:finance/*"`, "arn:aws:some:us-east-2:999999999999:store/abc:111122223333:finance/document.txt", false},
		{`"arn:aws:iam:?:111122223333:root"`, "arn:aws:iam::111122223333:root", false}, {`"arn:aws:iam::111122223333:*:x"`, "arn:aws:iam::111122223333:a:b:x", true},
		{`"arn:aws:iam::1*3:root"`, "arn:aws:iam::111122223333:root", true}, {`"*"`, "text", true}, {`"*"`, "a:b", false},
	}},
}

type operatorCase struct {
	values, value string
	matches       bool
}

// TestOperators: what each operator matches, of a key with one value. IfExists
// changes nothing then, and a negated operator says the opposite.
func TestOperators(t *testing.T) {
	t.Parallel()
	for _, o := range operators {
		for _, test := range o.cases {
			for negated, names := range map[bool]string{false: o.names, true: o.negated} {
				for name := range strings.FieldsSeq(names) {
					for _, suffix := range []string{"", "IfExists"} {
						condition := `"` + name + suffix + `":{"aws:Key":` + test.values + `}`
						want := test.matches != negated
						if allow, deny := holds(t, condition, keys{"aws:key": test.value}); allow != want || deny != want {
							t.Errorf("%s, %q: %t in an Allow, %t in a Deny", condition, test.value, allow, deny)
						}
					}
				}
			}
		}
	}
}

// TestAbsentKeys: what each operator says of a key without a value, which an
// empty set has not either.
func TestAbsentKeys(t *testing.T) {
	t.Parallel()
	check := func(condition string, want bool) {
		t.Helper()
		for _, context := range []policy.Context{nil, keys{}, keys{"aws:other": "a"}, keys{"aws:key": []string{}}} {
			if allow, deny := holds(t, condition, context); allow != want || deny != want {
				t.Errorf("%s, %v: %t in an Allow, %t in a Deny", condition, context, allow, deny)
			}
		}
	}
	for _, o := range operators {
		values := o.cases[0].values
		for negated, names := range map[bool]string{false: o.names, true: o.negated} {
			for name := range strings.FieldsSeq(names) {
				check(`"`+name+`":{"aws:Key":`+values+`}`, negated)
				check(`"`+name+`IfExists":{"aws:Key":`+values+`}`, true)
				check(`"ForAllValues:`+name+`":{"aws:Key":`+values+`}`, true)
				check(`"ForAllValues:`+name+`IfExists":{"aws:Key":`+values+`}`, true)
				check(`"ForAnyValue:`+name+`":{"aws:Key":`+values+`}`, false)
				check(`"ForAnyValue:`+name+`IfExists":{"aws:Key":`+values+`}`, true)
			}
		}
	}
	check(`"Null":{"aws:Key":true}`, true)
	check(`"Null":{"aws:Key":"false"}`, false)
	check(`"Null":{"aws:Key":[true,false]}`, true)
}

// TestNull: a key is null without a value other than the empty string.
func TestNull(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		value any
		null  bool
	}{
		{"a", false}, {"", true}, {[]string{"a"}, false}, {[]string{"", "a"}, false}, {[]string{""}, true}, {[]string{}, true}, {nil, true},
	} {
		for condition, want := range map[string]bool{`true`: test.null, `"FALSE"`: !test.null, `["true","false"]`: true} {
			if allow, deny := holds(t, `"Null":{"aws:Key":`+condition+`}`, keys{"aws:key": test.value}); allow != want || deny != want {
				t.Errorf("Null %s, %q: %t, %t", condition, test.value, allow, deny)
			}
		}
	}
}

// TestSets: ForAllValues and ForAnyValue, of several values, one, and none but
// the empty string.
func TestSets(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		operator, values string
		set              []string
		all, some        bool
	}{
		{"StringEquals", `["a","b"]`, []string{"a"}, true, true},
		{"StringEquals", `["a","b"]`, []string{"b", "a"}, true, true},
		{"StringEquals", `["a","b"]`, []string{"a", "c"}, false, true},
		{"StringEquals", `["a","b"]`, []string{"c", "d"}, false, false},
		{"StringEquals", `["a","b"]`, []string{"", "a"}, false, true},
		{"StringEquals", `["a","b"]`, []string{""}, true, false},
		{"StringEquals", `""`, []string{""}, true, false},
		{"StringNotEquals", `["a","b"]`, []string{"a"}, false, false},
		{"StringNotEquals", `["a","b"]`, []string{"a", "c"}, false, true},
		{"StringNotEquals", `["a","b"]`, []string{"c", "d"}, true, true},
		{"StringNotEquals", `["a","b"]`, []string{""}, true, false},
		{"StringLike", `"key1*"`, []string{"key1:hr", "key1:legal"}, true, true},
		{"StringLike", `"key1*"`, []string{"key1:hr", "key2:audit"}, false, true},
		{"StringNotLike", `"key1*"`, []string{"key2:audit"}, true, true},
		{"NumericLessThan", `[5,3]`, []string{"4", "1"}, true, true},
		{"NumericLessThan", `5`, []string{"4", "6"}, false, true},
		{"NumericNotEquals", `5`, []string{"4", "5"}, false, true},
		{"Bool", `true`, []string{"true", "false"}, false, true},
		{"IpAddress", `"192.0.2.0/24"`, []string{"192.0.2.1", "192.0.3.1"}, false, true},
		{"ArnLike", `"arn:aws:iam::*:role/*"`, []string{"arn:aws:iam::111122223333:role/a", "arn:aws:iam::111122223333:user/a"}, false, true},
	} {
		for set, want := range map[string]bool{"ForAllValues": test.all, "ForAnyValue": test.some} {
			condition := `"` + set + `:` + test.operator + `":{"aws:Key":` + test.values + `}`
			if allow, deny := holds(t, condition, keys{"aws:key": test.set}); allow != want || deny != want {
				t.Errorf("%s, %q: %t in an Allow, %t in a Deny", condition, test.set, allow, deny)
			}
			if len(test.set) == 1 { // a key with one value is a set of one
				if allow, deny := holds(t, condition, keys{"aws:key": test.set[0]}); allow != want || deny != want {
					t.Errorf("%s, %q: %t in an Allow, %t in a Deny", condition, test.set[0], allow, deny)
				}
			}
		}
	}
}

// TestNotComparable: what cannot be compared is no reason to allow, and a
// reason to deny what does not match.
func TestNotComparable(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		condition string
		value     any
		deny      bool
	}{
		// A set without a set operator.
		{`"StringEquals":{"aws:Key":"a"}`, []string{"a"}, true},
		{`"StringEquals":{"aws:Key":"a"}`, []string{"b", "a"}, true},
		{`"StringEquals":{"aws:Key":"a"}`, []string{"b"}, false},
		{`"StringNotEquals":{"aws:Key":"a"}`, []string{"b"}, true},
		{`"StringNotEquals":{"aws:Key":"a"}`, []string{"a", "b"}, true},
		{`"StringNotEquals":{"aws:Key":"a"}`, []string{"a"}, false},
		{`"StringEqualsIfExists":{"aws:Key":"a"}`, []string{"a"}, true},
		// A value that has another type.
		{`"NumericEquals":{"aws:Key":1}`, "one", false},
		{`"NumericNotEquals":{"aws:Key":1}`, "one", true},
		{`"DateNotEquals":{"aws:Key":"2026"}`, "today", true},
		{`"NotIpAddress":{"aws:Key":"192.0.2.0/24"}`, "somewhere", true},
		{`"ForAllValues:NumericNotEquals":{"aws:Key":1}`, []string{"2", "x"}, true},
		{`"ForAnyValue:NumericNotEquals":{"aws:Key":1}`, []string{"1", "x"}, true},
		// Operators that take no variables.
		{`"NumericEquals":{"aws:Key":["1","${aws:One}"]}`, "1", true},
		{`"NumericNotEquals":{"aws:Key":["${aws:One}"]}`, "1", true},
		{`"Bool":{"aws:Key":"${aws:True}"}`, "true", false},
		{`"Null":{"aws:Key":"${aws:True}"}`, "", false},
	} {
		context := keys{"aws:key": test.value, "aws:one": "1", "aws:true": "true"}
		if allow, deny := holds(t, test.condition, context); allow || deny != test.deny {
			t.Errorf("%s, %q: %t in an Allow, %t in a Deny", test.condition, test.value, allow, deny)
		}
	}
}

// TestConditionsTogether: all conditions must hold.
func TestConditionsTogether(t *testing.T) {
	t.Parallel()
	const two = `"StringEquals":{"aws:A":"a","aws:B":"b"},"Bool":{"aws:C":"true"}`
	for _, missing := range []string{"", "aws:a", "aws:b", "aws:c"} {
		context := keys{"aws:a": "a", "aws:b": "b", "aws:c": "true"}
		delete(context, missing)
		if allow, deny := holds(t, two, context); allow != (missing == "") || deny != allow {
			t.Errorf("without %q: %t, %t", missing, allow, deny)
		}
	}
}

// reused gives its sets out of one piece of memory, as Context permits.
type reused struct{ set []string }

func (r *reused) Values(name string) policy.Values {
	r.set = append(r.set[:0], name, name+"2")
	return policy.Values{Present: true, Multi: true, Set: r.set}
}

// TestReusedSets: a variable that is looked up meanwhile does not change a set.
func TestReusedSets(t *testing.T) {
	t.Parallel()
	for _, condition := range []string{
		`"ForAllValues:StringEquals":{"aws:key":["${aws:other}","aws:key","${aws:other, 'aws:key2'}"]}`,
		`"ForAllValues:StringEquals":{"aws:key":["${aws:other, 'aws:key'}","${aws:other, 'aws:key2'}"]}`,
	} {
		if allow, deny := holds(t, condition, &reused{}); !allow || !deny {
			t.Errorf("%s: %t in an Allow, %t in a Deny", condition, allow, deny)
		}
	}
}

// text is a string as JSON.
func text(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}
