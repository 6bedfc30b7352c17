package keypolicy_test

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"

	"trent/internal/call"
	"trent/internal/identity"
	"trent/internal/key"
	"trent/internal/ops/keypolicy"
	"trent/internal/policy"
)

const (
	account = "111122223333"
	root    = "arn:aws:iam::111122223333:root"
	alice   = "arn:aws:iam::111122223333:user/alice"
	bob     = "arn:aws:iam::111122223333:user/bob"
	reader  = "arn:aws:iam::444455556666:role/reader"
	session = "arn:aws:sts::444455556666:assumed-role/reader/s"
	nobody  = "arn:aws:iam::444455556666:user/nobody"

	malformed = "MalformedPolicyDocumentException: "
	invalid   = malformed + "Policy contains a statement with one or more invalid principals."
)

// world has some principals, and their ids.
type world map[string]string

func (w world) Resolve(_ context.Context, name string) (string, bool, error) {
	if name == "999999999999" {
		return "", false, errors.New("the store is away")
	}
	id, ok := w[name]
	return id, ok, nil
}

var principals = world{
	root: account, account: account, alice: "AIDAALICE", bob: "AIDABOB",
	"444455556666": "444455556666", reader: "AROAREADER", session: "AROAREADER",
}

func by(arn, id string) *call.Call {
	return &call.Call{Common: call.Common{
		Caller: identity.Caller{Account: account, PrincipalARN: arn, PrincipalID: id, Type: identity.TypeUser, Permissions: &identity.Permissions{ID: id}},
		Region: "eu-west-1", Partition: "aws",
	}}
}

func to(principal string) string {
	return `{"Statement":{"Effect":"Allow","Principal":{"AWS":` + principal + `},"Action":"kms:*","Resource":"*"}}`
}

// TestCheck: what production takes, what trent dev takes beside it, and what
// neither.
func TestCheck(t *testing.T) {
	t.Parallel()
	locked := malformed + policy.LockoutText
	long := to(`"`+account+`"`) + strings.Repeat(" ", 400)
	when := func(operator, k, v string) string {
		return strings.Replace(to(`"`+alice+`"`), `"Resource"`, `"Condition":{"`+operator+`":{"`+k+`":"`+v+`"}},"Resource"`, 1)
	}
	two := func(deny string) string {
		allow := strings.TrimPrefix(to(`"`+account+`"`), `{"Statement":`)
		return `{"Statement":[{"Effect":"Deny","Principal":"*","Resource":"*",` + deny + `},` + strings.TrimSuffix(allow, "}") + "]}"
	}
	for _, test := range []struct {
		name, document     string
		bypass             bool
		production, inADev string
	}{
		{"the default policy", policy.Default("aws", account), false, "", ""},
		{"the caller alone", to(`"` + alice + `"`), false, "", ""},
		{"another user alone", to(`"` + bob + `"`), false, locked, locked},
		{"another user alone, bypassing", to(`"` + bob + `"`), true, "", ""},
		{"another account too", to(`["` + root + `","444455556666"]`), false, "", ""},
		{"another account alone", to(`"444455556666"`), false, locked, locked},
		{"everybody", to(`"*"`), false, "", ""},
		{"somebody who is not there", to(`["` + alice + `","` + nobody + `"]`), false, invalid, ""},
		{"somebody who is not there, bypassing", to(`["` + alice + `","` + nobody + `"]`), true, invalid, ""},
		{"an account that is not there", to(`["` + alice + `","777788889999"]`), false, invalid, ""},
		{"another action", strings.Replace(to(`"`+alice+`"`), "kms:*", "kms:Put*Grant", 1), false, locked, locked},
		{"a condition that holds", when("StringEquals", "kms:CallerAccount", account), false, "", ""},
		{"a condition that does not hold", when("StringEquals", "kms:CallerAccount", "444455556666"), false, locked, locked},
		{"a condition on the key", when("StringEquals", "kms:KeySpec", "SYMMETRIC_DEFAULT"), false, "", ""},
		{"the check must be bypassed", when("Bool", "kms:BypassPolicyLockoutSafetyCheck", "true"), false, locked, locked},
		{"a Deny of all", two(`"Action":"kms:*"`), false, locked, locked},
		{"a Deny of something else", two(`"Action":"kms:Decrypt"`), false, "", ""},
		{"a Deny on a condition that holds", two(`"Action":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}`), false, locked, locked},
		{"a Deny on a condition that does not", two(`"Action":"*","Condition":{"Bool":{"aws:SecureTransport":"true"}}`), false, "", ""},
		{"no policy", `{}`, true, malformed + "Missing required field Statement", malformed + "Missing required field Statement"},
		{"no key policy", to(`"x"`), true, invalid, invalid},
		{"the store is away", to(`["` + alice + `","999999999999"]`), true, "the store is away", "the store is away"},
		{"the largest", long[:400], false, "", ""},
		{"one byte more", long[:401], false, "LimitExceededException: The key policy has 401 bytes, which exceeds the limit of 400 bytes.",
			"LimitExceededException: The key policy has 401 bytes, which exceeds the limit of 400 bytes."},
		{"too large, and no policy", strings.Repeat("{", 401), false, "LimitExceededException: The key policy has 401 bytes, which exceeds the limit of 400 bytes.",
			"LimitExceededException: The key policy has 401 bytes, which exceeds the limit of 400 bytes."},
	} {
		for unknown, want := range map[bool]string{false: test.production, true: test.inADev} {
			rules := &keypolicy.Rules{Partition: "aws", MaxBytes: 400, Principals: principals, Unknown: unknown}
			k := &key.Key{Account: account, Region: "eu-west-1", Spec: key.SymmetricDefault}
			got := ""
			stored, err := rules.Check(t.Context(), by(alice, "AIDAALICE"), k, test.document, test.bypass)
			if err != nil {
				got = err.Error()
			} else if stored.Document != test.document {
				t.Errorf("%s: %s is stored", test.name, stored.Document)
			}
			if got != want {
				t.Errorf("%s, unknown principals %v:\n got %s\nwant %s", test.name, unknown, got, want)
			}
			if k.Rules != nil {
				t.Errorf("%s: the key's snapshot was changed", test.name)
			}
		}
	}
}

// TestBound: users and roles are stored with the ids that they have now;
// accounts, everybody, services and who does not exist are not.
func TestBound(t *testing.T) {
	t.Parallel()
	document := `{"Statement":[
		{"Effect":"Allow","Principal":{"AWS":["` + account + `","` + alice + `","` + reader + `"],"Service":"logs.amazonaws.com"},"Action":"kms:*","Resource":"*"},
		{"Effect":"Deny","NotPrincipal":{"AWS":["` + root + `","` + bob + `","` + session + `","` + alice + `"]},"Action":"kms:Sign","Resource":"*"},
		{"Effect":"Deny","Principal":{"AWS":["*","` + nobody + `"]},"Action":"kms:Verify","Resource":"*"}]}`
	rules := &keypolicy.Rules{Partition: "aws", MaxBytes: 4000, Principals: principals, Unknown: true}
	stored, err := rules.Check(t.Context(), by(alice, "AIDAALICE"), &key.Key{Account: account}, document, false)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{alice: "AIDAALICE", bob: "AIDABOB", reader: "AROAREADER", session: "AROAREADER"}
	if !maps.Equal(stored.Bound, want) {
		t.Errorf("bound %v, want %v", stored.Bound, want)
	}
}

// TestAnotherOfTheSameNameIsLockedOut: a policy that names a user means the one
// there was.
func TestAnotherOfTheSameNameIsLockedOut(t *testing.T) {
	t.Parallel()
	rules := &keypolicy.Rules{Partition: "aws", MaxBytes: 4000, Principals: principals}
	_, err := rules.Check(t.Context(), by(alice, "AIDAOTHER"), &key.Key{Account: account}, to(`"`+alice+`"`), false)
	if err == nil || err.Error() != malformed+policy.LockoutText {
		t.Errorf("error %v", err)
	}
}
