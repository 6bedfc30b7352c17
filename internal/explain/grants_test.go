package explain_test

import (
	"fmt"
	"strings"
	"testing"

	"trent/internal/explain"
	"trent/internal/identity"
	"trent/internal/record"
)

// TestGrants: which grants name a principal, which allow, and what keeps the
// others from it.
func TestGrants(t *testing.T) {
	t.Parallel()
	alice, app := somebody(t, "user", "alice", ""), somebody(t, "role", "App", "")
	k := aKey(t, document(enable))
	for name, test := range map[string]struct {
		grant  record.Grant
		caller *identity.Caller
		want   string // "" if the grant does not name him
	}{
		"his own":           {record.Grant{Grantee: alice.PrincipalARN, GranteeID: "AIDAalice", Operations: []string{"Decrypt"}}, alice, "true it allows"},
		"of one before him": {record.Grant{Grantee: alice.PrincipalARN, GranteeID: "AIDAother", Operations: []string{"Decrypt"}}, alice, ""},
		"somebody else's":   {record.Grant{Grantee: iamARN + "user/bob", Operations: []string{"Decrypt"}}, alice, ""},
		"of his role":       {record.Grant{Grantee: app.PrincipalARN, Operations: []string{"Decrypt"}}, app, "true it allows"},
		"of his account":    {record.Grant{Grantee: account, Operations: []string{"Decrypt"}}, alice, "true it allows"},
		"another operation": {record.Grant{Grantee: account, Operations: []string{"Encrypt"}}, alice, "false it is not about kms:Decrypt"},
		"another context":   {record.Grant{Grantee: account, Operations: []string{"Decrypt"}, Constraint: "EncryptionContextSubset", Context: map[string]string{"a": "1"}}, alice, "false its constraint does not hold: EncryptionContextSubset a=1"},
		"in the context":    {record.Grant{Grantee: account, Operations: []string{"Decrypt"}, Constraint: "EncryptionContextSubset", Context: map[string]string{"dept": "hr"}}, alice, "true it allows"},
		"not the whole of it": {record.Grant{Grantee: account, Operations: []string{"Decrypt"}, Constraint: "EncryptionContextEquals", Context: map[string]string{"dept": "hr", "a": "1"}}, alice,
			"false its constraint does not hold: EncryptionContextEquals a=1, dept=hr"},
	} {
		r, err := (&explain.Ask{Caller: test.caller, Action: "kms:Decrypt", Key: k, Context: map[string]string{"dept": "hr"}, Environment: environment}).Request()
		if err != nil {
			t.Fatal(err)
		}
		d := r.Decide()
		a := explain.Of(r, d)
		a.AddGrant(r, d, "the-grant", &test.grant)
		got := ""
		for _, g := range a.Grants {
			got += fmt.Sprint(g.Applies, " ", g.Why)
		}
		if got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// TestGrantees: what a grant gives, against what the policies deny, and how many
// grants of one kind are one line.
func TestGrantees(t *testing.T) {
	t.Parallel()
	k := aKey(t, document(enable, `{"Effect":"Deny","Principal":"*","Action":"kms:Encrypt","Resource":"*"}`,
		`{"Effect":"Deny","Principal":"*","Action":"kms:Decrypt","Resource":"*","Condition":{"Bool":{"aws:SecureTransport":"false"}}}`))
	bob := somebody(t, "user", "bob", "")
	g := record.Grant{Grantee: bob.PrincipalARN, GranteeID: "AIDAbob", Operations: []string{"Decrypt", "Encrypt", "DescribeKey", "RetireGrant"},
		Constraint: "EncryptionContextEquals", Context: map[string]string{"dept": "hr"}}
	s, err := explain.NewSurvey(k, environment, "")
	if err != nil {
		t.Fatal(err)
	}
	var page explain.Page
	for i := range 5 {
		h, err := s.Grantee(t.Context(), bob, fmt.Sprint(i), &g)
		if err != nil {
			t.Fatal(err)
		}
		page.AddGrantee(h)
	}
	const want = "Decrypt by grant 0 + grant 1 + grant 2 if EncryptionContextEquals dept=hr; not aws:SecureTransport Bool false | DescribeKey by grant 0 + grant 1 + grant 2"
	if len(page.Holders) != 1 || summary(page.Holders[0]) != want || page.Holders[0].Access[0].Grants != 5 {
		t.Errorf("%+v", page)
	}
	g.GranteeID = "AIDAbefore"
	if h, err := s.Grantee(t.Context(), bob, "x", &g); err != nil || len(h.Access) != 0 {
		t.Errorf("a grant of one before him: %+v, %v", h, err)
	}
	g.Grantee = "arn:aws:iam::" + other + ":user/far"
	if h, err := s.Grantee(t.Context(), nil, "x", &g); err != nil || !strings.HasPrefix(summary(h), "Decrypt Encrypt by grant x if EncryptionContextEquals dept=hr |") {
		t.Errorf("a grantee elsewhere: %s, %v", summary(h), err)
	}
	// Of many ways of access a thousand are listed, and the others counted.
	g.GranteeID = "AIDAbob"
	for i := range 1200 {
		g.Grantee, g.Context = bob.PrincipalARN, map[string]string{"n": fmt.Sprint(i)}
		h, err := s.Grantee(t.Context(), bob, fmt.Sprint("n", i), &g)
		if err != nil {
			t.Fatal(err)
		}
		page.AddGrantee(h)
	}
	if len(page.Holders[0].Access) > 1001 || page.Unlisted < 190 || page.Unlisted > 210 {
		t.Errorf("%d ways listed, %d grants not", len(page.Holders[0].Access), page.Unlisted)
	}
}
