package policy_test

import (
	"testing"

	"trent/internal/policy"
)

// The principals of the tests. Bob is in another account.
var (
	theRoot    = policy.Principal{Account: "111122223333", ARN: "arn:aws:iam::111122223333:root", ID: "111122223333"}
	theUser    = policy.Principal{Account: "111122223333", ARN: alice, ID: "AIDAALICE"}
	theSession = policy.Principal{Account: "111122223333", ARN: "arn:aws:sts::111122223333:assumed-role/app/run", ID: "AROAAPP",
		RoleARN: "arn:aws:iam::111122223333:role/svc/app"}
	bob       = policy.Principal{Account: "444455556666", ARN: "arn:aws:iam::444455556666:user/bob", ID: "AIDABOB"}
	bobsRoot  = policy.Principal{Account: "444455556666", ARN: "arn:aws:iam::444455556666:root", ID: "444455556666"}
	theLogs   = policy.Principal{Service: "logs.amazonaws.com"}
	anonymous = policy.Principal{}
)

type (
	six   = [6]bool
	seven = [7]policy.Via
)

// TestCoveredPrincipals: how a principal element covers each of them.
func TestCoveredPrincipals(t *testing.T) {
	t.Parallel()
	who := [...]policy.Principal{theRoot, theUser, theSession, bob, bobsRoot, theLogs, anonymous}
	const no, acc, bnd, self = policy.ViaNothing, policy.ViaAccount, policy.ViaBounded, policy.ViaSelf
	for _, test := range []struct {
		principal string
		want      seven // root, user, session, bob, his root, service, nobody
	}{
		{`"*"`, seven{bnd, bnd, bnd, bnd, bnd, bnd, bnd}},
		{`{"AWS":"*"}`, seven{bnd, bnd, bnd, bnd, bnd, bnd, bnd}},
		{`{"AWS":"111122223333"}`, seven{self, acc, acc, no, no, no, no}},
		{`{"AWS":"arn:aws:iam::111122223333:root"}`, seven{self, acc, acc, no, no, no, no}},
		{`{"AWS":"arn:aws-cn:iam::111122223333:root"}`, seven{no, no, no, no, no, no, no}},
		{`{"AWS":"arn:aws:iam::111122223333:user/team/alice"}`, seven{no, self, no, no, no, no, no}},
		{`{"AWS":"arn:aws:iam::111122223333:user/alice"}`, seven{no, no, no, no, no, no, no}},
		{`{"AWS":"arn:aws:iam::111122223333:user/team/Alice"}`, seven{no, no, no, no, no, no, no}},
		{`{"AWS":"arn:aws:iam::111122223333:user/*"}`, seven{no, no, no, no, no, no, no}},
		{`{"AWS":"arn:aws:iam::111122223333:role/svc/app"}`, seven{no, no, bnd, no, no, no, no}},
		{`{"AWS":"arn:aws:iam::111122223333:role/app"}`, seven{no, no, no, no, no, no, no}},
		{`{"AWS":"arn:aws:sts::111122223333:assumed-role/app/run"}`, seven{no, no, self, no, no, no, no}},
		{`{"AWS":"arn:aws:sts::111122223333:assumed-role/app/walk"}`, seven{no, no, no, no, no, no, no}},
		{`{"AWS":["444455556666","arn:aws:iam::444455556666:user/bob"]}`, seven{no, no, no, self, self, no, no}},
		{`{"AWS":["*","111122223333"]}`, seven{self, bnd, bnd, bnd, bnd, bnd, bnd}},
		{`{"AWS":["111122223333","arn:aws:iam::111122223333:role/svc/app"]}`, seven{self, acc, bnd, no, no, no, no}},
		{`{"Service":"logs.amazonaws.com"}`, seven{no, no, no, no, no, self, no}},
		{`{"Service":"s3.amazonaws.com"}`, seven{no, no, no, no, no, no, no}},
		{`{"Federated":"accounts.google.com"}`, seven{no, no, no, no, no, no, no}},
		{`{"CanonicalUser":"79a5"}`, seven{no, no, no, no, no, no, no}},
		{`{}`, seven{no, no, no, no, no, no, no}},
	} {
		for _, effect := range []string{"Allow", "Deny"} {
			p := compile(t, statements(`{"Effect":"`+effect+`","Principal":`+test.principal+`,"Action":"*","Resource":"*"}`), nil)
			for i, want := range test.want {
				got := p.EvaluateResource(&policy.Request{Action: "kms:Encrypt", Resource: keyARN, Principal: who[i]})
				switch {
				case effect == "Deny" && ((got.Deny != nil) != (want != no) || got.Allow != nil || got.Via != no),
					effect == "Allow" && (got.Via != want || (got.Allow != nil) != (want != no) || got.Deny != nil):
					t.Errorf("%s %s, %q: %q, via %d", effect, test.principal, who[i].ARN+who[i].Service, decision(got), got.Via)
				}
			}
		}
		p := compile(t, statements(`{"Effect":"Allow","Principal":`+test.principal+`,"Action":"*","Resource":"*"}`), nil)
		if got := p.Evaluate(&policy.Request{Action: "kms:Encrypt", Principal: bob}); got.Via != self {
			t.Errorf("%s decides by an identity-based policy: %q", test.principal, decision(got))
		}
	}
}

// TestNotPrincipal: whom NotPrincipal exempts from a Deny: who is named
// together with what he is a part of.
func TestNotPrincipal(t *testing.T) {
	t.Parallel()
	const (
		account = `"arn:aws:iam::111122223333:root"`
		user    = `"arn:aws:iam::111122223333:user/team/alice"`
		role    = `"arn:aws:iam::111122223333:role/svc/app"`
		session = `"arn:aws:sts::111122223333:assumed-role/app/run"`
	)
	who := [...]policy.Principal{theRoot, theUser, theSession, bob, theLogs, anonymous}
	for _, test := range []struct {
		principals string
		exempt     six // root, user, session, bob, service, nobody
	}{
		{`"*"`, six{true, true, true, true, true, true}},
		{`{"AWS":[` + user + `]}`, six{}},
		{`{"AWS":[` + account + `]}`, six{0: true}},
		{`{"AWS":"111122223333"}`, six{0: true}},
		{`{"AWS":[` + user + `,` + account + `]}`, six{0: true, 1: true}},
		{`{"AWS":[` + user + `,"111122223333"]}`, six{0: true, 1: true}},
		{`{"AWS":[` + user + `,"444455556666"]}`, six{}},
		{`{"AWS":[` + session + `]}`, six{}},
		{`{"AWS":[` + session + `,` + account + `]}`, six{0: true}},
		{`{"AWS":[` + role + `,` + account + `]}`, six{0: true}},
		{`{"AWS":[` + session + `,` + role + `]}`, six{}},
		{`{"AWS":[` + session + `,` + role + `,` + account + `]}`, six{0: true, 2: true}},
		{`{"Service":"logs.amazonaws.com"}`, six{4: true}},
		{`{"Federated":"accounts.google.com"}`, six{}},
	} {
		p := compile(t, statements(`{"Effect":"Deny","NotPrincipal":`+test.principals+`,"Action":"*","Resource":"*"}`), nil)
		for i := range who {
			r := policy.Request{Action: "kms:Encrypt", Resource: keyARN, Principal: who[i]}
			if got := p.EvaluateResource(&r); (got.Deny == nil) != test.exempt[i] {
				t.Errorf("%s, %q: %q", test.principals, who[i].ARN+who[i].Service, decision(got))
			}
			// A permissions boundary: AWS exempts nobody who has one.
			r.Principal.Bounded = true
			if got := p.EvaluateResource(&r); got.Deny == nil {
				t.Errorf("%s, %q with a boundary: %q", test.principals, who[i].ARN+who[i].Service, decision(got))
			}
		}
		p = compile(t, statements(`{"Effect":"Allow","NotPrincipal":`+test.principals+`,"Action":"*","Resource":"*"}`), nil)
		for i := range who {
			if got := p.EvaluateResource(&policy.Request{Action: "kms:Encrypt", Principal: who[i]}); decision(got) != "" {
				t.Errorf("Allow %s, %q: %q", test.principals, who[i].ARN, decision(got))
			}
		}
	}
}

// TestBound: an ARN that was bound to an id means that principal only.
func TestBound(t *testing.T) {
	t.Parallel()
	bound := policy.Bound{alice: "AIDAALICE", theSession.RoleARN: "AROAAPP", theSession.ARN: "AROAAPP"}
	for _, who := range []policy.Principal{theUser, theSession} {
		again := who
		again.ID += "2"
		for arn, named := range map[string]policy.Via{who.ARN: policy.ViaSelf, who.RoleARN: policy.ViaBounded} {
			if arn == "" {
				continue
			}
			document := statements(`{"Effect":"Allow","Principal":{"AWS":"` + arn + `"},"Action":"*","Resource":"*"}`)
			for _, test := range []struct {
				bound policy.Bound
				who   policy.Principal
				want  policy.Via
			}{
				{nil, who, named}, {nil, again, named}, {policy.Bound{"another": "AIDAX"}, again, named},
				{bound, who, named}, {bound, again, policy.ViaNothing},
			} {
				got := compile(t, document, test.bound).EvaluateResource(&policy.Request{Action: "kms:Encrypt", Principal: test.who})
				if got.Via != test.want {
					t.Errorf("%s bound as %v, asked by %s: via %d", arn, test.bound, test.who.ID, got.Via)
				}
			}
		}
	}
	p := compile(t, statements(`{"Effect":"Deny","NotPrincipal":{"AWS":["`+alice+`","111122223333"]},"Action":"*","Resource":"*"}`), bound)
	again := theUser
	again.ID = "AIDANEW"
	for who, denied := range map[policy.Principal]bool{theUser: false, again: true} {
		if got := p.EvaluateResource(&policy.Request{Action: "kms:Encrypt", Principal: who}); (got.Deny != nil) != denied {
			t.Errorf("NotPrincipal %s: %q", who.ID, decision(got))
		}
	}
}
