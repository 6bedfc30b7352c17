package policy_test

import (
	"strings"
	"testing"

	"trent/internal/policy"
)

// TestBudget: policies that are made to be slow, asked with long values, end
// within their steps and deny. Each is as large as a key policy can be, or more.
func TestBudget(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 32<<10)
	var set, patterns []string
	for range 10_000 {
		patterns = append(patterns, "*a*b")
	}
	for range 1000 {
		set = append(set, long[:1000])
	}
	repeat := func(begin, part string, n int, end string) []string {
		return []string{begin + strings.Repeat(part, n) + end}
	}
	for name, test := range map[string]struct {
		operator, key string // "" for no condition
		values        []string
		resource      string // "" for *
		exhausts      bool
	}{
		"10,000 wildcards in one":     {operator: "StringLike", key: "aws:long", values: repeat("", "*a", 10_000, "b")},
		"10,000 wildcards of both":    {operator: "StringLike", key: "aws:long", values: repeat("", "*?", 10_000, "b")},
		"a long end":                  {operator: "StringLike", key: "aws:long", values: repeat("*", "?", 10_000, "b"), exhausts: true},
		"a long end behind each":      {operator: "StringLike", key: "aws:long", values: repeat("", "*"+strings.Repeat("?", 99), 100, "b"), exhausts: true},
		"10,000 patterns":             {operator: "StringLike", key: "aws:long", values: patterns, exhausts: true},
		"a set and patterns":          {operator: "StringLike", key: "aws:set", values: patterns, exhausts: true},
		"a set and variables":         {operator: "StringLike", key: "aws:set", values: repeat("*", "${aws:long}", 2000, ""), exhausts: true},
		"variables without case":      {operator: "StringEqualsIgnoreCase", key: "aws:long", values: repeat("", "${aws:long}", 2000, ""), exhausts: true},
		"wildcards that stop":         {operator: "ArnLike", key: "aws:long", values: repeat("", "*a", 10_000, "b:*:*:*:*:*")},
		"a resource":                  {resource: "arn:aws:kms:*" + strings.Repeat("?", 5000) + "b:x", exhausts: true},
		"a resource that is no ARN":   {resource: strings.Repeat("*", 10_000) + "b"},
		"a resource, wildcards twice": {resource: "*:" + strings.Repeat("?*a", 3000) + ":x"},
	} {
		resource := test.resource
		if resource == "" {
			resource = "*"
		}
		for _, effect := range []string{"Allow", "Deny"} {
			// Parse refuses some of them, Compile none.
			s := policy.Statement{Effect: policy.Effect(effect), Action: []string{"*"}, Resource: []string{resource}}
			if test.operator != "" {
				c := policy.Condition{Operator: test.operator, Key: test.key, Values: test.values}
				if test.key == "aws:set" {
					c.Set = policy.ForAnyValue
				}
				s.Condition = []policy.Condition{c}
			}
			p := policy.Compile(&policy.Document{Version: policy.Version2012, Statements: []policy.Statement{s}}, nil)
			r := &policy.Request{Action: "kms:Encrypt", Resource: "arn:aws:kms:" + long, Context: fixed{"aws:long": one(long), "aws:set": {Present: true, Multi: true, Set: set}}}
			got := p.Evaluate(r)
			if got.Allow != nil || got.Deny != nil || got.Exhausted != test.exhausts || r.Steps > policy.MaxSteps+1 {
				t.Errorf("%s, %s: %q after %d steps", name, effect, decision(got), r.Steps)
			}
			if !test.exhausts {
				continue
			}
			// What comes after has no steps either.
			if got := compile(t, statements(`{"Effect":"Allow","Action":"*","Resource":"*"}`), nil).Evaluate(r); !got.Exhausted {
				t.Errorf("%s: then %q", name, decision(got))
			}
			if p.Trace(r, false) != nil {
				t.Errorf("%s: findings", name)
			}
		}
	}
}

// TestSteps: a usual request needs few of the steps.
func TestSteps(t *testing.T) {
	t.Parallel()
	r := &policy.Request{Action: "kms:Encrypt", Resource: keyARN, Principal: theUser, Context: context()}
	compile(t, policy.Default("aws", "111122223333"), nil).EvaluateResource(r)
	compile(t, twenty(), nil).Evaluate(r)
	compile(t, statements(conditions), nil).Evaluate(r)
	if r.Steps == 0 || r.Steps > policy.MaxSteps/1000 {
		t.Errorf("%d steps", r.Steps)
	}
}
