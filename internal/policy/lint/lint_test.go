package lint_test

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"trent/internal/policy"
	"trent/internal/policy/lint"
)

const (
	account = "111122223333"
	root    = `"Principal":{"AWS":"arn:aws:iam::111122223333:root"},`
	app     = `"Principal":{"AWS":"arn:aws:iam::111122223333:role/App"},`
	anyone  = `"Principal":"*",`
	enable  = `{"Effect":"Allow",` + root + `"Action":"kms:*","Resource":"*"}`
)

// document joins statements.
func document(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

// allow and deny are statements about a key.
func allow(principal, actions, condition string) string {
	return keyStatement("Allow", principal, actions, condition)
}
func deny(principal, actions, condition string) string {
	return keyStatement("Deny", principal, actions, condition)
}

func keyStatement(effect, principal, actions, condition string) string {
	if condition != "" {
		condition = `,"Condition":{` + condition + `}`
	}
	list := `"` + strings.ReplaceAll(actions, " ", `","`) + `"`
	return `{"Effect":"` + effect + `",` + principal + `"Action":[` + list + `],"Resource":"*"` + condition + `}`
}

// summary is what a test compares: severity, rule and statement of each
// finding.
func summary(found []lint.Finding) string {
	all := []string{}
	for _, f := range found {
		all = append(all, fmt.Sprintf("%s %s %d", f.Severity, f.Rule, f.Statement))
	}
	return strings.Join(all, "; ")
}

// a case of one rule: what a document has, and nothing else.
type lintCase struct{ name, text, want string }

func run(t *testing.T, o lint.Options, cases []lintCase) {
	t.Helper()
	o.Account, o.Now = account, time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)
	for _, c := range cases {
		found := lint.Check(c.text, o)
		if got := summary(found); got != c.want {
			t.Errorf("%s:\n got %s\nwant %s\n%s\n%+v", c.name, got, c.want, c.text, found)
		}
		for _, f := range found {
			if f.What == "" || f.Why == "" || f.Mend == "" {
				t.Errorf("%s: a finding without words: %+v", c.name, f)
			}
		}
	}
}

func TestKeyPolicies(t *testing.T) {
	t.Parallel()
	key := func(s ...string) string { return document(append([]string{enable}, s...)...) }
	run(t, lint.Options{Kind: lint.Key}, []lintCase{
		{"the default", policy.Default("aws", account), ""},
		{"the console's", policy.Template("aws", account, "", []string{"arn:aws:iam::111122223333:role/Admin"}, []string{"arn:aws:iam::111122223333:role/App", "arn:aws:iam::444455556666:root"}), ""},

		{"no JSON", `{"Statement":`, "error malformed 0"},
		{"no policy", `{"Statement":[],"Id":"x"}`, "error malformed 0"},
		{"no principal", key(`{"Effect":"Allow","Action":"kms:*","Resource":"*"}`), "error malformed 0"},
		{"a key's condition of IAM", key(allow(app, "kms:Decrypt", `"StringEquals":{"aws:ResourceTag/a":"b"}`)), "error malformed 0"},
		{"too long", strings.Replace(policy.Default("aws", account), "{", "{"+strings.Repeat(" ", 32<<10), 1), "error size 0"},

		{"nobody may change it", document(allow(app, "kms:Decrypt", "")), "error lockout 0"},
		{"another account may", document(allow(`"Principal":{"AWS":"444455556666"},`, "kms:*", "")), "error lockout 0"},
		{"everybody is denied", key(deny(anyone, "kms:Put*", "")), "error lockout 0"},
		{"the account is denied", key(deny(root, "kms:*", "")), "error lockout 0; error shadowed 1"},
		{"denied whatever the request is", key(deny(anyone, "kms:*", `"StringNotEquals":{"kms:EncryptionContext:a":"b"}`)), "error lockout 0"},
		{"allowed under a condition that never holds", document(allow(root, "kms:*", `"StringEquals":{"kms:EncryptionContext:a":"b"}`)), "error lockout 0"},
		{"a role alone", document(allow(app, "kms:*", "")), "warning lockout 0"},
		{"the account under a condition", document(allow(root, "kms:*", `"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}`)), "warning lockout 0"},
		{"denied by chance only", key(deny(anyone, "kms:PutKeyPolicy", `"NotIpAddress":{"aws:SourceIp":"192.0.2.0/24"}`)), ""},

		{"a group", key(allow(`"Principal":{"AWS":"arn:aws:iam::111122223333:group/g"},`, "kms:Decrypt", "")), "error malformed 0; error principal 2"},
		{"a deleted one", key(allow(`"Principal":{"AWS":"AROAJQABLZS4A3QDU576Q"},`, "kms:Decrypt", "")), "error malformed 0; error principal 2"},
		{"a wildcard", key(allow(`"Principal":{"AWS":"arn:aws:iam::111122223333:role/*"},`, "kms:Decrypt", "")), "error malformed 0; error principal 2"},
		{"a name", key(allow(`"Principal":{"AWS":"alice"},`, "kms:Decrypt", "")), "error malformed 0; error principal 2"},
		{"another partition", key(allow(`"Principal":{"AWS":"arn:aws-cn:iam::111122223333:role/App"},`, "kms:Decrypt", "")), "error malformed 0; error principal 2"},
		{"Amazon S3's", key(allow(`"Principal":{"CanonicalUser":"79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"},`, "kms:Decrypt", "")), "error malformed 0; error principal 2"},
		{"NotPrincipal with Allow", key(allow(`"NotPrincipal":{"AWS":"111122223333"},`, "kms:Decrypt", "")), "error malformed 0; error not-principal 2"},
		{"NotPrincipal with Deny", key(deny(`"NotPrincipal":{"AWS":["111122223333","arn:aws:iam::111122223333:role/App"]},`, "kms:Decrypt", "")), "warning not-principal 2"},

		{"another resource", key(`{"Effect":"Allow",` + app + `"Action":"kms:Decrypt","Resource":"arn:aws:kms:eu-west-1:111122223333:key/x"}`), "error malformed 0; error resource 2"},
		{"what another account cannot do", key(allow(`"Principal":{"AWS":"444455556666"},`, "kms:Decrypt kms:PutKeyPolicy kms:*", "")), "warning other-account 2"},

		{"an action that is none", key(allow(app, "kms:Decript kms:Encrypt", "")), "error unknown-action 2"},
		{"a pattern of none", key(allow(app, "kms:Use*", "")), "error unknown-action 2"},
		{"actions without a key", key(allow(app, "kms:CreateKey kms:RetireGrant kms:Describe*", "")), "warning no-key-action 2; warning no-key-action 2"},
		{"everything but", key(`{"Effect":"Allow",` + app + `"NotAction":"kms:Delete*","Resource":"*"}`), "warning not-action 2"},

		{"denied as a whole", key(allow(app, "kms:Decrypt kms:Encrypt", ""), deny(root, "kms:*crypt", "")), "error shadowed 2"},
		{"denied in part", key(allow(app, "kms:Decrypt kms:Encrypt", ""), deny(root, "kms:Encrypt", "")), ""},
		{"denied to another", key(allow(app, "kms:Decrypt", ""), deny(`"Principal":{"AWS":"arn:aws:iam::111122223333:role/B"},`, "kms:*", "")), ""},
		{"denied under a condition", key(allow(app, "kms:Decrypt", ""), deny(root, "kms:*", `"Bool":{"aws:SecureTransport":"false"}`)), ""},
		{"denied by two", key(allow(app, "kms:Decrypt kms:Encrypt", ""), deny(anyone, "kms:Encrypt", ""), deny(app, "kms:Decrypt", "")), "error shadowed 2"},
	})
}

// TestEverybody: which conditions restrict whom "*" means.
func TestEverybody(t *testing.T) {
	t.Parallel()
	const found, placed = "error everyone 2", "warning everyone 2"
	for condition, want := range map[string]string{
		``: found,
		`"StringEquals":{"kms:CallerAccount":"111122223333"}`:                               "",
		`"StringEquals":{"aws:PrincipalAccount":["111122223333","444455556666"]}`:           "",
		`"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/app-*"}`:             "",
		`"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/App"}`:             "",
		`"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::*:role/App"}`:                          found,
		`"StringLike":{"aws:PrincipalArn":"*"}`:                                             found,
		`"ArnNotLike":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/App"}`:            found,
		`"StringNotEquals":{"kms:CallerAccount":"444455556666"}`:                            found,
		`"StringEqualsIfExists":{"kms:CallerAccount":"111122223333"}`:                       found,
		`"Null":{"kms:CallerAccount":"false"}`:                                              found,
		`"Bool":{"aws:SecureTransport":"true"}`:                                             found,
		`"StringEquals":{"aws:PrincipalTag/team":"a"}`:                                      found,
		`"StringEquals":{"kms:EncryptionContext:a":"b"}`:                                    found,
		`"StringEquals":{"kms:EncryptionContext:a":"b","kms:CallerAccount":"111122223333"}`: "",
		`"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}`:                                       placed,
		`"IpAddress":{"aws:SourceIp":"0.0.0.0/0"}`:                                          found,
		`"StringEquals":{"aws:SourceVpce":"vpce-1a2b3c4d"}`:                                 placed,

		// A value that does not pin the account, the organization or the place
		// restricts nobody.
		`"StringLike":{"aws:PrincipalArn":"arn:aws:iam::*"}`:                                            found,
		`"StringLike":{"aws:PrincipalArn":"arn:aws:*"}`:                                                 found,
		`"StringLike":{"aws:PrincipalArn":"*:role/deploy"}`:                                             found,
		`"StringLike":{"aws:PrincipalArn":"arn:*:iam::111122223333:role/deploy"}`:                       found, // a path has colons
		`"StringLike":{"aws:PrincipalArn":"arn:aws:iam::11112222333?:role/deploy"}`:                     found,
		`"StringLike":{"aws:PrincipalArn":"arn:aws:iam::111122223333:*"}`:                               "",
		`"ArnLike":{"aws:PrincipalArn":"arn:*:iam::111122223333:role/*"}`:                               "",
		`"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::1111*:role/*"}`:                                    found,
		`"ArnEquals":{"aws:PrincipalArn":["arn:aws:iam::111122223333:role/a","arn:aws:iam::*:role/b"]}`: found,
		`"StringEquals":{"aws:PrincipalArn":"${aws:PrincipalArn}"}`:                                     found,
		`"ArnEquals":{"aws:PrincipalArn":"arn:aws:iam::${aws:PrincipalAccount}:role/deploy"}`:           found,
		`"StringEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:user/${aws:username}"}`:          "",
		`"StringLike":{"aws:userid":"*:deploy"}`:                                                        found,
		`"StringLike":{"aws:userid":"*:*"}`:                                                             found,
		`"StringLike":{"aws:userid":"AROA*"}`:                                                           found,
		`"StringEquals":{"aws:userid":"${aws:userid}"}`:                                                 found,
		`"StringLike":{"aws:userid":"AROAJQABLZS4A3QDU576Q:*"}`:                                         "",
		`"StringEquals":{"aws:userid":"AIDAJQABLZS4A3QDU576Q"}`:                                         "",
		`"StringEquals":{"aws:PrincipalAccount":"${aws:PrincipalAccount}"}`:                             found,
		`"StringEquals":{"aws:PrincipalAccount":"${aws:username,'111122223333'}"}`:                      found,
		`"StringLike":{"kms:CallerAccount":["0*","1*","2*","3*","4*","5*","6*","7*","8*","9*"]}`:        found,
		`"StringLike":{"kms:CallerAccount":"111122223333"}`:                                             "",
		`"StringLike":{"aws:PrincipalOrgID":"o-*"}`:                                                     found + "; warning unused-condition-key 2",
		`"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`:                                          "warning unused-condition-key 2",
		`"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-a1b2c3d4e5/*"}`:                           "warning unused-condition-key 2",
		`"ForAnyValue:StringLike":{"aws:PrincipalOrgPaths":"o-*/r-ab12/*"}`:                             found + "; warning unused-condition-key 2",
		`"StringLike":{"aws:SourceVpce":"vpce-*"}`:                                                      found,
		`"IpAddress":{"aws:SourceIp":["0.0.0.0/1","128.0.0.0/1"]}`:                                      found,
		`"IpAddress":{"aws:SourceIp":"::/1"}`:                                                           found,
		`"IpAddress":{"aws:SourceIp":"2001:db8::/32"}`:                                                  placed,
	} {
		run(t, lint.Options{Kind: lint.Key}, []lintCase{
			{"everybody", document(enable, allow(anyone, "kms:Decrypt", condition)), want},
			{"in a list", document(enable, allow(`"Principal":{"AWS":["arn:aws:iam::111122223333:role/App","*"]},`, "kms:Decrypt", condition)), want},
		})
		// A Deny to everybody is nothing to warn of, whatever its condition.
		for _, f := range lint.Check(document(enable, deny(anyone, "kms:Decrypt", condition)), lint.Options{Kind: lint.Key}) {
			if f.Rule == "everyone" {
				t.Errorf("denied under %s: %+v", condition, f)
			}
		}
	}
}

// TestConditions: keys, operators and values that never match, and those that
// do.
func TestConditions(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ actions, condition, want string }{
		{"kms:Decrypt", `"StringEquals":{"kms:EncryptionContext:a":"b"}`, ""},
		{"kms:*", `"StringEquals":{"kms:EncryptionContext:a":"b"}`, ""},
		{"kms:CreateGrant", `"Bool":{"kms:GrantIsForAWSResource":true}`, ""},
		{"kms:Decrypt", `"ArnLike":{"kms:EncryptionContext:aws:logs:arn":"arn:aws:logs:eu-west-1:111122223333:*"}`, ""},
		{"kms:Decrypt", `"ForAllValues:StringEquals":{"kms:EncryptionContextKeys":["a","b"]},"Null":{"kms:EncryptionContextKeys":"false"}`, "note set-operator 2"},
		{"kms:Decrypt", `"ForAnyValue:StringEquals":{"kms:EncryptionContextKeys":["a","b"]}`, ""},
		{"kms:Decrypt", `"DateLessThan":{"aws:CurrentTime":"2030-01-01T00:00:00Z"},"DateGreaterThan":{"aws:CurrentTime":"2020-01-01"}`, ""},
		{"kms:Decrypt", `"NumericLessThan":{"aws:EpochTime":"1900000000"}`, ""},
		{"kms:Decrypt", `"NumericLessThan":{"aws:PrincipalTag/level":"3"}`, ""},
		{"kms:Decrypt", `"StringEquals":{"aws:PrincipalArn":"arn:aws:iam::111122223333:role/App"}`, ""},
		{"kms:Decrypt", `"StringEquals":{"kms:EncryptionContext:user":"${aws:username}"}`, ""},
		{"kms:CreateGrant", `"StringEquals":{"kms:GranteePrincipal":"111122223333"}`, "error impossible-value 2"},
		{"kms:CreateGrant", `"StringNotEquals":{"kms:RetiringPrincipal":"111122223333"}`, "warning impossible-value 2"},
		{"kms:CreateGrant", `"StringLike":{"kms:GranteePrincipal":"arn:aws:iam::111122223333:*"}`, ""},
		{"kms:ScheduleKeyDeletion", `"NumericLessThan":{"kms:ScheduleKeyDeletionPendingWindowInDays":"30"}`, ""},
		{"kms:Decrypt", `"StringLike":{"kms:KeySpec":"RSA_*"}`, ""},
		{"kms:Decrypt", `"StringNotEquals":{"kms:KeySpec":"RSA_2048"}`, ""},

		{"kms:Decrypt", `"StringEquals":{"kms:EncryptionContxtKeys":"a"}`, "error unknown-condition-key 2"},
		{"kms:Decrypt", `"StringEquals":{"kms:EncryptionContext":"a"}`, "error unknown-condition-key 2"},
		{"kms:Decrypt", `"StringEquals":{"aws:PrincipalTag":"a"}`, "error unknown-condition-key 2"},
		{"kms:Decrypt", `"StringEquals":{"s3:prefix":"a"}`, "error unknown-condition-key 2"},
		{"kms:DescribeKey", `"StringEquals":{"kms:EncryptionContext:a":"b"}`, "error condition-key-of-other-actions 2"},
		{"kms:DescribeKey kms:Decrypt", `"StringEquals":{"kms:EncryptionContext:a":"b"}`, "warning condition-key-of-other-actions 2"},
		{"kms:Sign", `"StringEquals":{"kms:MacAlgorithm":"HMAC_SHA_256"}`, "error condition-key-of-other-actions 2"},
		{"kms:Decrypt", `"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"}`, "warning unused-condition-key 2"},

		{"kms:Decrypt", `"ForAllValues:StringEquals":{"kms:CallerAccount":"111122223333"}`, "warning set-operator 2"},
		{"kms:Decrypt", `"ForAnyValue:StringEquals":{"kms:CallerAccount":"111122223333"}`, "note set-operator 2"},
		{"kms:CreateGrant", `"StringEquals":{"kms:GrantOperations":"Decrypt"}`, "error set-operator 2"},
		{"kms:Decrypt", `"NumericEquals":{"kms:KeySpec":"2048"}`, "error operator 2"},
		{"kms:Decrypt", `"StringEquals":{"aws:SourceIp":"192.0.2.1"}`, "warning operator 2"},
		{"kms:Decrypt", `"StringEquals":{"kms:MultiRegion":"true"}`, "warning operator 2"},
		{"kms:Decrypt", `"IpAddress":{"aws:UserAgent":"192.0.2.1"}`, "error operator 2"},

		{"kms:Decrypt", `"StringEquals":{"kms:KeySpec":"AES_256"}`, "error impossible-value 2"},
		{"kms:Decrypt", `"StringEquals":{"kms:KeySpec":"symmetric_default"}`, "error impossible-value 2"},
		{"kms:Decrypt", `"StringEqualsIgnoreCase":{"kms:KeySpec":"symmetric_default"}`, ""},
		{"kms:Decrypt", `"StringEquals":{"kms:KeySpec":["AES_256","RSA_2048"]}`, "warning impossible-value 2"},
		{"kms:Decrypt", `"StringNotEquals":{"kms:KeyOrigin":"AWS"}`, "warning impossible-value 2"},
		{"kms:Decrypt", `"StringEquals":{"kms:CallerAccount":"11112222333"}`, "error impossible-value 2"},
		{"kms:Decrypt", `"StringEquals":{"kms:RequestAlias":"payroll"}`, "error impossible-value 2"},
		{"kms:Decrypt", `"StringEquals":{"kms:RequestAlias":"arn:aws:kms:eu-west-1:111122223333:alias/payroll"}`, "error impossible-value 2"},
		{"kms:Decrypt", `"StringEquals":{"kms:ViaService":"s3.eu-west-1.amazonaws.com"}`, "warning unused-condition-key 2"},
		{"kms:Decrypt", `"ArnLike":{"aws:PrincipalArn":"arn:aws:sts::111122223333:assumed-role/App/*"}`, "error impossible-value 2"},
		{"kms:CreateGrant", `"ForAllValues:StringEquals":{"kms:GrantOperations":["Decrypt","Read"]}`, "note set-operator 2; warning impossible-value 2"},
		{"kms:ScheduleKeyDeletion", `"NumericLessThan":{"kms:ScheduleKeyDeletionPendingWindowInDays":"7"}`, "error impossible-value 2"},
		{"kms:Decrypt", `"StringEquals":{"kms:EncryptionContext:a":"b*"}`, "warning literal-wildcard 2"},
		{"kms:Decrypt", `"StringEquals":{"kms:EncryptionContext:user":"${aws:user}"}`, "error variable 2"},

		{"kms:Decrypt", `"StringEquals":{"kms:EncryptionContext:a":"b"},"StringNotEquals":{"kms:EncryptionContext:a":"b"}`, "error contradiction 2"},
		{"kms:Decrypt", `"StringEquals":{"kms:EncryptionContext:a":["b","c"]},"StringNotEquals":{"kms:EncryptionContext:a":"b"}`, ""},
		{"kms:Decrypt", `"StringEquals":{"kms:EncryptionContext:a":"b"},"StringLike":{"kms:EncryptionContext:a":"c*"}`, "error contradiction 2"},
		{"kms:Decrypt", `"StringLike":{"kms:EncryptionContext:a":"*b"},"StringNotLike":{"kms:EncryptionContext:a":"c*"}`, ""},
		{"kms:Decrypt", `"StringEquals":{"kms:EncryptionContext:a":"b"},"Null":{"kms:EncryptionContext:a":"true"}`, "error contradiction 2"},
		{"kms:Decrypt", `"StringEqualsIfExists":{"kms:EncryptionContext:a":"b"},"Null":{"kms:EncryptionContext:a":"true"}`, ""},
		{"kms:Decrypt", `"IpAddress":{"aws:SourceIp":"192.0.2.0/24"},"NotIpAddress":{"aws:SourceIp":"192.0.0.0/16"}`, "error contradiction 2"},
		{"kms:Decrypt", `"IpAddress":{"aws:SourceIp":"192.0.0.0/16"},"NotIpAddress":{"aws:SourceIp":"192.0.2.0/24"}`, ""},
		{"kms:Decrypt", `"DateGreaterThan":{"aws:CurrentTime":"2030-01-01"},"DateLessThan":{"aws:CurrentTime":"2029-01-01"}`, "error contradiction 2"},
		{"kms:Decrypt", `"DateLessThan":{"aws:CurrentTime":"2026-11-22T00:00:00Z"}`, "warning over 2"},
		{"kms:Decrypt", `"DateGreaterThan":{"aws:CurrentTime":"2025-01-01"},"DateLessThan":{"aws:CurrentTime":"2026-01-01"}`, "warning over 2"},
		{"kms:Decrypt", `"NumericLessThan":{"aws:EpochTime":"1700000000"}`, "warning over 2"},
		{"kms:Decrypt", `"DateLessThan":{"aws:CurrentTime":"2026-11-23T00:00:01Z"}`, ""},
		{"kms:Decrypt", `"DateGreaterThan":{"aws:CurrentTime":"2027-01-01"},"DateLessThan":{"aws:CurrentTime":"2028-01-01"}`, ""},
		{"kms:Decrypt", `"DateGreaterThan":{"aws:CurrentTime":"2020-01-01"}`, ""},
		{"kms:Decrypt", `"NumericGreaterThan":{"aws:EpochTime":"1700000000"}`, ""},
		{"kms:Decrypt", `"DateNotEquals":{"aws:CurrentTime":"2020-01-01"}`, ""},
		{"kms:ScheduleKeyDeletion", `"NumericLessThan":{"kms:ScheduleKeyDeletionPendingWindowInDays":"10"},"NumericGreaterThan":{"kms:ScheduleKeyDeletionPendingWindowInDays":"9"}`, "error contradiction 2"},
		{"kms:Decrypt", `"Bool":{"aws:SecureTransport":"true"},"BoolIfExists":{"aws:SecureTransport":"false"}`, "error contradiction 2"},
	} {
		run(t, lint.Options{Kind: lint.Key}, []lintCase{{c.condition, document(enable, allow(app, c.actions, c.condition)), c.want}})
	}
}

// TestOtherKinds: what is particular to policies that are attached to somebody,
// and to a role's trust policy.
func TestOtherKinds(t *testing.T) {
	t.Parallel()
	attached := func(rest string) string { return document(`{"Effect":"Allow",` + rest + `}`) }
	key := `"Resource":"arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"`
	run(t, lint.Options{Kind: lint.Identity}, []lintCase{
		{"usual", attached(`"Action":["kms:Encrypt","kms:Decrypt"],` + key), ""},
		{"all that there is", attached(`"Action":"*","Resource":"*"`), ""},
		{"keys with a tag", attached(`"Action":"kms:*","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"${aws:PrincipalTag/team}"}}`), ""},
		{"another service", attached(`"Action":["s3:GetObject","kms:Decrypt"],"Resource":"*","Condition":{"StringEquals":{"s3:prefix":"a"}}`), "note other-service 1"},
		{"a principal", attached(`"Principal":"*","Action":"kms:Decrypt","Resource":"*"`), "error malformed 0; error principal 1; error everyone 1"},
		{"an alias", attached(`"Action":"kms:Decrypt","Resource":"arn:aws:kms:eu-west-1:111122223333:alias/payroll"`), "error alias-resource 1"},
		{"an alias to be made", attached(`"Action":"kms:CreateAlias","Resource":["arn:aws:kms:eu-west-1:111122223333:alias/payroll","arn:aws:kms:*:111122223333:key/*"]`), ""},
		{"no Region", attached(`"Action":"kms:Decrypt","Resource":"arn:aws:kms::111122223333:key/*"`), "error resource 1"},
		{"no key", attached(`"Action":"kms:Decrypt","Resource":"arn:aws:kms:eu-west-1:111122223333:1234abcd-12ab-34cd-56ef-1234567890ab"`), "error resource 1"},
		{"without a key", attached(`"Action":["kms:ListKeys","kms:DescribeKey"],` + key), "warning account-action 1"},
		{"an old version", strings.Replace(attached(`"Action":"kms:Decrypt","Resource":"*","Condition":{"StringEquals":{"kms:EncryptionContext:user":"${aws:username}"}}`), "2012-10-17", "2008-10-17", 1), "error variable 1"},
		{"denied as a whole", document(`{"Effect":"Allow","Action":"kms:Decrypt",`+key+`}`, `{"Effect":"Deny","Action":"kms:*","Resource":"arn:aws:kms:*:*:key/*"}`), "error shadowed 1"},
		{"denied elsewhere", document(`{"Effect":"Allow","Action":"kms:Decrypt",`+key+`}`, `{"Effect":"Deny","Action":"kms:*","Resource":"arn:aws:kms:us-east-1:*:key/*"}`), ""},
	})
	run(t, lint.Options{Kind: lint.Trust}, []lintCase{
		{"usual", attached(`"Principal":{"AWS":"111122223333"},"Action":"sts:AssumeRole"`), ""},
		{"an external id", attached(`"Principal":{"AWS":"444455556666"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"sts:ExternalId":"x"}}`), ""},
		{"everybody", attached(`"Principal":{"AWS":"*"},"Action":"sts:AssumeRole"`), "error everyone 1"},
		{"another action", attached(`"Principal":{"AWS":"111122223333"},"Action":"sts:GetCallerIdentity"`), "error malformed 0; error unknown-action 1"},
	})
	run(t, lint.Options{Kind: lint.Endpoint}, []lintCase{
		{"the default", attached(`"Principal":"*","Action":"*","Resource":"*"`), ""},
	})
	run(t, lint.Options{Kind: lint.Session}, []lintCase{
		{"too long", attached(`"Sid":"` + strings.Repeat("a", 2048) + `","Action":"kms:Decrypt","Resource":"*"`), "error size 0"},
	})
}

// FuzzCheck: whatever the text, the linter ends, and what CreateKey refuses is
// an error.
func FuzzCheck(f *testing.F) {
	f.Add(policy.Default("aws", account), "key")
	f.Add(document(allow(app, "kms:Decrypt", `"NumericLessThan":{"kms:ScheduleKeyDeletionPendingWindowInDays":"1e9"},"IpAddress":{"aws:SourceIp":"::/0"}`)), "identity")
	f.Add(document(deny(anyone, "kms:*", `"ForAllValues:StringNotLikeIfExists":{"aws:TagKeys":["${aws:x,'y'}","${"]}`)), "trust")
	f.Fuzz(func(t *testing.T, text, kind string) {
		if !slices.Contains(lint.Kinds(), lint.Kind(kind)) {
			return
		}
		found := lint.Check(text, lint.Options{Kind: lint.Kind(kind)})
		d, err := policy.Parse(text)
		if err == nil && kind == string(lint.Key) {
			err = policy.CheckKeyPolicy(d, "aws")
		}
		refused := slices.ContainsFunc(found, func(f lint.Finding) bool { return f.Rule == "malformed" && f.Severity == lint.Error })
		if err != nil && !refused {
			t.Errorf("%v, and there is no finding: %+v", err, found)
		}
	})
}

// TestRulesAreExplained: docs/authorization.md names every rule, and no other.
func TestRulesAreExplained(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/authorization.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(page), "\n| rule |")
	section, _, _ = strings.Cut(section, "\n\n")
	explained := map[string]bool{}
	for line := range strings.Lines(section) {
		first, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), " |")
		for _, name := range regexp.MustCompile("`([a-z-]+)`").FindAllStringSubmatch(first, -1) {
			explained[name[1]] = true
		}
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	rules := map[string]bool{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, call := range regexp.MustCompile(`l\.add\(\w+, "([a-z-]+)"`).FindAllSubmatch(text, -1) {
			rules[string(call[1])] = true
		}
	}
	if !maps.Equal(rules, explained) || len(rules) < 20 {
		t.Errorf("the rules are %v, the page has %v", slices.Sorted(maps.Keys(rules)), slices.Sorted(maps.Keys(explained)))
	}
}

// TestValuesOfKeys: of each condition key whose values are known, one that it
// has and one that it never has.
func TestValuesOfKeys(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ actions, key, good, bad string }{
		{"kms:Decrypt", "kms:KeyUsage", "SIGN_VERIFY", "SIGN"},
		{"kms:Decrypt", "kms:CustomerMasterKeySpec", "RSA_2048", "RSA"},
		{"kms:Decrypt", "kms:KeyOrigin", "AWS_KMS", "KMS"},
		{"kms:Decrypt", "kms:MultiRegionKeyType", "PRIMARY", "Primary"},
		{"kms:GenerateDataKeyPair", "kms:DataKeyPairSpec", "RSA_2048", "AES_256"},
		{"kms:Encrypt", "kms:EncryptionAlgorithm", "RSAES_OAEP_SHA_256", "OAEP"},
		{"kms:Encapsulate", "kms:EncapsulationAlgorithm", "ML_KEM", "KEM"},
		{"kms:ImportKeyMaterial", "kms:ExpirationModel", "KEY_MATERIAL_EXPIRES", "EXPIRES"},
		{"kms:GetParametersForImport", "kms:WrappingAlgorithm", "RSAES_OAEP_SHA_256", "ML_KEM"},
		{"kms:GetParametersForImport", "kms:WrappingKeySpec", "RSA_4096", "RSA_1024"},
		{"kms:CreateGrant", "kms:GrantConstraintType", "EncryptionContextSubset", "Subset"},
		{"kms:DeriveSharedSecret", "kms:KeyAgreementAlgorithm", "ECDH", "DH"},
		{"kms:GenerateMac", "kms:MacAlgorithm", "HMAC_SHA_256", "HMAC_256"},
		{"kms:Sign", "kms:MessageType", "DIGEST", "digest"},
		{"kms:Sign", "kms:SigningAlgorithm", "ECDSA_SHA_256", "ECDSA"},
		{"kms:UpdatePrimaryRegion", "kms:PrimaryRegion", "eu-west-1", "Ireland"},
		{"kms:ReplicateKey", "kms:ReplicaRegion", "us-east-1", "useast1"},
		{"kms:Decrypt", "aws:PrincipalType", "AssumedRole", "Role"},
		{"kms:Decrypt", "aws:PrincipalAccount", "111122223333", "1111-2222-3333"},
		{"kms:Decrypt", "aws:PrincipalArn", "arn:aws:iam::111122223333:user/a", "alice"},
	} {
		condition := func(value string) string { return fmt.Sprintf(`"StringEquals":{%q:%q}`, c.key, value) }
		run(t, lint.Options{Kind: lint.Key}, []lintCase{
			{c.key + " has " + c.good, document(enable, allow(app, c.actions, condition(c.good))), ""},
			{c.key + " never has " + c.bad, document(enable, allow(app, c.actions, condition(c.bad))), "error impossible-value 2"},
		})
	}
	run(t, lint.Options{Kind: lint.Key}, []lintCase{
		{"days", document(enable, allow(app, "kms:EnableKeyRotation", `"NumericGreaterThan":{"kms:RotationPeriodInDays":"2560"}`)), "error impossible-value 2"},
		{"more than a few", document(enable, allow(app, "kms:Decrypt", `"StringEquals":{"kms:KeySpec":["a","b","c","d","e","f","g"]}`)), "error impossible-value 2"},
		{"a tag's number", document(enable, allow(app, "kms:Decrypt", `"NumericLessThan":{"aws:PrincipalTag/n":"1"},"NumericGreaterThan":{"aws:PrincipalTag/n":"1.5"}`)), "error contradiction 2"},
		{"one address", document(enable, allow(app, "kms:Decrypt", `"IpAddress":{"aws:SourceIp":"192.0.2.1"},"NotIpAddress":{"aws:SourceIp":"192.0.2.1"}`)), "error contradiction 2"},
		{"ARNs as texts", document(enable, allow(app, "kms:CreateGrant", `"ArnLike":{"kms:GranteePrincipal":"arn:aws:iam::111122223333:role/*"}`)), ""},
		{"a Deny by an unknown key", document(enable, deny(app, "kms:Decrypt", `"StringNotEquals":{"kms:Nothing":"a"}`)), "error unknown-condition-key 2"},
		{"NotAction with the key's conditions", document(enable, `{"Effect":"Deny",`+app+`"NotAction":"kms:Decrypt","Resource":"*","Condition":{"StringEquals":{"kms:EncryptionContext:a":"b"}}}`), ""},
	})
}
