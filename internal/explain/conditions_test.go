package explain_test

import (
	"errors"
	"strings"
	"testing"

	"trent/internal/explain"
	"trent/internal/identity"
)

// TestSupposedConditions: what follows from the principal or the key is no
// matter of supposing, and a value is one that the condition key can have.
func TestSupposedConditions(t *testing.T) {
	t.Parallel()
	k := aKey(t, document(enable))
	user, role := somebody(t, "user", "alice", ""), somebody(t, "role", "App", "")
	named := *role
	named.Type, named.Session = identity.TypeSession, &identity.Session{Name: "s", RoleARN: role.PrincipalARN}
	const principal, key, tags = "follows from the principal", "follows from the key", "only those of a role's session"
	for _, test := range []struct {
		who               *identity.Caller
		action, condition string
		want              string // of the refusal; empty: it may be supposed
	}{
		{user, "kms:Decrypt", "kms:CallerAccount=" + other, principal},
		{role, "kms:Decrypt", "KMS:calleraccount=" + other, principal},
		{user, "kms:CreateKey", "kms:CallerAccount=" + other, principal},
		{user, "kms:Decrypt", "aws:PrincipalArn=" + iamARN + "user/bob", principal},
		{role, "kms:Decrypt", "aws:PrincipalAccount=" + other, principal},
		{user, "kms:Decrypt", "aws:PrincipalType=AssumedRole", principal},
		{user, "kms:Decrypt", "aws:PrincipalIsAWSService=true", principal},
		{user, "kms:Decrypt", "aws:username=bob", principal},
		{user, "kms:Decrypt", "aws:userid=AIDAbob", principal},
		{&named, "kms:Decrypt", "aws:userid=AROA:t", principal},
		{role, "kms:Decrypt", "aws:userid=AROA:t", ""},
		{user, "kms:Decrypt", "aws:PrincipalTag/team=blue", tags},
		{root(), "kms:Decrypt", "aws:PrincipalTag/team=blue", tags},
		{role, "kms:Decrypt", "aws:PrincipalTag/team=blue", ""},
		{&named, "kms:Decrypt", "aws:PrincipalTag/team=blue", ""},
		{user, "kms:Decrypt", "kms:KeySpec=RSA_2048", key},
		{user, "kms:CreateKey", "kms:KeySpec=RSA_2048", ""},
		{user, "kms:Decrypt", "kms:KeyUsage=SIGN_VERIFY", key},
		{user, "kms:Decrypt", "kms:KeyOrigin=EXTERNAL", key},
		{user, "kms:Decrypt", "kms:MultiRegion=true", key},
		{user, "kms:Decrypt", "kms:MultiRegionKeyType=PRIMARY", key},
		{user, "kms:Decrypt", "kms:ResourceAliases=alias/a", key},
		{user, "kms:Decrypt", "aws:ResourceTag/a=b", key},
		{user, "kms:Decrypt", "aws:ResourceAccount=" + other, key},
		{user, "kms:Decrypt", "aws:RequestedRegion=us-east-1", "the Region of the key"},
		{user, "kms:Decrypt", "kms:RequestAlias=alias/b", "the alias that the question names the key by"},

		{user, "kms:Decrypt", "aws:SourceIp=notip", "want an address"},
		{user, "kms:Decrypt", "aws:SourceIp=192.0.2.0/24", "want an address"},
		{user, "kms:Decrypt", "aws:SourceIp=2001:db8::1", ""},
		{user, "kms:Decrypt", "aws:CurrentTime=bogus", "want a time"},
		{user, "kms:Decrypt", "aws:CurrentTime=2030-01-31T12:00:00Z", ""},
		{user, "kms:Decrypt", "aws:EpochTime=now", "want seconds"},
		{user, "kms:Decrypt", "aws:EpochTime=1900000000", ""},
		{user, "kms:Decrypt", "aws:SecureTransport=yes", "want true or false"},
		{user, "kms:ScheduleKeyDeletion", "kms:ScheduleKeyDeletionPendingWindowInDays=week", "want a number"},
		{user, "kms:ScheduleKeyDeletion", "kms:ScheduleKeyDeletionPendingWindowInDays=7", ""},
		{user, "kms:Decrypt", "aws:SourceArn=bucket", "want an ARN"},
		{user, "kms:Decrypt", "s3:prefix=a", ""},
	} {
		name, value, _ := strings.Cut(test.condition, "=")
		ask := explain.Ask{Caller: test.who, Action: test.action, Key: k, Identifier: "alias/a", Conditions: map[string][]string{name: {value}}, Environment: environment}
		if test.action == "kms:CreateKey" {
			ask.Key = nil
		}
		_, err := ask.Request()
		e, refused := errors.AsType[*explain.Error](err)
		if refused != (test.want != "") || refused && !strings.Contains(e.Text, test.want) || !refused && err != nil {
			t.Errorf("%s of %s: %v, want %q", test.condition, test.who.PrincipalARN, err, test.want)
		}
	}
	twice := explain.Ask{Caller: user, Action: "kms:Decrypt", Key: k, Conditions: map[string][]string{"aws:SourceIp": {"192.0.2.1"}, "aws:sourceip": {"192.0.2.2"}}}
	if _, err := twice.Request(); err == nil {
		t.Error("one condition key has two values")
	}
}
