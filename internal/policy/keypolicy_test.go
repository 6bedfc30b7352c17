package policy_test

import (
	"errors"
	"strings"
	"testing"

	"trent/internal/policy"
)

func parse(t *testing.T, text string) *policy.Document {
	t.Helper()
	d, err := policy.Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return d
}

const (
	everything = `"Action":"kms:*","Resource":"*"`
	noPrincip  = "Policy contains a statement with no principal."
	badPrincip = "Policy contains a statement with one or more invalid principals."
)

func TestCheckKeyPolicy(t *testing.T) {
	t.Parallel()
	toRoot := `"Principal":{"AWS":"` + root + `"},`
	condition := func(c string) string { return statement(toRoot + everything + `,"Condition":{` + c + `}`) }
	const notPermitted = "These condition keys are not permitted in a key policy: aws:ResourceTag, kms:ResourceTag, kms:ResourceAliases"
	for _, test := range []struct{ document, want string }{
		{policy.Default(partition, account), ""},
		{statement(toRoot + everything), ""},
		{statement(`"Principal":"*",` + everything), ""},
		{statement(`"Principal":{"AWS":["*"],"Service":["kms.amazonaws.com"]},` + everything), ""},
		{statement(toRoot + `"NotAction":["kms:Decrypt"],"Resource":["*"]`), ""},
		{statement(toRoot + `"Action":["*","KMS:Describe*","kms:??t"],"Resource":"*"`), ""},
		{condition(`"StringEquals":{"kms:EncryptionContext:ward":"7"}`), ""},
		{condition(`"ForAnyValue:StringEquals":{"kms:EncryptionContext:ward":"7"}`), ""},
		{condition(`"ForAllValues:StringEquals":{"kms:EncryptionContextKeys":"ward"}`), ""},
		{`{"Statement":{"Effect":"Deny","NotPrincipal":{"AWS":"` + account + `"},` + everything + `}}`, ""},

		{statement(everything), noPrincip},
		{statement(`"Principal":{},` + everything), noPrincip},
		{statement(`"Principal":{"AWS":[]},` + everything), noPrincip},
		{statement(`"NotPrincipal":{"AWS":"` + account + `"},` + everything), "NotPrincipal cannot be used with the effect Allow"},
		{statement(toRoot + `"Resource":"*"`), "Missing required field Action"},
		{statement(toRoot + `"Action":[],"Resource":"*"`), "Missing required field Action"},
		{statement(toRoot + `"Action":"kms:*"`), "Missing required field Resource"},
		{statement(toRoot + `"Action":"kms:*","Resource":[]`), "Missing required field Resource"},
		{statement(toRoot + `"Action":"kms:*","NotResource":"*"`), "Missing required field Resource"},
		{statement(toRoot + `"Action":"kms:*","Resource":"arn:aws:kms:eu-west-1:111122223333:key/x"`), `Resource must be "*" in a key policy: arn:aws:kms:eu-west-1:111122223333:key/x`},
		{statement(toRoot + `"Action":"s3:GetObject","Resource":"*"`), "The following action names are invalid: s3:GetObject"},
		{statement(toRoot + `"Action":["kms:*","Decrypt"],"Resource":"*"`), "The following action names are invalid: Decrypt"},
		{statement(toRoot + `"Action":"kms:Decrypt ","Resource":"*"`), "The following action names are invalid: kms:Decrypt "},
		{statement(toRoot + `"Action":["\u212Ams:*"],"Resource":"*"`), "The following action names are invalid: \u212Ams:*"},
		{statement(toRoot + `"NotAction":"kms:","Resource":"*"`), "The following action names are invalid: kms:"},
		{statement(toRoot + `"Action":"k*:Decrypt","Resource":"*"`), "The following action names are invalid: k*:Decrypt"},
		{condition(`"StringEquals":{"aws:ResourceTag/a":"b"}`), notPermitted},
		{condition(`"ForAnyValue:StringEquals":{"kms:resourcealiases":"alias/a"}`), notPermitted},
		{condition(`"ForAllValues:StringEquals":{"kms:EncryptionContext:ward":"7"}`),
			"OverlyPermissiveCondition: Using the ForAllValues set operator with a single-valued condition key matches requests without the specified encryption context or with an unspecified encryption context. To fix, remove ForAllValues."},
		{condition(`"ForAllValues:StringLike":{"aws:RequestTag/ward":"7"}`),
			"OverlyPermissiveCondition: Using the ForAllValues set operator with a single-valued condition key matches requests without the specified tag or with an unspecified tag. To fix, remove ForAllValues."},
		{strings.Replace(statement(`"Sid":"a",`+toRoot+everything), `]}`, `,{"Sid":"a","Effect":"Allow",`+toRoot+everything+`}]}`, 1), "The Statement Ids in the policy are not unique"},
	} {
		got := ""
		if e, ok := errors.AsType[*policy.Error](policy.CheckKeyPolicy(parse(t, test.document), partition)); ok {
			got = e.Text
		}
		if got != test.want {
			t.Errorf("%s:\n got %q\nwant %q", test.document, got, test.want)
		}
	}
}

// TestUsualKeyPolicies: what keys of real services have is taken.
func TestUsualKeyPolicies(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]string{
		"administrators": `"Sid":"admins may not use it","Principal":{"AWS":["arn:aws:iam::111122223333:role/Admin","arn:aws:iam::111122223333:user/ops/alice"]},
			"Action":["kms:Create*","kms:Put*","kms:TagResource","kms:ScheduleKeyDeletion"],"Resource":"*"`,
		"grants for services": `"Principal":{"AWS":"arn:aws:iam::444455556666:root"},"Action":["kms:CreateGrant","kms:ListGrants"],"Resource":"*",
			"Condition":{"Bool":{"kms:GrantIsForAWSResource":true}}`,
		"through a service only": `"Principal":{"AWS":"*"},"Action":["kms:Decrypt","kms:GenerateDataKey*"],"Resource":["*"],
			"Condition":{"StringEquals":{"kms:CallerAccount":"111122223333"},"StringLike":{"kms:ViaService":["s3.*.amazonaws.com","ec2.eu-west-1.amazonaws.com"]}}`,
		"logs": `"Principal":{"Service":"logs.eu-west-1.amazonaws.com"},"Action":["kms:Encrypt*","kms:Decrypt*","kms:ReEncrypt*","kms:GenerateDataKey*","kms:Describe*"],"Resource":"*",
			"Condition":{"ArnLike":{"kms:EncryptionContext:aws:logs:arn":"arn:aws:logs:eu-west-1:111122223333:*"}}`,
		"an organization": `"Principal":"*","Action":"kms:Decrypt","Resource":"*","Condition":{"StringEquals":{"aws:PrincipalOrgID":"o-a1b2c3d4e5"},"Null":{"kms:EncryptionContextKeys":"false"}}`,
		"single sign-on": `"Principal":{"AWS":"arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Admin_0123456789abcdef"},"Action":"kms:*","Resource":"*",
			"Condition":{"DateLessThan":{"aws:CurrentTime":"2030-01-01T00:00:00Z"},"NumericLessThanEquals":{"kms:ScheduleKeyDeletionPendingWindowInDays":"30"},"IpAddress":{"aws:SourceIp":["192.0.2.0/24","2001:db8::/32"]}}`,
		"an enclave": `"Principal":{"AWS":"arn:aws:sts::111122223333:assumed-role/app/i-0123456789abcdef0"},"Action":"kms:Decrypt","Resource":"*",
			"Condition":{"StringEqualsIgnoreCase":{"kms:RecipientAttestation:ImageSha384":"${aws:PrincipalTag/image}"}}`,
		"an empty Sid": `"Sid":"","Principal":{"AWS":"111122223333"},"Action":"kms:*","Resource":"*"`,
	} {
		two := statement(s)
		two = strings.TrimSuffix(two, "]}") + `,{"Sid":"","Effect":"Deny","Principal":"*","NotAction":"kms:Describe*","Resource":"*","Condition":{"BoolIfExists":{"aws:SecureTransport":"false"}}}]}`
		for _, document := range []string{statement(s), two} {
			if err := policy.CheckKeyPolicy(parse(t, document), partition); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}

// TestPrincipals: the forms of those that can call KMS, and of those that cannot.
func TestPrincipals(t *testing.T) {
	t.Parallel()
	for kind, names := range map[string]map[string]bool{
		"AWS": {
			"*": true, account: true, root: true,
			"arn:aws:iam::111122223333:user/alice":                                true,
			"arn:aws:iam::111122223333:user/staff/ward-7/alice@example":           true,
			"arn:aws:iam::111122223333:role/aws-service-role/x.y/R+,.=":           true,
			"arn:aws:iam::111122223333:role/team:a/prod~1/App":                    true,
			"arn:aws:iam::111122223333:role/!#$%&'();<=>@[]^`{|}/App":             true,
			"arn:aws:iam::111122223333:role/a//b":                                 true,
			"arn:aws:sts::111122223333:assumed-role/role/session":                 true,
			"arn:aws:iam::111122223333:role/" + strings.Repeat("p", 510) + "/App": true,
			"arn:aws:iam::111122223333:role/" + strings.Repeat("p", 511) + "/App": false,
			"arn:aws:sts::111122223333:federated-user/alice":                      true,
			"": false, "11112222333": false, "1111222233334": false, "AIDACKCEVSQ6C2EXAMPLE": false, "alice": false,
			"arn:aws-cn:iam::111122223333:root":               false,
			"arn:aws:iam:eu-west-1:111122223333:root":         false,
			"arn:aws:iam::111122223333:rooted":                false,
			"arn:aws:iam::111122223333:root/x":                false,
			"arn:aws:iam::*:root":                             false,
			"arn:aws:iam::111122223333:user/*":                false,
			"arn:aws:iam::111122223333:user/":                 false,
			"arn:aws:iam::111122223333:role//b":               false,
			"arn:aws:iam::111122223333:role/team/":            false,
			"arn:aws:iam::111122223333:role/team:a":           false,
			"arn:aws:iam::111122223333:role/te*/App":          false,
			"arn:aws:iam::111122223333:role/te?m/App":         false,
			"arn:aws:iam::111122223333:role/te am/App":        false,
			"arn:aws:iam::111122223333:role/te\u00e9m/App":    false,
			"arn:aws:iam::111122223333:group/staff":           false,
			"arn:aws:iam::111122223333:*":                     false,
			"arn:aws:iam::111122223333":                       false,
			"arn:aws:sts::111122223333:assumed-role/role":     false,
			"arn:aws:sts::111122223333:assumed-role/r/s/t":    false,
			"arn:aws:s3::111122223333:user/alice":             false,
			"ARN:aws:iam::111122223333:root":                  false,
			"arn:aws:iam::11112222333\u0663:root":             false,
			"arn:aws:iam::111122223333:saml-provider/example": false,
		},
		"Service": {
			"kms.amazonaws.com": true, "logs.eu-west-1.amazonaws.com": true, "*": false, "amazonaws.com": false, "kms..com": false, "a b.amazonaws.com": false, "": false,
			strings.Repeat("a", 115) + ".amazonaws.com": false,
		},
		"Federated": {
			"accounts.google.com": true, "arn:aws:iam::111122223333:saml-provider/example": true,
			"arn:aws:iam::111122223333:oidc-provider/oidc.eks.eu-west-1.amazonaws.com/id/EXAMPLE": true,
			"arn:aws:iam::111122223333:role/r": false, "arn:aws:iam::1:saml-provider/e": false, "*": false, "localhost": false, "": false,
		},
		"CanonicalUser": {strings.Repeat("7", 64): false, "x": false},
	} {
		for name, valid := range names {
			d := parse(t, statement(`"Principal":{"`+kind+`":"`+name+`"},`+everything))
			err := policy.CheckKeyPolicy(d, partition)
			if (err == nil) != valid {
				t.Errorf("%s %q: %v", kind, name, err)
			}
			if e, ok := errors.AsType[*policy.Error](err); !valid && (!ok || e.Text != badPrincip) {
				t.Errorf("%s %q: %v", kind, name, err)
			}
		}
	}
}

// TestPutKeyPolicyAgain: whom a key policy lets change it, as the lockout check
// asks. What has a condition counts only if that holds.
func TestPutKeyPolicyAgain(t *testing.T) {
	t.Parallel()
	const alice, bob = "arn:aws:iam::111122223333:user/alice", "arn:aws:iam::111122223333:user/bob"
	to := func(name string) string { return `"Principal":{"AWS":"` + name + `"},` }
	and := func(deny string) string {
		return `{"Statement":[{"Effect":"Allow",` + to(account) + everything + `},{"Effect":"Deny",` + deny + `}]}`
	}
	for document, want := range map[string]bool{
		policy.Default(partition, account):                                           false,
		statement(to(account) + everything):                                          false,
		statement(to(alice) + everything):                                            false,
		statement(`"Principal":"*",` + everything):                                   false,
		statement(to(alice) + `"Action":"kms:Put*","Resource":"*"`):                  false,
		statement(to(alice) + `"Action":"KMS:putkeypolicy","Resource":"*"`):          false,
		statement(to(alice) + `"Action":"kms:*k?y*policy","Resource":"*"`):           false,
		statement(to(alice) + `"NotAction":"kms:Decrypt","Resource":"*"`):            false,
		statement(to(alice) + everything + `,"Condition":{"Bool":{"aws:a":"true"}}`): true,
		statement(to(alice) + everything + `,"Condition":{"Null":{"aws:a":"true"}}`): false,
		and(to(alice) + everything + `,"Condition":{"Bool":{"aws:a":"true"}}`):       false,
		and(to(bob) + everything):                                                    false,
		and(to(alice) + `"Action":"kms:Get*","Resource":"*"`):                        false,

		statement(to(bob) + everything):                                        true,
		statement(to("444455556666") + everything):                             true,
		statement(`"Principal":{"Service":"kms.amazonaws.com"},` + everything): true,
		statement(to(alice) + `"Action":"kms:Get*","Resource":"*"`):            true,
		statement(to(alice) + `"Action":"kms:PutKeyPolic","Resource":"*"`):     true,
		statement(to(alice) + `"NotAction":"kms:Put*","Resource":"*"`):         true,
		and(to(alice) + everything):                                            true,
		and(to(account) + `"Action":"*","Resource":"*"`):                       true,
		and(`"Principal":"*",` + `"Action":"kms:PutKeyPolicy","Resource":"*"`): true,
	} {
		if got := !letsPut(parse(t, document), alice); got != want {
			t.Errorf("%s: locked out: %v", document, got)
		}
	}
}

// letsPut reports whether a key policy lets a principal of the account, or that
// account, call PutKeyPolicy.
func letsPut(d *policy.Document, principal string) bool {
	who := policy.Principal{Account: account, ARN: principal}
	if strings.Contains(principal, ":role/") {
		who = policy.Principal{Account: account, ARN: "arn:aws:sts::" + account + ":assumed-role/r/s", RoleARN: principal}
	}
	return policy.Compile(d, nil).EvaluateResource(&policy.Request{Action: "kms:PutKeyPolicy", Resource: keyARN, Principal: who}).Allow != nil
}
