package explain_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"trent/internal/authz"
	"trent/internal/explain"
	"trent/internal/identity"
	"trent/internal/key"
	"trent/internal/policy"
)

const (
	account = "111122223333"
	other   = "444455556666"
	iamARN  = "arn:aws:iam::" + account + ":"
)

func compile(t testing.TB, text string) *policy.Policy {
	t.Helper()
	d, err := policy.Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return policy.Compile(d, nil)
}

// document is a policy of these statements.
func document(statements ...string) string {
	return `{"Version":"2012-10-17","Statement":[` + strings.Join(statements, ",") + `]}`
}

// aKey has a key policy.
func aKey(t testing.TB, text string) *key.Key {
	t.Helper()
	return &key.Key{
		Partition: "aws", Region: "eu-west-1", Account: account, ID: "1234abcd-12ab-34cd-56ef-1234567890ab",
		ARN:  "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab",
		Spec: key.SymmetricDefault, Usage: key.EncryptDecrypt, Origin: key.OriginAWSKMS, State: key.Enabled, Rules: compile(t, text),
	}
}

// somebody is a principal with one identity-based policy, or none.
func somebody(t testing.TB, kind, name, text string) *identity.Caller {
	t.Helper()
	c := &identity.Caller{Account: account, PrincipalARN: iamARN + kind + "/" + name, PrincipalID: "AIDA" + name, Type: identity.TypeUser, UserName: name,
		Permissions: &identity.Permissions{ID: "AIDA" + name, Tags: map[string]string{"team": "red"}}}
	if kind == "role" {
		c.Type, c.UserName = identity.TypeRole, ""
	}
	if text != "" {
		c.Permissions.Policies = []identity.Attached{{Name: "Own", Owner: c.PrincipalARN, Policy: compile(t, text)}}
	}
	return c
}

func root() *identity.Caller {
	return &identity.Caller{Account: account, PrincipalARN: iamARN + "root", PrincipalID: account, Type: identity.TypeRoot,
		Permissions: &identity.Permissions{Root: true, ID: account}}
}

var environment = authz.Environment{Time: time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC), TLS: true, Region: "eu-west-1", Partition: "aws"}

const (
	enable   = `{"Sid":"IAM","Effect":"Allow","Principal":{"AWS":"` + account + `"},"Action":"kms:*","Resource":"*"}`
	useOfApp = `{"Sid":"App","Effect":"Allow","Principal":{"AWS":"` + iamARN + `role/App"},"Action":["kms:Encrypt","kms:Decrypt"],"Resource":"*","Condition":{"StringEquals":{"kms:EncryptionContext:dept":"hr"}}}`
	decrypt  = `{"Sid":"Mine","Effect":"Allow","Action":"kms:Decrypt","Resource":"*"}`
)

// TestExplain: the decision, the statements that made it, and what keeps the
// others from applying.
func TestExplain(t *testing.T) {
	t.Parallel()
	k := aKey(t, document(enable, useOfApp, `{"Sid":"No","Effect":"Deny","Principal":"*","Action":"kms:Decrypt","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}`))
	app, alice := somebody(t, "role", "App", ""), somebody(t, "user", "alice", document(decrypt, `{"Effect":"Allow","Action":"kms:*","Resource":"arn:aws:kms:us-east-1:*:*"}`))
	bounded := *alice
	p := *alice.Permissions
	bounded.Permissions, p.Boundary = &p, &identity.Attached{Name: "Bound", Owner: alice.PrincipalARN, Policy: compile(t, document(`{"Sid":"B","Effect":"Allow","Action":"kms:Encrypt","Resource":"*"}`))}
	stranger := somebody(t, "user", "eve", document(decrypt))
	stranger.Account, stranger.PrincipalARN = other, "arn:aws:iam::"+other+":user/eve"
	third := somebody(t, "role", "Other", "")
	for name, test := range map[string]struct {
		ask     explain.Ask
		allowed bool
		// The statements, as <policy>/<number>: "!" decides, "+" applies, else the
		// element that it misses.
		statements string
		says       string
	}{
		"root": {explain.Ask{Caller: root(), Action: "kms:Decrypt"}, true, "key policy/1! key policy/2 Principal key policy/3 Condition", `statement "IAM", allows it`},
		"a role in its context": {explain.Ask{Caller: app, Action: "kms:decrypt", Context: map[string]string{"dept": "hr"}}, true,
			"key policy/1+ key policy/2! key policy/3 Condition", `statement "App", allows it, and no other`},
		"a role in another": {explain.Ask{Caller: app, Action: "kms:Decrypt", Context: map[string]string{"dept": "it"}}, false,
			"key policy/1+ key policy/2 Condition key policy/3 Condition", "no policy of his allows it"},
		"through the account": {explain.Ask{Caller: alice, Action: "kms:Decrypt"}, true,
			"key policy/1! key policy/2 Principal key policy/3 Condition Own/1! Own/2 Resource", `leaves it to his account, and the identity-based policy Own of user/alice, statement "Mine", allows it`},
		"another action": {explain.Ask{Caller: alice, Action: "kms:Encrypt"}, false,
			"key policy/1+ key policy/2 Principal key policy/3 Action Own/1 Action Own/2 Resource", "no policy of his allows it"},
		"denied": {explain.Ask{Caller: alice, Action: "kms:Decrypt", Conditions: map[string][]string{"aws:SecureTransport": {"false"}}}, false,
			"key policy/1+ key policy/2 Principal key policy/3! Own/1+ Own/2 Resource", `statement "No", denies it`},
		"bounded": {explain.Ask{Caller: &bounded, Action: "kms:Decrypt"}, false,
			"key policy/1+ key policy/2 Principal key policy/3 Condition Own/1+ Own/2 Resource Bound/1 Action", "permissions boundary does not allow it"},
		"a stranger": {explain.Ask{Caller: stranger, Action: "kms:Decrypt"}, false,
			"key policy/1 Principal key policy/2 Principal key policy/3 Condition Own/1+", "Neither the key policy nor a grant"},
		"what works in the own account only": {explain.Ask{Caller: stranger, Action: "kms:PutKeyPolicy"}, false,
			"key policy/1 Principal key policy/2 Action key policy/3 Action Own/1 Action", "Neither the key policy nor a grant"},
		"another's, asked for himself": {explain.Ask{Caller: third, Action: "kms:Decrypt", Context: map[string]string{"dept": "hr"}}, false,
			"key policy/1+ key policy/2 Principal key policy/3 Condition", "no policy of his allows it"},
	} {
		test.ask.Key, test.ask.Environment = k, environment
		r, err := test.ask.Request()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		a := explain.Of(r, r.Decide())
		if got := outline(a); a.Allowed != test.allowed || got != test.statements || !strings.Contains(a.Reason, test.says) {
			t.Errorf("%s:\n got %v, %s\nwant %v, %s\n%s", name, a.Allowed, got, test.allowed, test.statements, a.Reason)
		}
		if refused := strings.HasPrefix(a.Message, "User: "); refused == a.Allowed {
			t.Errorf("%s: message %q", name, a.Message)
		}
	}
}

// outline is an answer's statements in a line.
func outline(a explain.Answer) string {
	var all []string
	for _, p := range a.Policies {
		name := p.Kind
		if p.Name != "" {
			name = p.Name
		}
		for _, s := range p.Statements {
			mark := " " + s.Misses
			switch {
			case s.Decides:
				mark = "!"
			case s.Applies:
				mark = "+"
			}
			all = append(all, fmt.Sprintf("%s/%d%s", name, s.Number, mark))
		}
	}
	return strings.Join(all, " ")
}

// TestUnmetConditions: an operator sees what the request has, and what was
// asked for.
func TestUnmetConditions(t *testing.T) {
	t.Parallel()
	for condition, test := range map[string]struct {
		context map[string]string
		want    string
	}{
		`"StringEquals":{"kms:EncryptionContext:dept":["hr","it"]}`:           {map[string]string{"dept": "law"}, "kms:EncryptionContext:dept StringEquals hr, it does not hold: the request has law"},
		`"ForAnyValue:StringLikeIfExists":{"kms:EncryptionContextKeys":"a*"}`: {map[string]string{"dept": "law"}, "kms:EncryptionContextKeys ForAnyValue:StringLikeIfExists a* does not hold: the request has dept"},
		`"StringEquals":{"kms:EncryptionContext:dept":"hr"}`:                  {nil, "the request has no such key"},
		`"DateLessThan":{"aws:CurrentTime":"2026-01-01T00:00:00Z"}`:           {nil, "the request has 2026-11-23T00:00:00Z"},
		`"StringEquals":{"aws:PrincipalTag/team":"${aws:RequestedRegion}"}`:   {nil, "the request has red"},
	} {
		k := aKey(t, document(`{"Effect":"Allow","Principal":"*","Action":"kms:Decrypt","Resource":"*","Condition":{`+condition+`}}`))
		r, err := (&explain.Ask{Caller: somebody(t, "user", "alice", ""), Action: "kms:Decrypt", Key: k, Context: test.context, Environment: environment}).Request()
		if err != nil {
			t.Fatal(err)
		}
		if s := explain.Of(r, r.Decide()).Policies[0].Statements[0]; s.Applies || !strings.Contains(s.Why, test.want) {
			t.Errorf("%s: %q", condition, s.Why)
		}
	}
}

// TestNoQuestion: what cannot be asked.
func TestNoQuestion(t *testing.T) {
	t.Parallel()
	k := aKey(t, policy.Default("aws", account))
	for _, test := range []struct {
		ask  explain.Ask
		want string
	}{
		{explain.Ask{Action: "Decrypt", Key: k}, "no action of AWS KMS"},
		{explain.Ask{Action: "kms:ReEncrypt", Key: k}, "kms:ReEncryptFrom"},
		{explain.Ask{Action: "kms:Decrypt"}, "say which"},
		{explain.Ask{Action: "kms:CreateKey", Key: k}, "without a key"},
		{explain.Ask{Action: "kms:Sign", Key: k, Context: map[string]string{"a": "b"}}, "no encryption context"},
		{explain.Ask{Action: "kms:Decrypt", Key: k, Conditions: map[string][]string{"kms:Caller": {"x"}}}, "no condition key"},
		{explain.Ask{Action: "kms:Decrypt", Key: k, Conditions: map[string][]string{"aws:SourceIp": {"192.0.2.1", "192.0.2.2"}}}, "one value"},
	} {
		test.ask.Caller = root()
		_, err := test.ask.Request()
		if e, ok := errors.AsType[*explain.Error](err); !ok || !strings.Contains(e.Text, test.want) {
			t.Errorf("%+v: %v", test.ask, err)
		}
	}
	if _, err := (&explain.Ask{Caller: root(), Action: "kms:ListKeys", Environment: environment}).Request(); err != nil {
		t.Error(err)
	}
}

// TestWithoutKey: actions that name no key are for identity-based policies alone.
func TestWithoutKey(t *testing.T) {
	t.Parallel()
	maker := somebody(t, "user", "maker", document(`{"Effect":"Allow","Action":"kms:CreateKey","Resource":"*"}`))
	bound := somebody(t, "user", "bound", document(`{"Effect":"Allow","Action":"kms:CreateKey","Resource":"arn:aws:kms:*:*:key/*"}`))
	for _, test := range []struct {
		who     *identity.Caller
		allowed bool
		says    string
	}{
		{root(), true, "root user needs no policy"}, {maker, true, "The identity-based policy Own of user/maker, a statement without Sid, allows it."}, {bound, false, "No policy of his allows it."},
	} {
		r, err := (&explain.Ask{Caller: test.who, Action: "kms:CreateKey", Environment: environment}).Request()
		if err != nil {
			t.Fatal(err)
		}
		a := explain.Of(r, r.Decide())
		if a.Allowed != test.allowed || !strings.Contains(a.Reason, test.says) || a.Key != "" {
			t.Errorf("%s: %v, %s", test.who.PrincipalARN, a.Allowed, a.Reason)
		}
		if !test.allowed && test.who == bound && !strings.Contains(a.Policies[0].Statements[0].Why, "has none") {
			t.Errorf("%+v", a.Policies)
		}
	}
}

// TestAcrossAccounts: what the key policy gives to another account, and an
// operation that does not work across accounts.
func TestAcrossAccounts(t *testing.T) {
	t.Parallel()
	k := aKey(t, document(enable, `{"Sid":"Far","Effect":"Allow","Principal":{"AWS":"`+other+`"},"Action":"kms:*","Resource":"*"}`))
	far := somebody(t, "user", "eve", document(`{"Effect":"Allow","Action":"kms:*","Resource":"*"}`))
	far.Account, far.PrincipalARN = other, "arn:aws:iam::"+other+":user/eve"
	for action, says := range map[string]string{"kms:Decrypt": `statement "Far", leaves it to his account`, "kms:PutKeyPolicy": "does not work on another account's key"} {
		r, err := (&explain.Ask{Caller: far, Action: action, Key: k, Environment: environment}).Request()
		if err != nil {
			t.Fatal(err)
		}
		if a := explain.Of(r, r.Decide()); !strings.Contains(a.Reason, says) || a.Allowed != (action == "kms:Decrypt") {
			t.Errorf("%s: %v, %s", action, a.Allowed, a.Reason)
		}
	}
}
