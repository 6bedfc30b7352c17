package policy_test

import (
	"strings"
	"testing"

	"trent/internal/policy"
)

// TestVariables: what stands for a variable in a condition's value.
func TestVariables(t *testing.T) {
	t.Parallel()
	context := keys{
		"aws:username": "alice", "aws:principaltag/team": "blue*", "aws:principaltag/empty": "", "aws:principaltag/two words": "x",
		"aws:principalarn": "arn:aws:iam::111122223333:user/alice", "aws:tagkeys": []string{"one"}, "aws:key": "",
	}
	for _, test := range []struct {
		operator, value, key string
		holds                bool
	}{
		{"StringEquals", "${aws:username}", "alice", true},
		{"StringEquals", "${AWS:UserName}", "alice", true},
		{"StringEquals", "${aws:username}", "Alice", false},
		{"StringEquals", "a-${aws:username}-${aws:PrincipalTag/two words}", "a-alice-x", true},
		{"StringEquals", "${aws:username}${aws:username}", "alicealice", true},
		{"StringEquals", "${aws:PrincipalTag/empty}", "", true},
		{"StringEquals", "<${aws:PrincipalTag/empty}>", "<>", true},
		{"StringEquals", "${aws:PrincipalTag/team}", "blue*", true},
		{"StringEqualsIgnoreCase", "${aws:username}", "ALICE", true},
		{"StringEqualsIgnoreCase", "x${aws:username}y", "XaliceY", true},
		{"StringEqualsIgnoreCase", "x${aws:username}y", "XalicY", false},
		{"StringLike", "${aws:username}*", "alice2", true},
		{"StringLike", "?${aws:username}*", "alice2", false},
		{"StringLike", "*${aws:username}", "malalice", true},
		// What a variable stands for has no wildcards.
		{"StringLike", "${aws:PrincipalTag/team}", "blue*", true},
		{"StringLike", "${aws:PrincipalTag/team}", "blueish", false},
		{"StringLike", "${aws:PrincipalTag/none, 'blue*'}", "blueish", false},
		{"StringLike", "${aws:PrincipalTag/none, 'blue*'}", "blue*", true},
		{"StringLike", "${aws:PrincipalTag/team}*", "blue*ish", true},
		// Defaults.
		{"StringEquals", "${aws:PrincipalTag/none, 'company-wide'}", "company-wide", true},
		{"StringEquals", "${aws:username, 'nobody'}", "alice", true},
		{"StringEquals", "${aws:PrincipalTag/none, ''}", "", true},
		{"StringEquals", "${aws:PrincipalTag/none, 'a, 'b''}", "a, 'b'", true},
		{"StringEquals", "${aws:TagKeys, 'several'}", "several", true},
		{"StringEquals", "${aws:PrincipalTag/empty, 'd'}", "", true},
		{"StringEquals", "${aws:PrincipalTag/none,'d'}", "d", false}, // without the space it is a key
		{"StringEquals", "${aws:PrincipalTag/none, d}", "d", false},
		// Characters.
		{"StringLike", "a${*}", "a*", true},
		{"StringLike", "a${*}", "ab", false},
		{"StringLike", "a${?}", "a?", true},
		{"StringLike", "a${?}", "ab", false},
		{"StringLike", "${$}{aws:username}", "${aws:username}", true},
		{"StringLike", "${*}*${?}?", "*any?x", true},
		{"StringEquals", "${*}", "*", true},
		// No variables.
		{"StringEquals", "$aws:username", "$aws:username", true},
		{"StringEquals", "{aws:username}", "{aws:username}", true},
		{"StringEquals", "${aws:username", "${aws:username", true},
		{"StringEquals", "$${aws:username}", "$alice", true},
		{"StringEquals", "${aws:username}}", "alice}", true},
		{"ArnEquals", "${aws:PrincipalArn}", "arn:aws:iam::111122223333:user/alice", true},
		{"ArnLike", "arn:aws:iam::*:user/${aws:username}", "arn:aws:iam::111122223333:user/alice", true},
		{"ArnLike", "arn:aws:iam::*:user/${aws:username}", "arn:aws:iam::111122223333:user/bob", false},
		{"ArnLike", "arn:aws:iam::*:*/${aws:username}", "arn:aws:iam::111122223333:user/x:y/alice", true},
	} {
		context["aws:key"] = test.key
		negated := strings.NewReplacer("StringE", "StringNotE", "StringL", "StringNotL", "Arn", "ArnNot").Replace(test.operator)
		condition := `{"aws:Key":` + text(test.value) + `}`
		if allow, deny := holds(t, `"`+test.operator+`":`+condition, context); allow != test.holds || deny != test.holds {
			t.Errorf("%s %s, %q: %t in an Allow, %t in a Deny", test.operator, test.value, test.key, allow, deny)
		}
		if allow, deny := holds(t, `"`+negated+`":`+condition, context); allow == test.holds || deny == test.holds {
			t.Errorf("%s %s, %q: %t in an Allow, %t in a Deny", negated, test.value, test.key, allow, deny)
		}
	}
}

// TestLostVariables: a variable without a value equals nothing, in what allows
// and in what denies; what else is listed counts.
func TestLostVariables(t *testing.T) {
	t.Parallel()
	context := keys{"aws:key": "a", "aws:several": []string{"a"}}
	for _, variable := range []string{"${aws:None}", "${aws:Several}", "${}", "${aws:Key }", "x${aws:None}", "${aws:Key}${aws:None}"} {
		for _, test := range []struct {
			operator, more string
			holds          bool
		}{
			{"StringEquals", "", false}, {"StringEquals", `,"a"`, true}, {"StringNotEquals", "", true}, {"StringNotEquals", `,"a"`, false},
			{"StringLike", "", false}, {"StringLike", `,"*"`, true}, {"StringNotLike", "", true}, {"StringEqualsIgnoreCase", `,"A"`, true},
			{"StringNotEqualsIgnoreCase", "", true}, {"StringEqualsIgnoreCase", "", false}, {"ArnNotLike", "", true}, {"ForAllValues:StringEquals", `,"a"`, true},
		} {
			condition := `"` + test.operator + `":{"aws:Key":[` + text(variable) + test.more + `]}`
			if allow, deny := holds(t, condition, context); allow != test.holds || deny != test.holds {
				t.Errorf("%s: %t in an Allow, %t in a Deny", condition, allow, deny)
			}
		}
		// A key that is absent is not compared with anything.
		if allow, deny := holds(t, `"StringEqualsIfExists":{"aws:Absent":[`+text(variable)+`]}`, context); !allow || !deny {
			t.Errorf("%s with IfExists: %t, %t", variable, allow, deny)
		}
		if allow, deny := holds(t, `"StringNotEquals":{"aws:Absent":[`+text(variable)+`]}`, context); !allow || !deny {
			t.Errorf("%s beside an absent key: %t, %t", variable, allow, deny)
		}
	}
}

// TestResourceVariables: variables in resources stand behind the fifth colon.
func TestResourceVariables(t *testing.T) {
	t.Parallel()
	const begin = "arn:aws:kms:us-east-1:111122223333:alias/"
	context := keys{"aws:username": "alice", "aws:principaltag/team": "a*", "aws:requestedregion": "us-east-1", "aws:several": []string{"a"}}
	for _, test := range []struct {
		pattern, resource string
		covers            bool
	}{
		{begin + "${aws:username}", begin + "alice", true},
		{begin + "${aws:username}/*", begin + "alice/x", true},
		{begin + "${aws:username}", begin + "bob", false},
		{begin + "${aws:PrincipalTag/team}", begin + "a*", true},
		{begin + "${aws:PrincipalTag/team}", begin + "abc", false},
		{begin + "${aws:PrincipalTag/none, 'all'}", begin + "all", true},
		{begin + "${*}", begin + "*", true},
		{begin + "${*}", begin + "x", false},
		{begin + "${aws:PrincipalTag/none}", begin + "", false},
		{begin + "${aws:Several}", begin + "a", false},
		{"arn:aws:kms:${aws:RequestedRegion}:111122223333:alias/x", begin + "x", false},
		{"${aws:username}", "alice", false},
	} {
		for _, more := range []string{"", `,"` + test.resource + `"`} {
			for element, covers := range map[string]bool{"Resource": test.covers || more != "", "NotResource": !test.covers && more == ""} {
				for _, effect := range []string{"Allow", "Deny"} {
					p := compile(t, statements(`{"Effect":"`+effect+`","Action":"*","`+element+`":["`+test.pattern+`"`+more+`]}`), nil)
					got := p.Evaluate(&policy.Request{Action: "kms:CreateAlias", Resource: test.resource, Context: context})
					if (got.Allow != nil || got.Deny != nil) != covers {
						t.Errorf("%s %s [%q%s], %s: %q", effect, element, test.pattern, more, test.resource, decision(got))
					}
				}
			}
		}
	}
}

// TestVersions: only documents of 2012-10-17 have variables. In others ${ is
// text, in which * and ? are wildcards still.
func TestVersions(t *testing.T) {
	t.Parallel()
	context := keys{"aws:username": "alice", "aws:key": ""}
	for _, version := range []string{``, `"Version":"2008-10-17",`} {
		for value, want := range map[string]bool{"alice": false, "${aws:username}": true} {
			for operator, pattern := range map[string]string{"StringEquals": "${aws:username}", "StringEqualsIgnoreCase": "${AWS:username}", "StringLike": "${*}"} {
				context["aws:key"] = value
				p := compile(t, `{`+version+`"Statement":{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"`+operator+`":{"aws:key":"`+pattern+`"}}}}`, nil)
				if got := p.Evaluate(&policy.Request{Action: "kms:Encrypt", Context: context}); (got.Allow != nil) != want {
					t.Errorf("%s %s, %s %s: %q", version, operator, pattern, value, decision(got))
				}
			}
		}
		p := compile(t, `{`+version+`"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:kms:us-east-1:111122223333:alias/${aws:username}"}}`, nil)
		for name, want := range map[string]bool{"alice": false, "${aws:username}": true} {
			r := &policy.Request{Action: "kms:Encrypt", Resource: "arn:aws:kms:us-east-1:111122223333:alias/" + name, Context: context}
			if got := p.Evaluate(r); (got.Allow != nil) != want {
				t.Errorf("%s %s: %q", version, name, decision(got))
			}
		}
	}
}
