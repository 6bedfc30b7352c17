package explain_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"trent/internal/explain"
	"trent/internal/identity"
)

// summary is a holder's access in a line.
func summary(h explain.Holder) string {
	var all []string
	for _, a := range h.Access {
		actions := strings.ReplaceAll(strings.Join(a.Actions, " "), "kms:", "")
		if a.All {
			actions = "everything"
		}
		text := actions + " by " + strings.Join(a.Through, " + ")
		if len(a.If) > 0 {
			text += " if " + strings.Join(a.If, "; ")
		}
		all = append(all, text)
	}
	return strings.Join(all, " | ")
}

// TestWho: what each principal may do, through what, and under which conditions.
func TestWho(t *testing.T) {
	t.Parallel()
	const iam, app, own = `key policy "IAM"`, `key policy "App"`, `Own of `
	noPut := `{"Sid":"Guard","Effect":"Deny","Principal":"*","Action":["kms:PutKeyPolicy"],"Resource":"*","Condition":{"NotIpAddress":{"aws:SourceIp":"192.0.2.0/24"}}}`
	k := aKey(t, document(enable, useOfApp, noPut))
	for name, test := range map[string]struct {
		who    *identity.Caller
		action string
		want   string
	}{
		"root decrypts":          {root(), "kms:Decrypt", "Decrypt by " + iam},
		"root is guarded":        {root(), "kms:PutKeyPolicy", "PutKeyPolicy by " + iam + " if not aws:SourceIp NotIpAddress 192.0.2.0/24"},
		"the role":               {somebody(t, "role", "App", ""), "", "Decrypt Encrypt by " + app + " if kms:EncryptionContext:dept StringEquals hr"},
		"a user with a policy":   {somebody(t, "user", "alice", document(decrypt)), "", "Decrypt by " + iam + " + " + own + `user/alice "Mine"`},
		"a user without":         {somebody(t, "user", "bob", ""), "", ""},
		"by a tag that he has":   {somebody(t, "user", "carol", strings.Replace(document(decrypt), `"*"}`, `"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"red"}}}`, 1)), "", "Decrypt by " + iam + " + " + own + `user/carol "Mine"`},
		"by one that he has not": {somebody(t, "user", "carol", strings.Replace(document(decrypt), `"*"}`, `"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"blue"}}}`, 1)), "", ""},
		"a session's may differ": {somebody(t, "role", "R", strings.Replace(document(decrypt), `"*"}`, `"*","Condition":{"StringEquals":{"aws:PrincipalTag/team":"blue"}}}`, 1)), "",
			"Decrypt by " + iam + " + " + own + `role/R "Mine" if aws:PrincipalTag/team StringEquals blue`},
		"a key that no request has": {somebody(t, "user", "dave", strings.Replace(document(decrypt), `"*"}`, `"*","Condition":{"StringEquals":{"kms:MacAlgorithm":"HMAC_SHA_256"}}}`, 1)), "", ""},
		"denied in any case":        {somebody(t, "user", "eve", document(decrypt, `{"Effect":"Deny","Action":"kms:*","Resource":"*"}`)), "", ""},
	} {
		s, err := explain.NewSurvey(k, environment, test.action)
		if err != nil {
			t.Fatal(err)
		}
		if got := summary(s.Of(test.who)); got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, test.want)
		}
	}
	all, err := explain.NewSurvey(aKey(t, document(enable)), environment, "")
	if err != nil {
		t.Fatal(err)
	}
	if got := summary(all.Of(root())); got != "everything by "+iam {
		t.Errorf("the account's root: %s", got)
	}
}

// TestNamed: whom the key policy names and who cannot be looked through.
func TestNamed(t *testing.T) {
	t.Parallel()
	k := aKey(t, document(enable,
		`{"Sid":"All","Effect":"Allow","Principal":"*","Action":"kms:Encrypt","Resource":"*","Condition":{"StringEquals":{"kms:CallerAccount":"`+other+`"}}}`,
		`{"Sid":"Far","Effect":"Allow","Principal":{"AWS":["arn:aws:iam::`+other+`:root","`+account+`"],"Service":"logs.eu-west-1.amazonaws.com"},"Action":["kms:Decrypt","kms:PutKeyPolicy"],"Resource":"*"}`,
		`{"Effect":"Deny","Principal":{"AWS":"777788889999"},"Action":"kms:*","Resource":"*"}`))
	if got := explain.Accounts(k); !slices.Equal(got, []string{account, other}) {
		t.Errorf("accounts %q", got)
	}
	s, err := explain.NewSurvey(k, environment, "")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, h := range s.Named(func(a string) bool { return a == other }) {
		got = append(got, fmt.Sprintf("%s %s: %s", h.Type, h.Principal, summary(h)))
	}
	want := []string{
		`Everybody *: Encrypt by key policy "All" if kms:CallerAccount StringEquals ` + other,
		`Account arn:aws:iam::` + other + `:root: Decrypt by key policy "Far"`,
		`Service logs.eu-west-1.amazonaws.com: Decrypt PutKeyPolicy by key policy "Far"`,
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s\nwant %s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestWhoIsTrue: whoever is not listed is denied whatever the request is, and who
// is listed without a condition is allowed: shown by requests made at random.
func TestWhoIsTrue(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(5, 2026))
	pick := func(of ...string) string { return of[rnd.IntN(len(of))] }
	statement := func(principal string) string {
		return fmt.Sprintf(`{"Effect":%s,%s"Action":%s,"Resource":"*"%s}`, pick(`"Allow"`, `"Allow"`, `"Deny"`), principal,
			pick(`"kms:Decrypt"`, `"kms:*"`, `["kms:Encrypt","kms:Describe*"]`),
			pick("", "", `,"Condition":{"StringEquals":{"kms:EncryptionContext:a":"1"}}`, `,"Condition":{"StringNotEquals":{"kms:EncryptionContext:a":"1"}}`,
				`,"Condition":{"Bool":{"aws:SecureTransport":"true"},"StringEqualsIfExists":{"kms:EncryptionContext:a":["1","2"]}}`,
				`,"Condition":{"StringEquals":{"aws:PrincipalTag/team":"red"}}`, `,"Condition":{"Null":{"aws:SourceIp":"true"}}`,
				`,"Condition":{"StringLike":{"aws:PrincipalArn":"*alice"}}`))
	}
	listed, unconditional, denied := 0, 0, 0
	for range 3000 {
		k := aKey(t, document(statement(pick(`"Principal":"*",`, `"Principal":{"AWS":"`+account+`"},`, `"Principal":{"AWS":"`+iamARN+`user/alice"},`)), statement(`"Principal":{"AWS":"`+account+`"},`)))
		who := somebody(t, "user", pick("alice", "bob"), pick("", document(statement("")), document(statement(""), statement(""))))
		action := pick("kms:Decrypt", "kms:Encrypt", "kms:DescribeKey")
		s, err := explain.NewSurvey(k, environment, action)
		if err != nil {
			t.Fatal(err)
		}
		h := s.Of(who)
		for range 6 {
			ask := explain.Ask{Caller: who, Action: action, Key: k, Environment: environment, Conditions: map[string][]string{"aws:SecureTransport": {pick("true", "false")}}}
			if value := pick("", "1", "2", "3"); value != "" && action != "kms:DescribeKey" {
				ask.Context = map[string]string{"a": value}
			}
			if pick("", "ip") != "" {
				ask.Conditions["aws:SourceIp"] = []string{"192.0.2.1"}
			}
			r, err := ask.Request()
			if err != nil {
				t.Fatal(err)
			}
			allowed := r.Decide().Allowed
			switch {
			case len(h.Access) == 0 && allowed:
				t.Fatalf("allowed, and not listed: %s\n%+v", k.Rules.Document().Statements[0].SID, explain.Of(r, r.Decide()))
			case len(h.Access) > 0 && len(h.Access[0].If) == 0 && !allowed:
				t.Fatalf("denied, and listed without a condition: %s\n%+v", summary(h), explain.Of(r, r.Decide()))
			case len(h.Access) == 0:
				denied++
			case len(h.Access[0].If) == 0:
				unconditional++
			default:
				listed++
			}
		}
	}
	if listed < 100 || unconditional < 100 || denied < 100 {
		t.Errorf("the test shows nothing: %d under conditions, %d without, %d denied", listed, unconditional, denied)
	}
}

// BenchmarkSurvey asks for one principal with a policy of 20 statements, half of
// them under conditions.
func BenchmarkSurvey(b *testing.B) {
	var statements []string
	for i := range 20 {
		condition := ""
		if i%2 == 0 {
			condition = fmt.Sprintf(`,"Condition":{"StringEquals":{"kms:EncryptionContext:n":"%d"}}`, i)
		}
		statements = append(statements, fmt.Sprintf(`{"Effect":"Allow","Action":["kms:Decrypt","kms:Describe*"],"Resource":"arn:aws:kms:eu-west-1:*:key/%d*"%s}`, i%10, condition))
	}
	who := somebody(b, "user", "alice", document(statements...))
	s, err := explain.NewSurvey(aKey(b, document(enable, useOfApp)), environment, "")
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if h := s.Of(who); len(h.Access) == 0 {
			b.Fatal("nothing")
		}
	}
}
