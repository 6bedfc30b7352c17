package policy_test

import (
	"errors"
	"strings"
	"testing"

	"trent/internal/policy"
)

// verdict is the text with which a check refuses a document; "" if it does not.
func verdict(t *testing.T, check func(*policy.Document, string) error, document string) string {
	t.Helper()
	d, err := policy.Parse(document)
	if err == nil {
		err = check(d, partition)
	}
	if err == nil {
		return ""
	}
	e, ok := errors.AsType[*policy.Error](err)
	if !ok || e.Text == "" {
		t.Fatalf("%s: %v", document, err)
	}
	return e.Text
}

// twoStatements is a document of two statements that allow.
func twoStatements(one, two string) string {
	return strings.TrimSuffix(statement(one), "]}") + `,{"Effect":"Allow",` + two + `}]}`
}

const anything = `"Action":"kms:*","Resource":"*"`

// identityFaults are what no user, group, role or session can have.
var identityFaults = []struct{ document, want string }{
	{statement(`"Principal":"*",` + anything), "Policy document should not specify a principal."},
	{statement(`"Principal":{"AWS":[]},` + anything), "Policy document should not specify a principal."},
	{statement(`"NotPrincipal":{"AWS":"` + account + `"},` + anything), "Policy document should not specify a principal."},
	{statement(`"Sid":"two words",` + anything), "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"},
	{statement(`"Sid":"é",` + anything), "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"},
	{twoStatements(`"Sid":"a",`+anything, `"Sid":"a",`+anything), "Statement IDs (SID) in a single policy must be unique."},
	{twoStatements(`"Sid":"a",`+anything, `"Sid":"a"`), "Statement IDs (SID) in a single policy must be unique."},
	{statement(`"Resource":"*"`), "Policy statement must contain actions."},
	{statement(`"Sid":"a"`), "Policy statement must contain actions."},
	{statement(`"Action":[],"Resource":"*"`), "Policy statement must contain actions."},
	{statement(`"NotAction":[],"Resource":"*"`), "Policy statement must contain actions."},
	{statement(`"Action":"kms:*"`), "Policy statement must contain resources."},
	{statement(`"Action":"nonsense"`), "Policy statement must contain resources."},
	{statement(`"Action":"kms:*","Resource":[]`), "Policy statement must contain resources."},
	{statement(`"Action":"kms:*","NotResource":[]`), "Policy statement must contain resources."},
	{statement(`"Action":"Decrypt","Resource":"*"`), "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."},
	{statement(`"NotAction":["kms:*",""],"Resource":"*"`), "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."},
	{statement(`"Action":"kms:key:Decrypt","Resource":"*"`), "Actions/Condition can contain only one colon."},
	{statement(`"Action":"k ms:Decrypt","Resource":"*"`), "Vendor k ms is not valid"},
	{statement(`"Action":"k*:Decrypt","Resource":"*"`), "Vendor k* is not valid"},
	{statement(`"Action":"kms:Decrypt ","Resource":"*"`), "Action kms:Decrypt  is not valid"},
	{statement(`"Action":"kms:Revo\u212AeGrant","Resource":"*"`), "Action kms:Revo\u212AeGrant is not valid"},
	{statement(`"Action":" kms:Decrypt","Resource":"*"`), "Vendor  kms is not valid"},
	{statement(`"NotAction":["kms:*","kms:Generate Mac"],"Resource":"*"`), "Action kms:Generate Mac is not valid"},
	{statement(`"Action":":Decrypt","Resource":"*"`), "Vendor  is not valid"},
	{statement(`"Action":"kms:*","Resource":""`), `Resource  must be in ARN format or "*".`},
	{statement(`"Action":"kms:*","Resource":["*","1234abcd-12ab-34cd-56ef-1234567890ab"]`), `Resource 1234abcd-12ab-34cd-56ef-1234567890ab must be in ARN format or "*".`},
	{statement(`"Action":"kms:*","NotResource":"alias/a"`), `Resource alias/a must be in ARN format or "*".`},
	{statement(`"Action":"kms:*","Resource":"arn:aws-cn:kms:*:*:key/*"`), `Partition "aws-cn" is not valid for resource "arn:aws-cn:kms:*:*:key/*".`},
	{statement(`"Action":"kms:*","Resource":"arn:*:kms:*:*:key/*"`), `Partition "*" is not valid for resource "arn:*:kms:*:*:key/*".`},
	{statement(`"Action":"kms:*","Resource":"aws:kms"`), `Partition "kms" is not valid for resource "arn:kms:*:*:*:*".`},
	{statement(`"Action":"kms:*","Resource":"a:b:c:d:e:f:g:h"`), `Partition "b" is not valid for resource "arn:b:c:d:e:f:g:h".`},
	{statement(`"Action":"kms:*","Resource":"arn:aws"`), "Resource vendor must be fully qualified and cannot contain regexes."},
	{statement(`"Action":"kms:*","Resource":"arn:aws:*:*:*:key/*"`), "Resource vendor must be fully qualified and cannot contain regexes."},
	{statement(`"Action":"kms:*","Resource":"arn:aws:k?s:*:*:key/*"`), "Resource vendor must be fully qualified and cannot contain regexes."},
	{statement(`"Action":"kms:*","Resource":"arn:aws:kms::key/x"`), "The policy failed legacy parsing"},
	{statement(`"Action":"kms:*","Resource":"arn:aws::eu-west-1:111122223333:key/x"`), "The policy failed legacy parsing"},
	{statement(`"Resource":"arn:aws:kms::key/x"`), "The policy failed legacy parsing"},
	{statement(`"Action":"iam:*","Resource":"arn:aws:iam:eu-west-1:111122223333:user/a"`), "IAM resource arn:aws:iam:eu-west-1:111122223333:user/a cannot contain region information."},
	{statement(`"Action":"iam:*","Resource":"arn:aws:iam::111122223333:alice"`), `IAM resource path must either be "*" or start with user/, federated-user/, role/, group/, instance-profile/, mfa/, server-certificate/, policy/, sms-mfa/, saml-provider/, oidc-provider/, report/, access-report/.`},
	{statement(`"Action":"s3:*","Resource":"arn:aws:s3:eu-west-1::bucket"`), "Resource arn:aws:s3:eu-west-1::bucket can not contain region information."},
}

// identityPolicies are what they can have.
var identityPolicies = []string{
	statement(anything),
	statement(`"Sid":"Use0",` + anything),
	twoStatements(`"Sid":"",`+anything, `"Sid":"",`+anything),
	twoStatements(`"Sid":"a",`+anything, `"Sid":"A",`+anything),
	statement(`"Action":"*","Resource":"*"`),
	statement(`"Action":["*:*","kms:","KMS:?e*rypt","execute-api:Invoke","s3.x:List"],"Resource":["*","arn:aws:kms:*:*:key/*"]`),
	statement(`"NotAction":"iam:*","NotResource":"arn:aws:kms:eu-west-1:111122223333:alias/a"`),
	statement(`"Action":"kms:*","Resource":["arn:aws:kms","arn:aws:kms:*","arn:aws:kms:eu-west-1:*"]`),
	statement(`"Action":"kms:*","Resource":"arn:aws:kms:eu-west-?:111122223333:key/${aws:PrincipalTag/key}"`),
	statement(`"Action":"iam:*","Resource":["arn:aws:iam::111122223333:user/${aws:username}","arn:aws:iam::*:*","arn:aws:iam::111122223333:root","arn:aws:iam:::role/a"]`),
	statement(`"Action":"s3:*","Resource":"arn:aws:s3:::bucket/*"`),
	statement(`"Action":"x:y","Resource":"arn:aws:unknown:::a:b:c"`),
}

func TestCheckIdentityPolicy(t *testing.T) {
	t.Parallel()
	for _, test := range identityFaults {
		for name, check := range map[string]func(*policy.Document, string) error{"identity": policy.CheckIdentityPolicy, "managed": policy.CheckManagedPolicy} {
			if got := verdict(t, check, test.document); got != test.want {
				t.Errorf("%s: %s:\n got %q\nwant %q", name, test.document, got, test.want)
			}
		}
	}
	const version = "Policy document must be version 2012-10-17 or greater."
	for _, document := range identityPolicies {
		for begin, managed := range map[string]string{`{`: version, `{"Version":"2008-10-17",`: version, `{"Version":"2012-10-17","Id":"any id",`: ""} {
			document := begin + strings.TrimPrefix(document, `{"Version":"2012-10-17",`)
			if got := verdict(t, policy.CheckIdentityPolicy, document); got != "" {
				t.Errorf("%s: %s", document, got)
			}
			if got := verdict(t, policy.CheckManagedPolicy, document); got != managed {
				t.Errorf("%s as a managed policy: %q", document, got)
			}
		}
	}
}

// TestCheckEndpointPolicy: as an identity's policy, with the principals of a
// key policy and any Sid.
func TestCheckEndpointPolicy(t *testing.T) {
	t.Parallel()
	const to = `"Principal":{"AWS":"` + root + `"},`
	for _, test := range identityFaults {
		want := test.want
		switch {
		case strings.Contains(want, "alpha-numeric"):
			want = ""
		case strings.Contains(test.document, "rincipal"):
			continue
		}
		document := strings.ReplaceAll(test.document, `"Effect":"Allow",`, `"Effect":"Allow",`+to)
		if got := verdict(t, policy.CheckEndpointPolicy, document); got != want {
			t.Errorf("%s:\n got %q\nwant %q", document, got, want)
		}
	}
	for _, document := range identityPolicies {
		if got := verdict(t, policy.CheckEndpointPolicy, document); got != noPrincip {
			t.Errorf("%s: %q", document, got)
		}
		document = strings.ReplaceAll(document, `"Effect":"Allow",`, `"Effect":"Allow",`+to)
		if got := verdict(t, policy.CheckEndpointPolicy, document); got != "" {
			t.Errorf("%s: %q", document, got)
		}
	}
	for principals, want := range map[string]string{
		`"Principal":"*",`: "", `"Principal":{"Service":"logs.amazonaws.com"},`: "",
		`"Principal":{},`: noPrincip, `"Principal":{"AWS":"alice"},`: badPrincip,
		`"NotPrincipal":{"AWS":"` + account + `"},`: "NotPrincipal cannot be used with the effect Allow",
	} {
		if got := verdict(t, policy.CheckEndpointPolicy, statement(principals+anything)); got != want {
			t.Errorf("%s: %q", principals, got)
		}
	}
	if got := verdict(t, policy.CheckEndpointPolicy, `{"Statement":{"Effect":"Deny","NotPrincipal":{"AWS":"`+account+`"},`+anything+`}}`); got != "" {
		t.Error(got)
	}
}

func TestCheckTrustPolicy(t *testing.T) {
	t.Parallel()
	const (
		to     = `"Principal":{"AWS":"` + root + `"},`
		assume = `"Action":"sts:AssumeRole"`
		other  = "AssumeRole policy may only specify STS AssumeRole actions."
		nobody = "Invalid principal in policy: com.amazon.balsa.error.InvalidPolicyException: The passed in policy has a statement with no principals!"
	)
	trusts := func(principal string) string { return statement(`"Principal":{` + principal + `},` + assume) }
	for _, test := range []struct{ document, want string }{
		{statement(to + assume), ""},
		{statement(`"Sid":"",` + to + assume + `,"Condition":{"StringEquals":{"sts:ExternalId":"7"}}`), ""},
		{statement(to + `"Action":["sts:AssumeRole","STS:TagSession","sts:SetSourceIdentity","sts:*","sts:AssumeRoleWith*"]`), ""},
		{trusts(`"AWS":"*"`), ""},
		{trusts(`"AWS":["` + account + `","arn:aws:sts::111122223333:assumed-role/a/b"],"Service":"ec2.amazonaws.com"`), ""},
		{trusts(`"Federated":["accounts.google.com","arn:aws:iam::111122223333:saml-provider/x"]`), ""},
		{twoStatements(`"Sid":"a",`+to+assume, `"Sid":"b",`+to+assume), ""},

		{statement(to + assume + `,"Resource":"*"`), "Has prohibited field Resource"},
		{statement(to + assume + `,"Resource":[]`), "Has prohibited field Resource"},
		{statement(to + assume + `,"NotResource":"*"`), "Has prohibited field NotResource"},
		{statement(`"NotPrincipal":{"AWS":"` + account + `"},` + assume), "Has prohibited field NotPrincipal"},
		{statement(assume), nobody},
		{trusts(``), nobody},
		{trusts(`"AWS":[]`), nobody},
		{statement(`"Principal":"*",` + assume), `AssumeRolepolicy contained an invalid principal: "STAR":"*".`},
		{trusts(`"AWS":"arn:aws:iam::111122223333:group/exampleGroup"`), `Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:group/exampleGroup"`},
		{trusts(`"AWS":"arn:aws:iam::12345678910:role/Orchestration_Role"`), `Invalid principal in policy: "AWS":"arn:aws:iam::12345678910:role/Orchestration_Role"`},
		{trusts(`"Service":"ec2"`), `Invalid principal in policy: "SERVICE":"ec2"`},
		{trusts(`"Federated":"google"`), `Invalid principal in policy: "FEDERATED":"google"`},
		{trusts(`"CanonicalUser":"79a5"`), `Invalid principal in policy: "CANONICAL_USER":"79a5"`},
		{statement(to + `"Action":"sts:GetCallerIdentity"`), other},
		{statement(to + `"Action":["sts:AssumeRole","sts:TagSessions"]`), other},
		{statement(to + `"Action":"kms:Decrypt"`), other},
		{statement(to + `"Action":"*"`), other},
		{statement(to + `"NotAction":"sts:AssumeRole"`), other},
		{statement(to + `"NotAction":[]`), other},
		{statement(to + `"Action":[]`), "Policy statement must contain actions."},
		{statement(`"Principal":{"AWS":"` + account + `"}`), "Policy statement must contain actions."},
		{statement(`"Sid":"a b",` + to + assume), "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"},
		{twoStatements(`"Sid":"a",`+to+assume, `"Sid":"a",`+to+assume), "Statement IDs (SID) in a single policy must be unique."},
	} {
		if got := verdict(t, policy.CheckTrustPolicy, test.document); got != test.want {
			t.Errorf("%s:\n got %q\nwant %q", test.document, got, test.want)
		}
	}
}

// TestLength: IAM counts characters, and no white space.
func TestLength(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{"": 0, " \t\r\n": 0, `{ "a" : "b c" }`: 10, "é x": 2} {
		if got := policy.Length(text); got != want {
			t.Errorf("%q: %d", text, got)
		}
	}
}

// TestBadInput: documents of 32 KB that are made to cost are refused in words,
// whatever kind of policy they would be.
func TestBadInput(t *testing.T) {
	t.Parallel()
	const size = 32 << 10
	const noJSON = "This policy contains invalid Json: "
	to := `"Principal":{"AWS":"` + root + `"},`
	for name, test := range map[string]struct{ document, want string }{
		"lists":                         {strings.Repeat("[", size), noJSON},
		"objects":                       {strings.Repeat(`{"Statement":`, size/13), "Syntax error: a statement has no element Statement"},
		"lists in Action":               {statement(to + `"Action":` + strings.Repeat("[", 10000) + strings.Repeat("]", 10000)), noJSON},
		"nested Condition":              {statement(to + anything + `,"Condition":` + strings.Repeat(`{"StringEquals":`, 1000) + `{}` + strings.Repeat("}", 1000)), noJSON},
		"one pattern of wildcards":      {statement(to + `"Action":"kms:` + strings.Repeat("*a", 10000) + `","Resource":"*"`), "The policy has more than 4096 wildcards"},
		"many patterns":                 {statement(to + `"Action":["kms:*"` + strings.Repeat(`,"a?"`, 5000) + `],"Resource":"*"`), "The policy has more than 4096 wildcards"},
		"escaped wildcards":             {statement(to + `"Action":"kms:` + strings.Repeat(`\u002a`, 5000) + `","Resource":"*"`), "The policy has more than 4096 wildcards"},
		"wildcards in a condition":      {statement(to + anything + `,"Condition":{"StringLike":{"aws:a":["` + strings.Repeat("?", 10000) + `"]}}`), "The policy has more than 4096 wildcards"},
		"invalid UTF-8":                 {statement(to + anything + `,"Sid":"` + "\xff" + `"`), noJSON},
		"a lone surrogate":              {statement(to + anything + `,"Sid":"\ud800"`), noJSON},
		"duplicate elements":            {statement(to + anything + `,"Action":"kms:Decrypt"`), noJSON + "duplicate member"},
		"duplicate condition keys":      {statement(to + anything + `,"Condition":{"Bool":{"aws:a":"true","aws:a":"false"}}`), noJSON + "duplicate member"},
		"an unknown element":            {statement(to + anything + `,"Conditions":{}`), "Syntax error: a statement has no element Conditions"},
		"an unknown element at the top": {`{"Rules":[],"Statement":[]}`, "Syntax error: a policy has no element Rules"},
		"a long unknown element":        {statement(to + anything + `,"` + strings.Repeat("x", size) + `":1`), "Syntax error: a statement has no element " + strings.Repeat("x", 128) + "…"},
	} {
		if d, err := policy.Parse(test.document); d != nil || err == nil || !strings.HasPrefix(strings.TrimPrefix(err.Error(), "policy: "), test.want) {
			t.Errorf("%s: got %v, want %q", name, err, test.want)
		}
	}
	// As many as are permitted are.
	most := statement(to + `"Action":"kms:` + strings.Repeat("*a", policy.MaxWildcards-1) + `","Resource":"*"`)
	if got := verdict(t, policy.CheckKeyPolicy, most); got != "" {
		t.Error(got)
	}
}

// FuzzChecks: whatever was parsed, each check has a verdict on it that its
// canonical form has too, in a text that is not empty and that no input makes
// long; what each kind can never have is refused.
func FuzzChecks(f *testing.F) {
	for _, test := range identityFaults {
		f.Add(test.document)
	}
	for _, document := range identityPolicies {
		f.Add(document)
	}
	f.Fuzz(func(t *testing.T, text string) {
		d, err := policy.Parse(text)
		if err != nil {
			return
		}
		canonical := string(d.AppendJSON(nil))
		got := map[string]string{}
		for name, check := range map[string]func(*policy.Document, string) error{
			"key": policy.CheckKeyPolicy, "identity": policy.CheckIdentityPolicy, "managed": policy.CheckManagedPolicy,
			"trust": policy.CheckTrustPolicy, "endpoint": policy.CheckEndpointPolicy,
		} {
			got[name] = verdict(t, check, text)
			if again := verdict(t, check, canonical); got[name] != again || len(got[name]) > 2048 {
				t.Fatalf("%s: %q: %q, then %q", name, text, got[name], again)
			}
		}
		for i := range d.Statements {
			s := &d.Statements[i]
			principals := s.Principal != nil || s.NotPrincipal != nil
			resources := s.Resource != nil || s.NotResource != nil
			if principals && (got["identity"] == "" || got["managed"] == "") || !principals && (got["key"] == "" || got["trust"] == "" || got["endpoint"] == "") ||
				resources && got["trust"] == "" || !resources && (got["key"] == "" || got["identity"] == "" || got["endpoint"] == "") {
				t.Fatalf("%q: %v", text, got)
			}
		}
	})
}
