package authz_test

import (
	"fmt"
	"strings"
	"testing"

	"trent/internal/api"
	"trent/internal/authz"
	"trent/internal/identity"
	"trent/internal/policy"
)

// twenty is a policy as an application's role has it: twenty statements of many
// services, one of them on keys, which conditions bind to an encryption context
// and to a tag.
func twenty() string {
	var statements []string
	for i, service := range strings.Fields("s3 sqs sns dynamodb logs lambda ec2 ecr ecs ssm states events glue athena firehose kinesis rds batch xray") {
		statements = append(statements, fmt.Sprintf(
			`{"Sid":"S%d","Effect":"Allow","Action":["%s:Get*","%[2]s:List*","%[2]s:Put*"],"Resource":["arn:aws:%[2]s:*:111122223333:app/*"],"Condition":{"Bool":{"aws:SecureTransport":"true"}}}`, i, service))
	}
	statements = append(statements, `{"Sid":"Keys","Effect":"Allow","Action":["kms:Encrypt","kms:Decrypt","kms:GenerateDataKey*"],"Resource":"arn:aws:kms:*:111122223333:key/*",
		"Condition":{"StringEquals":{"kms:EncryptionContext:App":"pay","aws:ResourceTag/App":"payroll"},"StringLike":{"kms:RequestAlias":"alias/*"}}}`)
	return policies(statements...)
}

// usual is an Encrypt of a role's session under the default key policy and that
// policy.
func usual(t testing.TB) *authz.Request {
	caller := session
	caller.Permissions = &identity.Permissions{ID: "AROAR", Policies: attached(t, "own", twenty())}
	r := requestOf(t, api.OpEncrypt, bodies[api.OpEncrypt], &caller, plain)
	k := *someKey
	k.Rules = compile(t, policy.Default("aws", k.Account))
	r.On(&k)
	return r
}

// TestAuthorizationAllocatesNothing.
func TestAuthorizationAllocatesNothing(t *testing.T) {
	r := usual(t)
	a := new(authz.Authorizer)
	if n := testing.AllocsPerRun(100, func() {
		if p, err := a.Authorize(t.Context(), r); err != nil || !p.Granted() {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkAuthorize is the authorization of an Encrypt under the default key
// policy and a policy of twenty statements.
func BenchmarkAuthorize(b *testing.B) {
	r := usual(b)
	a := new(authz.Authorizer)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.Authorize(b.Context(), r); err != nil {
			b.Fatal(err)
		}
	}
}
