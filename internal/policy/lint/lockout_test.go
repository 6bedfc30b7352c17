package lint_test

import (
	"testing"

	"trent/internal/policy/lint"
)

// TestLockout: who is asked is everybody who differs for the policy, by what
// decides on requests; with the account and without it.
func TestLockout(t *testing.T) {
	t.Parallel()
	const (
		admin    = "arn:aws:iam::111122223333:role/Admin"
		npb      = `"NotPrincipal":{"AWS":"arn:aws:iam::111122223333:user/npb"},`
		npbWhole = `"NotPrincipal":{"AWS":["arn:aws:iam::111122223333:user/npb","111122223333"]},`
	)
	for _, c := range []struct{ name, text, want string }{
		{"NotPrincipal without the account", document(enable, deny(npb, "kms:*", "")), "error"},
		{"NotPrincipal", document(enable, deny(npbWhole, "kms:*", "")), ""},
		{"exempt by a session's ARN", document(enable, deny(anyone, "kms:Put*", `"StringNotLike":{"aws:PrincipalArn":"arn:aws:sts::111122223333:assumed-role/Admin/*"}`)), "error"},
		{"exempt by a role's ARN", document(enable, deny(anyone, "kms:Put*", `"StringNotLike":{"aws:PrincipalArn":"`+admin+`"}`)), ""},
		{"by a pattern", document(enable, deny(anyone, "kms:Put*", `"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/Admin-*"}`)), ""},
		{"by a pattern of another account", document(enable, deny(anyone, "kms:Put*", `"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::444455556666:role/Admin-*"}`)), "error"},
		{"by two patterns that one role may match", document(enable, deny(anyone, "kms:Put*", `"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/Ad*"}`), deny(anyone, "kms:*", `"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/*in"}`)), ""},
		{"by two roles", document(enable, deny(anyone, "kms:Put*", `"ArnNotEquals":{"aws:PrincipalArn":"`+admin+`"}`), deny(anyone, "kms:*", `"ArnNotEquals":{"aws:PrincipalArn":"`+admin+`2"}`)), "error"},
		{"by another tag", document(enable, deny(anyone, "kms:Put*", `"StringNotEquals":{"aws:PrincipalTag/team":"a"}`)), ""},
		{"callers without an ARN", document(allow(root, "kms:*", `"Null":{"aws:PrincipalArn":"true"}`)), "error"},
		{"callers with an ARN", document(allow(root, "kms:*", `"Null":{"aws:PrincipalArn":"false"}`)), ""},
		{"another account's callers", document(allow(root, "kms:*", `"StringEquals":{"kms:CallerAccount":"444455556666"}`)), "error"},
		{"the account's callers", document(allow(anyone, "kms:*", `"StringEquals":{"kms:CallerAccount":"111122223333"}`)), ""},
		{"all callers are denied", document(enable, deny(anyone, "kms:*", `"StringLike":{"kms:CallerAccount":"*"}`)), "error"},
		{"all but the account's", document(enable, deny(anyone, "kms:*", `"StringNotEquals":{"kms:CallerAccount":"111122223333"}`)), ""},
		{"those of a type", document(enable, deny(anyone, "kms:*", `"StringNotEquals":{"aws:PrincipalType":"FederatedUser"}`)), "error"},
		{"callers without MFA, as all are", document(enable, deny(anyone, "kms:*", `"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}`)), "error"},
		{"a session", document(allow(`"Principal":{"AWS":"arn:aws:sts::111122223333:assumed-role/App/s"},`, "kms:*", "")), "warning"},
		{"a user from a place", document(allow(`"Principal":{"AWS":"arn:aws:iam::111122223333:user/a"},`, "kms:*", `"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}`)), "warning"},
	} {
		for _, id := range []string{account, ""} {
			got := ""
			for _, f := range lint.Check(c.text, lint.Options{Kind: lint.Key, Account: id}) {
				if f.Rule == "lockout" {
					got = string(f.Severity)
				}
			}
			if got != c.want && (id != "" || c.name != "by a pattern of another account") { // which may be the key's
				t.Errorf("%s, account %q: %q, want %q\n%s", c.name, id, got, c.want, c.text)
			}
		}
	}
}
