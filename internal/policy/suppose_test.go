package policy_test

import (
	"testing"

	"trent/internal/policy"
)

// TestSupposeResources: variables in resources turn out as conditions do.
func TestSupposeResources(t *testing.T) {
	t.Parallel()
	const key = "arn:aws:kms:eu-west-1:111122223333:key/this"
	unknown := func(*policy.Condition) bool { return false }
	all := func(*policy.Condition) bool { return true }
	for name, test := range map[string]struct {
		statements string
		known      func(*policy.Condition) bool
		favour     bool
		want       bool
	}{
		"Resource, favour":               {`{"Effect":"Allow","Action":"*","Resource":"arn:aws:kms:*:*:key/${aws:none}"}`, unknown, true, true},
		"Resource of another Region":     {`{"Effect":"Allow","Action":"*","Resource":"arn:aws:kms:us-east-1:*:key/${aws:a}"}`, unknown, true, false},
		"Resource, against":              {`{"Effect":"Allow","Action":"*","Resource":"arn:aws:kms:*:*:key/${aws:a}"}`, unknown, false, false},
		"Resource, another too":          {`{"Effect":"Allow","Action":"*","Resource":["arn:aws:kms:*:*:key/${aws:a}","` + key + `"]}`, unknown, false, true},
		"Resource, known":                {`{"Effect":"Allow","Action":"*","Resource":"arn:aws:kms:*:*:key/${aws:a}"}`, all, true, true},
		"Resource, known to be another":  {`{"Effect":"Allow","Action":"*","Resource":"arn:aws:kms:*:*:key/${aws:b}"}`, all, true, false},
		"NotResource, favour":            {`{"Effect":"Allow","Action":"*","NotResource":"arn:aws:kms:*:*:key/${aws:none}"}`, unknown, true, true},
		"NotResource, against":           {`{"Effect":"Allow","Action":"*","NotResource":"arn:aws:kms:*:*:key/${aws:b}"}`, unknown, false, false},
		"NotResource, known":             {`{"Effect":"Allow","Action":"*","NotResource":"arn:aws:kms:*:*:key/${aws:a}"}`, all, true, false},
		"Deny, favour":                   {`{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"*","Resource":"arn:aws:kms:*:*:key/${aws:b}"}`, unknown, true, true},
		"Deny, against":                  {`{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"*","Resource":"arn:aws:kms:*:*:key/${aws:b}"}`, unknown, false, false},
		"Deny by NotResource, favour":    {`{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"*","NotResource":"arn:aws:kms:*:*:key/${aws:b}"}`, unknown, true, true},
		"Deny by NotResource, against":   {`{"Effect":"Allow","Action":"*","Resource":"*"},{"Effect":"Deny","Action":"*","NotResource":"arn:aws:kms:*:*:key/${aws:a}"}`, unknown, false, false},
		"of two variables one is known":  {`{"Effect":"Allow","Action":"*","Resource":"arn:aws:kms:*:*:key/${aws:a}${aws:x}"}`, func(c *policy.Condition) bool { return c.Key == "aws:a" }, true, true},
		"and that one is another's then": {`{"Effect":"Allow","Action":"*","Resource":"arn:aws:kms:*:*:key/${aws:b}${aws:x}"}`, func(c *policy.Condition) bool { return c.Key == "aws:b" }, true, false},
	} {
		p := policy.Compile(parse(t, `{"Version":"2012-10-17","Statement":[`+test.statements+`]}`), nil)
		r := policy.Request{Action: "kms:Decrypt", Resource: key, Context: supposedContext{"aws:a": "this", "aws:b": "other"}}
		if got := p.Suppose(test.known, test.favour).Evaluate(&r).Allow != nil; got != test.want {
			t.Errorf("%s: %v", name, got)
		}
		if again := p.Suppose(all, !test.favour).Evaluate(&r); again != p.Evaluate(&r) {
			t.Errorf("%s: what is all known is %+v", name, again)
		}
	}
}

type supposedContext map[string]string

func (c supposedContext) Values(key string) policy.Values {
	v, ok := c[key]
	return policy.Values{Present: ok, One: v}
}

const supposed = `{"Version":"2012-10-17","Statement":[
	{"Effect":"Allow","Principal":{"AWS":"444455556666"},"Action":"kms:*","Resource":"*"},
	{"Effect":"Deny","Principal":"*","Action":"kms:Encrypt","Resource":"*"},
	{"Effect":"Allow","Principal":"*","Action":"kms:Decrypt","Resource":"arn:aws:kms:*:*:key/other"},
	{"Effect":"Allow","Principal":"*","Action":"kms:Decrypt","Resource":"*","Condition":{"Null":{"aws:a":"false"},"StringEquals":{"aws:b":"1"}}},
	{"Effect":"Allow","Principal":{"AWS":"111122223333"},"NotAction":"kms:Encrypt","Resource":"*"},
	{"Effect":"Deny","Principal":"*","Action":"kms:Decrypt","Resource":"*","Condition":{"StringEquals":{"aws:b":"2"}}}]}`

// TestSuppose: unknown conditions turn out in favour of whoever asks, or against
// him; the known ones are asked.
func TestSuppose(t *testing.T) {
	t.Parallel()
	p := policy.Compile(parse(t, supposed), nil)
	unknown := func(*policy.Condition) bool { return false }
	but := func(key string) func(*policy.Condition) bool {
		return func(c *policy.Condition) bool { return c.Key != key }
	}
	for name, test := range map[string]struct {
		known  func(*policy.Condition) bool
		favour bool
		c      supposedContext
		allow  int // number of the statement that allows or denies
		deny   int
	}{
		"in favour":               {unknown, true, nil, 4, 0},
		"against":                 {unknown, false, nil, 0, 6},
		"known not to hold":       {but("aws:x"), true, nil, 5, 0},
		"known to hold":           {but("aws:x"), false, supposedContext{"aws:a": "x", "aws:b": "1"}, 4, 0},
		"half known, favour":      {but("aws:b"), true, supposedContext{"aws:a": "x"}, 4, 0},
		"half known, and missing": {but("aws:b"), true, nil, 5, 0},
		"half known, against":     {but("aws:b"), false, supposedContext{"aws:a": "x", "aws:b": "1"}, 0, 6},
	} {
		r := policy.Request{Action: "kms:Decrypt", Resource: "arn:aws:kms:eu-west-1:111122223333:key/this", Context: test.c,
			Principal: policy.Principal{Account: account, ARN: "arn:aws:iam::111122223333:user/alice"}}
		number := func(s *policy.Statement) int {
			for i := range p.Document().Statements {
				if s == &p.Document().Statements[i] {
					return i + 1
				}
			}
			return 0
		}
		q := p.Suppose(test.known, test.favour)
		o := q.EvaluateResource(&r)
		if found := q.Trace(&r, true); traced(found) != o {
			t.Errorf("%s: %+v, but %+v", name, o, found)
		}
		if number(o.Allow) != test.allow || number(o.Deny) != test.deny {
			t.Errorf("%s: %d allows, %d denies", name, number(o.Allow), number(o.Deny))
		}
	}
	plain := policy.Compile(parse(t, policy.Default(partition, account)), nil)
	if plain.Suppose(unknown, true) != plain {
		t.Error("a policy without conditions is made anew")
	}
	s := plain.Document().Statements[0]
	if !s.Covers("kms:Decrypt") || !s.Covers("KMS:DECRYPT") || s.Covers("iam:GetUser") {
		t.Error("Covers does not know what a statement is about")
	}
	kelvin := &policy.Statement{Action: []string{"\u212Ams:*"}} // whose lower case is k
	if kelvin.Covers("kms:Decrypt") {
		t.Error("Covers folds more than the evaluator does")
	}
}
