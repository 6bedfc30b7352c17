package explain_test

import (
	"strings"
	"testing"

	"trent/internal/explain"
	"trent/internal/identity"
)

const (
	aliases = "arn:aws:kms:eu-west-1:" + account + ":alias/"
	onKeys  = `{"Sid":"Keys","Effect":"Allow","Action":"kms:*","Resource":"arn:aws:kms:*:*:key/*"}`
)

// onAlias is a statement about an alias.
func onAlias(effect, resource string) string {
	return `{"Sid":"` + effect + `","Effect":"` + effect + `","Action":"kms:*Alias","Resource":"` + resource + `"}`
}

// TestAliasAnswer: who changes an alias needs permission on it and on the key.
func TestAliasAnswer(t *testing.T) {
	t.Parallel()
	k := aKey(t, document(enable))
	for _, test := range []struct {
		name, policies, action, alias string
		allowed                       bool
		reason, unasked               string
	}{
		{"on the key alone", document(onKeys), "kms:CreateAlias", "alias/app", false, "On " + aliases + "app: No policy of his allows it.", ""},
		{"on the alias alone", document(onAlias("Allow", aliases+"*")), "kms:DeleteAlias", "alias/app", false, "The key policy leaves it", ""},
		{"on both", document(onKeys, onAlias("Allow", aliases+"app-*")), "kms:DeleteAlias", "alias/app-1", true, `On ` + aliases + `app-1: The identity-based policy Own of user/alice, statement "Allow", allows it.`, ""},
		{"on another alias", document(onKeys, onAlias("Allow", aliases+"app-*")), "kms:DeleteAlias", "alias/prod", false, "On " + aliases + "prod: No policy", ""},
		{"denied on the alias", document(`{"Effect":"Allow","Action":"kms:*","Resource":"*"}`, onAlias("Deny", aliases+"*")), "kms:DeleteAlias", "alias/app", false, `statement "Deny", denies it`, ""},
		{"of two keys", document(`{"Effect":"Allow","Action":"kms:*","Resource":"*"}`), "kms:UpdateAlias", "alias/app", true, "leaves it", "the other must allow it too"},
		{"not said, and none could be", document(onKeys), "kms:CreateAlias", "", false, "On " + aliases + "…: No policy of his allows it.", ""},
		{"not said", document(onKeys, onAlias("Allow", aliases+"app-*")), "kms:CreateAlias", "", true, "leaves it", "kms:CreateAlias needs permission on the alias as well, by an IAM policy: on " + aliases + "…"},
		{"no alias", document(onKeys), "kms:DescribeKey", "", true, "leaves it", ""},
	} {
		ask := explain.Ask{Caller: somebody(t, "user", "alice", test.policies), Action: test.action, Key: k, Alias: test.alias, Environment: environment}
		r, err := ask.Request()
		if err != nil {
			t.Fatal(err)
		}
		a := explain.Of(r, r.Decide())
		if on := ask.OnAlias(r); on != nil {
			a.And(explain.Of(on, on.Decide()))
		}
		if a.Allowed {
			a.Unasked = ask.Unasked(r)
		}
		if a.Allowed != test.allowed || !strings.Contains(a.Reason, test.reason) || !strings.Contains(a.Unasked, test.unasked) || (test.unasked == "") != (a.Unasked == "") {
			t.Errorf("%s: %v, %s; not asked: %q", test.name, a.Allowed, a.Reason, a.Unasked)
		}
		if got := outline(a); strings.HasPrefix(test.reason, "On ") && !test.allowed && strings.Contains(got, "!") {
			t.Errorf("%s: the key decides what the alias refuses: %s", test.name, got)
		}
		if (a.Message == "") != a.Allowed || (a.Alias == nil) != (test.alias == "" && test.allowed) || a.Key != k.ARN {
			t.Errorf("%s: %+v", test.name, a)
		}
	}
	if _, err := (&explain.Ask{Caller: root(), Action: "kms:Decrypt", Alias: "alias/a", Key: k}).Request(); err == nil {
		t.Error("Decrypt of an alias is asked")
	}
	if explain.ChangesAlias("kms:Decrypt") || !explain.ChangesAlias("KMS:deleteAlias") {
		t.Error("ChangesAlias does not know which actions change aliases")
	}
}

// TestRequestAlias: a request that names the key by an alias has kms:RequestAlias.
func TestRequestAlias(t *testing.T) {
	t.Parallel()
	k := aKey(t, document(enable))
	who := somebody(t, "user", "alice", document(`{"Effect":"Allow","Action":"kms:Decrypt","Resource":"*","Condition":{"StringEquals":{"kms:RequestAlias":"alias/app"}}}`))
	for identifier, want := range map[string]bool{"alias/app": true, aliases + "app": true, "alias/other": false, k.ID: false, "": false} {
		r, err := (&explain.Ask{Caller: who, Action: "kms:Decrypt", Key: k, Identifier: identifier, Environment: environment}).Request()
		if err != nil {
			t.Fatal(err)
		}
		if r.Decide().Allowed != want {
			t.Errorf("by %q: %v", identifier, !want)
		}
	}
}

// TestWhoAliases: changes of aliases are listed for whom an alias could be
// allowed, with those that it is about.
func TestWhoAliases(t *testing.T) {
	t.Parallel()
	const by = `CreateAlias by key policy "IAM" + Own of user/alice`
	k := aKey(t, document(enable))
	k.Aliases = []string{"alias/payroll"}
	for name, test := range map[string]struct{ policies, want string }{
		"keys alone":               {document(onKeys), ""},
		"everything":               {document(`{"Sid":"All","Effect":"Allow","Action":"kms:*","Resource":"*"}`), by + ` "All"`},
		"some":                     {document(onKeys, onAlias("Allow", aliases+"app-*")), by + ` "Keys" + Own of user/alice "Allow" if the alias ` + aliases + "app-*"},
		"some of another Region":   {document(onKeys, onAlias("Allow", strings.Replace(aliases, "eu-west-1", "us-east-1", 1)+"app-*")), ""},
		"the key's":                {document(onKeys, onAlias("Allow", aliases+"payroll")), by + ` "Keys" + Own of user/alice "Allow" if the alias alias/payroll`},
		"all of a service":         {document(onKeys, onAlias("Allow", "arn:aws:kms:*")), by + ` "Keys" + Own of user/alice "Allow"`},
		"by a variable":            {document(onKeys, onAlias("Allow", "arn:aws:kms:*:*:alias/${aws:PrincipalTag/team}-?")), by + ` "Keys" + Own of user/alice "Allow" if the alias arn:aws:kms:*:*:alias/${aws:PrincipalTag/team}-?`},
		"by the end of the name":   {document(onKeys, onAlias("Allow", "arn:aws:kms:*:*:*/app")), by + ` "Keys" + Own of user/alice "Allow" if the alias arn:aws:kms:*:*:*/app`},
		"all but some":             {document(`{"Sid":"All","Effect":"Allow","Action":"kms:*","Resource":"*"}`, onAlias("Deny", aliases+"prod-*")), by + ` "All" if not the alias ` + aliases + "prod-*"},
		"some but some":            {document(onKeys, onAlias("Allow", aliases+"a*"), onAlias("Deny", aliases+"a-prod")), by + ` "Keys" + Own of user/alice "Allow" if the alias ` + aliases + "a*, not " + aliases + "a-prod"},
		"none is left":             {document(onKeys, onAlias("Allow", aliases+"app"), onAlias("Deny", aliases+"*")), ""},
		"under a condition":        {document(onKeys, strings.Replace(onAlias("Allow", aliases+"*"), `"}`, `","Condition":{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}}`, 1)), by + ` "Keys" + Own of user/alice "Allow" if aws:SourceIp IpAddress 192.0.2.0/24`},
		"an alias without the key": {document(onAlias("Allow", aliases+"*")), ""},
	} {
		s, err := explain.NewSurvey(k, environment, "kms:CreateAlias")
		if err != nil {
			t.Fatal(err)
		}
		if got := summary(s.Of(somebody(t, "user", "alice", test.policies))); got != test.want {
			t.Errorf("%s:\n got %s\nwant %s", name, got, test.want)
		}
	}
	s, err := explain.NewSurvey(aKey(t, document(`{"Sid":"All","Effect":"Allow","Principal":{"AWS":"*","Service":"logs.eu-west-1.amazonaws.com"},"Action":"kms:CreateAlias","Resource":"*"}`)), environment, "")
	if err != nil {
		t.Fatal(err)
	}
	all := s.Named(func(string) bool { return false })
	if len(all) == 0 || summary(all[0]) != `CreateAlias by key policy "All" if an IAM policy allows it on the alias` || len(all) > 1 && len(all[1].Access) > 0 {
		t.Errorf("%+v", all)
	}
}

// TestWhoSessions: sessions that the key policy names, and what depends on a
// session's tags through a resource.
func TestWhoSessions(t *testing.T) {
	t.Parallel()
	const prod = "arn:aws:sts::" + account + ":assumed-role/App/prod"
	only := `{"Sid":"Prod","Effect":"Allow","Principal":{"AWS":"` + prod + `"},"Action":"kms:Decrypt","Resource":"*"}`
	tagged := document(`{"Sid":"Kid","Effect":"Allow","Action":"kms:Decrypt","Resource":"arn:aws:kms:eu-west-1:*:key/${aws:PrincipalTag/kid}"}`)
	const kid = `Decrypt by key policy "IAM" + Own of role/App "Kid" if the key is Resource arn:aws:kms:eu-west-1:*:key/${aws:PrincipalTag/kid}`
	for name, test := range map[string]struct {
		key      string
		who      *identity.Caller
		every    string
		sessions string
	}{
		"a session alone":            {document(enable, only), somebody(t, "role", "App", ""), "", prod + `: Decrypt by key policy "Prod"`},
		"another role's":             {document(enable, only), somebody(t, "role", "Other", ""), "", ""},
		"a user of that name":        {document(enable, only), somebody(t, "user", "App", ""), "", ""},
		"as every session":           {document(enable, only), somebody(t, "role", "App", document(decrypt)), `Decrypt by key policy "IAM" + Own of role/App "Mine"`, prod + `: Decrypt by key policy "Prod"`},
		"exempt":                     {document(enable, `{"Effect":"Deny","NotPrincipal":{"AWS":["`+account+`","`+iamARN+`role/App","`+prod+`"]},"Action":"kms:Decrypt","Resource":"*"}`), somebody(t, "role", "App", document(decrypt)), "", prod + `: Decrypt by key policy "IAM" + Own of role/App "Mine"`},
		"denied as every session is": {document(enable, only, `{"Effect":"Deny","Principal":"*","Action":"kms:*","Resource":"*"}`), somebody(t, "role", "App", ""), "", ""},
		"by a tag in a resource":     {document(enable), somebody(t, "role", "App", tagged), kid, ""},
		"by a tag that a user lacks": {document(enable), somebody(t, "user", "App", tagged), "", ""},
	} {
		s, err := explain.NewSurvey(aKey(t, test.key), environment, "kms:Decrypt")
		if err != nil {
			t.Fatal(err)
		}
		every := s.Of(test.who)
		var sessions []string
		for _, h := range s.Sessions(test.who, &every) {
			sessions = append(sessions, h.Principal+": "+summary(h))
			if h.Type != explain.TypeSession {
				t.Errorf("%s: %s", name, h.Type)
			}
		}
		if summary(every) != test.every || strings.Join(sessions, " ") != test.sessions {
			t.Errorf("%s: %s; %s", name, summary(every), sessions)
		}
	}
}
