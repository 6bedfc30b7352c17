package policy_test

import (
	"testing"

	"trent/internal/policy"
)

const (
	keyARN = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	alice  = "arn:aws:iam::111122223333:user/team/alice"
)

// keys are the condition keys of a request: a string, a []string, or absent.
type keys map[string]any

func (k keys) Values(name string) policy.Values {
	switch v := k[name].(type) {
	case string:
		return policy.Values{Present: true, One: v}
	case []string:
		return policy.Values{Present: true, Multi: true, Set: v}
	}
	return policy.Values{}
}

// compile parses and compiles a document.
func compile(t testing.TB, document string, bound policy.Bound) *policy.Policy {
	t.Helper()
	d, err := policy.Parse(document)
	if err != nil {
		t.Fatalf("%s: %v", document, err)
	}
	return policy.Compile(d, bound)
}

// statements is a document of the version 2012-10-17.
func statements(all string) string {
	return `{"Version":"2012-10-17","Statement":[` + all + `]}`
}

// decision of a policy: "allow", "deny", or "" for neither.
func decision(o policy.Outcome) string {
	switch {
	case o.Exhausted:
		return "exhausted"
	case o.Deny != nil:
		return "deny"
	case o.Allow != nil:
		return "allow"
	}
	return ""
}

// TestActions: which actions a list covers. What Action covers NotAction does
// not, and the other way round.
func TestActions(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		list, action string
		covers       bool
	}{
		{`"*"`, "kms:Encrypt", true},
		{`"kms:*"`, "kms:Encrypt", true},
		{`"KMS:*"`, "kms:Encrypt", true},
		{`"kms:encrypt"`, "kms:Encrypt", true},
		{`"kms:ENCRYPT"`, "kms:Encrypt", true},
		{`"kms:Encrypt"`, "KMS:encrypt", true},
		{`"kms:Encrypt"`, "kms:Encrypts", false},
		{`"kms:Encrypts"`, "kms:Encrypt", false},
		{`"kms:Encrypt*"`, "kms:Encrypt", true},
		{`"kms:Encrypt?"`, "kms:Encrypt", false},
		{`"kms:Encryp?"`, "kms:Encrypt", true},
		{`"kms:GENERATE*pair"`, "kms:GenerateDataKeyPair", true},
		{`"kms:GenerateDataKey*"`, "kms:GenerateDataKeyPair", true},
		{`"kms:GenerateDataKey"`, "kms:GenerateDataKeyPair", false},
		{`"*:Encrypt"`, "kms:Encrypt", true},
		{`"kms*"`, "kms:Encrypt", true},
		{`"km:*"`, "kms:Encrypt", false},
		{`"s3:*"`, "kms:Encrypt", false},
		{`["s3:*","kms:Decrypt","kms:Encrypt"]`, "kms:Encrypt", true},
		{`["s3:*","kms:Decrypt"]`, "kms:Encrypt", false},
		{`"\u212Ams:*"`, "kms:Encrypt", false}, // the Kelvin sign, whose lower case is k
		{`"${*}"`, "kms:Encrypt", false},       // actions have no variables
	} {
		for element, covers := range map[string]bool{"Action": test.covers, "NotAction": !test.covers} {
			p := compile(t, statements(`{"Effect":"Allow","`+element+`":`+test.list+`,"Resource":"*"}`), nil)
			got := p.Evaluate(&policy.Request{Action: test.action})
			if (got.Allow != nil) != covers || got.Deny != nil || got.Exhausted {
				t.Errorf("%s %s, %s: %q", element, test.list, test.action, decision(got))
			}
		}
	}
}

// TestResources: which resources a list covers, and with NotResource does not.
func TestResources(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		list, resource string
		covers         bool
	}{
		{`"*"`, keyARN, true},
		{`"*"`, "", true},
		{`"**"`, "", true},
		{`"?*"`, "", false},
		{`"arn:*"`, "", false},
		{`"` + keyARN + `"`, "", false},
		{`"` + keyARN + `"`, keyARN, true},
		{`"arn:aws:kms:us-east-1:111122223333:key/1234ABCD-12ab-34cd-56ef-1234567890ab"`, keyARN, false},
		{`"arn:aws:kms:us-east-1:111122223333:key/*"`, keyARN, true},
		{`"arn:aws:kms:us-east-1:111122223333:alias/*"`, keyARN, false},
		{`"arn:aws:kms:*:111122223333:key/*"`, keyARN, true},
		{`"arn:aws:kms:*:*:*"`, keyARN, true},
		{`"arn:aws:kms:us-*-1:111122223333:key/*"`, keyARN, true},
		{`"arn:aws:kms:us-?ast-1:111122223333:key/*"`, keyARN, true},
		{`"arn:aws:kms:us-east-?:111122223333:key/*"`, keyARN, true},
		{`"arn:*:kms:us-east-1:111122223333:key/*"`, keyARN, true},
		{`"arn:aws:kms:us-east-1:111122223333:key/1234abcd-????-*-1234567890ab"`, keyARN, true},
		// A * that ends a part matches beyond the colon, another does not, a ? never.
		{`"arn:aws:kms:us-*:key/*"`, "arn:aws:kms:us-east-1:111122223333:key/a:b", true},
		{`"arn:aws:kms:us-*t:111122223333:key/*"`, "arn:aws:kms:us-east-1:t:111122223333:key/a", false},
		{`"arn:aws:kms:*"`, keyARN, true},
		{`"arn:aws:*"`, keyARN, true},
		{`"arn:aws:k*-1:111122223333:key/*"`, keyARN, false},
		{`"arn:aws:kms:us-*:111122223333:key/*"`, "arn:aws:kms:us-east-1:x:111122223333:key/a", true},
		{`"arn:aws:kms?us-east-1:111122223333:key/*"`, keyARN, false},
		{`"arn:aws:kms:*1:111122223333:key/*"`, keyARN, true},
		{`"arn:aws:kms:*3:key/*"`, keyARN, false},
		// Behind the fifth colon there are no parts.
		{`"arn:aws:kms:us-east-1:111122223333:alias/*b"`, "arn:aws:kms:us-east-1:111122223333:alias/a:b", true},
		{`"arn:aws:kms:us-east-1:111122223333:alias/a?b"`, "arn:aws:kms:us-east-1:111122223333:alias/a:b", true},
		// What an ARN lacks may be anything.
		{`"arn:aws:kms:us-east-1"`, keyARN, true},
		{`"arn:aws:kms"`, keyARN, true},
		{`"arn:aws:s3"`, keyARN, false},
		{`"kms"`, keyARN, false},
		{`"arn:aws:kms:*:key/*"`, keyARN, false}, // the sixth part is missing: with it, there is a colon more
		{`["arn:aws:s3:::b","` + keyARN + `"]`, keyARN, true},
		{`["arn:aws:s3:::b","arn:aws:s3:::c"]`, keyARN, false},
	} {
		for element, covers := range map[string]bool{"Resource": test.covers, "NotResource": !test.covers} {
			p := compile(t, statements(`{"Effect":"Deny","Action":"*","`+element+`":`+test.list+`}`), nil)
			got := p.Evaluate(&policy.Request{Action: "kms:Encrypt", Resource: test.resource})
			if (got.Deny != nil) != covers || got.Allow != nil || got.Exhausted {
				t.Errorf("%s %s, %s: %q", element, test.list, test.resource, decision(got))
			}
		}
	}
}

// TestOutcomes: which of several statements decides.
func TestOutcomes(t *testing.T) {
	t.Parallel()
	const rest = `"Action":"*","Resource":"*"}`
	const (
		allowAll     = `{"Sid":"all","Effect":"Allow","Principal":"*",` + rest
		allowAccount = `{"Sid":"account","Effect":"Allow","Principal":{"AWS":"111122223333"},` + rest
		allowSelf    = `{"Sid":"self","Effect":"Allow","Principal":{"AWS":"` + alice + `"},` + rest
		allowSelf2   = `{"Sid":"self2","Effect":"Allow","Principal":{"AWS":"` + alice + `"},` + rest
		denyBob      = `{"Sid":"bob","Effect":"Deny","Principal":{"AWS":"444455556666"},` + rest
		denyAccount  = `{"Sid":"no","Effect":"Deny","Principal":{"AWS":"111122223333"},` + rest
		denyAll      = `{"Sid":"none","Effect":"Deny","Principal":"*",` + rest
		allowNobody  = `{"Sid":"nobody","Effect":"Allow",` + rest
		denyNobody   = `{"Sid":"nobody","Effect":"Deny",` + rest
		noAction     = `{"Sid":"noaction","Effect":"Allow","Principal":"*","Resource":"*"}`
		emptyAction  = `{"Sid":"noaction","Effect":"Allow","Principal":"*","Action":[],"Resource":"*"}`
		emptyNot     = `{"Sid":"noaction","Effect":"Allow","Principal":"*","NotAction":[],"Resource":"*"}`
		noResource   = `{"Sid":"noresource","Effect":"Allow","Principal":"*","Action":"*"}`
		emptyRes     = `{"Sid":"noresource","Effect":"Allow","Principal":"*","Action":"*","Resource":[]}`
		emptyNotRes  = `{"Sid":"noresource","Effect":"Allow","Principal":"*","Action":"*","NotResource":[]}`
	)
	for _, test := range []struct {
		all                string
		identity, resource string
		via                policy.Via
	}{
		{allowAccount, "account", "account", policy.ViaAccount},
		{allowAccount + "," + allowAll, "account", "all", policy.ViaBounded},
		{allowAll + "," + allowAccount, "all", "all", policy.ViaBounded},
		{allowAll + "," + allowSelf + "," + allowSelf2 + "," + allowAccount, "all", "self", policy.ViaSelf},
		{allowSelf2 + "," + allowSelf, "self2", "self2", policy.ViaSelf},
		{allowSelf + "," + denyBob, "bob", "self", policy.ViaSelf},
		{denyBob + "," + allowSelf + "," + denyAll + "," + denyAccount, "bob", "none", policy.ViaNothing},
		{denyAccount + "," + denyAll, "no", "no", policy.ViaNothing},
		{allowNobody, "nobody", "", policy.ViaNothing},
		{denyNobody + "," + allowSelf, "nobody", "self", policy.ViaSelf},
		{noAction, "", "", policy.ViaNothing},
		{emptyAction, "", "", policy.ViaNothing},
		{emptyNot, "", "", policy.ViaNothing},
		{noResource, "", "noresource", policy.ViaBounded},
		{emptyRes, "", "", policy.ViaNothing},
		{emptyNotRes, "", "", policy.ViaNothing},
	} {
		p := compile(t, statements(test.all), nil)
		r := &policy.Request{Action: "kms:Encrypt", Resource: keyARN, Principal: theUser}
		if got := p.Evaluate(r); sid(got) != test.identity || got.Allow != nil && got.Via != policy.ViaSelf {
			t.Errorf("%s: %q decides, via %d", test.all, sid(got), got.Via)
		}
		if got := p.EvaluateResource(r); sid(got) != test.resource || got.Via != test.via {
			t.Errorf("%s, as a resource-based policy: %q decides, via %d", test.all, sid(got), got.Via)
		}
	}
}

// sid is that of the statement that decided.
func sid(o policy.Outcome) string {
	switch {
	case o.Deny != nil && o.Allow == nil:
		return o.Deny.SID
	case o.Allow != nil && o.Deny == nil:
		return o.Allow.SID
	}
	return ""
}
