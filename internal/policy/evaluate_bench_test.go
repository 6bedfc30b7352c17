package policy_test

import (
	"strconv"
	"strings"
	"testing"

	"trent/internal/policy"
)

// twenty is an identity-based policy of twenty statements, of which the last
// but one allows Encrypt on a key.
func twenty() string {
	var all []string
	for i := range 18 {
		all = append(all, `{"Effect":"Allow","Action":["s3:GetObject","s3:PutObject","dynamodb:Query","kms:Decrypt"],"Resource":"arn:aws:kms:us-east-1:111122223333:key/other-`+strconv.Itoa(i)+`"}`)
	}
	all = append(all,
		`{"Effect":"Allow","Action":["kms:Encrypt","kms:GenerateDataKey*"],"Resource":"arn:aws:kms:*:111122223333:key/*","Condition":{"StringEquals":{"kms:EncryptionContext:app":"orders"}}}`,
		`{"Effect":"Deny","Action":"kms:*","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}`)
	return statements(strings.Join(all, ","))
}

// conditions has a statement of each kind of operator, all of which hold.
const conditions = `{"Effect":"Allow","Action":"kms:Encrypt","Resource":"arn:aws:kms:us-*-1:111122223333:key/*ab","Condition":{
	"StringEquals":{"aws:username":"${aws:PrincipalTag/owner, 'alice'}"},"StringLike":{"kms:encryptioncontext:app":"ord*${*}s"},"StringNotEqualsIgnoreCase":{"aws:username":"BOB"},
	"NumericLessThan":{"aws:multifactorauthage":3600},"DateGreaterThan":{"aws:currenttime":["2026-01-01T00:00:00Z",1900000000]},"Bool":{"aws:securetransport":true},
	"IpAddress":{"aws:sourceip":["203.0.113.0/24","2001:db8::/32"]},"ArnLike":{"aws:principalarn":"arn:aws:iam::*:user/*"},"Null":{"aws:none":true},
	"ForAllValues:StringLike":{"kms:encryptioncontextkeys":["app","t*"]}}}`

// fixed has its values at hand; keys would make them anew each time.
type fixed map[string]policy.Values

func (f fixed) Values(name string) policy.Values { return f[name] }

func one(s string) policy.Values { return policy.Values{Present: true, One: s} }

func context() policy.Context {
	return fixed{
		"aws:username": one("alice"), "kms:encryptioncontext:app": one("ord*s"), "aws:multifactorauthage": one("60"), "aws:currenttime": one("2026-11-23T00:00:00Z"),
		"aws:securetransport": one("true"), "aws:sourceip": one("203.0.113.9"), "aws:principalarn": one(alice),
		"kms:encryptioncontextkeys": {Present: true, Multi: true, Set: []string{"app", "tenant"}},
	}
}

// TestNoAllocation: an evaluation allocates nothing.
func TestNoAllocation(t *testing.T) {
	key := compile(t, policy.Default("aws", "111122223333"), nil)
	identity, all := compile(t, twenty(), nil), compile(t, statements(conditions), nil)
	r := &policy.Request{Action: "kms:Encrypt", Resource: keyARN, Principal: theUser, Context: context()}
	allocations := testing.AllocsPerRun(100, func() {
		r.Steps = 0
		if key.EvaluateResource(r).Via != policy.ViaAccount || identity.Evaluate(r).Deny != nil || all.Evaluate(r).Allow == nil {
			t.Fatal("it does not measure what it should")
		}
	})
	if allocations != 0 {
		t.Errorf("%.0f allocations", allocations)
	}
}

func BenchmarkEvaluate(b *testing.B) {
	key := compile(b, policy.Default("aws", "111122223333"), nil)
	identity, all := compile(b, twenty(), nil), compile(b, statements(conditions), nil)
	values := context().(fixed)
	values["kms:encryptioncontext:app"] = one("orders")
	r := &policy.Request{Action: "kms:Encrypt", Resource: keyARN, Principal: theUser, Context: values}
	b.Run("default and twenty statements", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r.Steps = 0
			if key.EvaluateResource(r).Allow == nil || identity.Evaluate(r).Allow == nil {
				b.Fatal("denied")
			}
		}
	})
	r.Context = context()
	b.Run("every operator", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			r.Steps = 0
			if all.Evaluate(r).Allow == nil {
				b.Fatal("denied")
			}
		}
	})
}

func BenchmarkCompile(b *testing.B) {
	text := twenty()
	b.ReportAllocs()
	for b.Loop() {
		compile(b, text, nil)
	}
}
