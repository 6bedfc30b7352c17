package policy_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"trent/internal/policy"
)

// rounds is n, or with TRENT_SOAK many more.
func rounds(n int) int {
	if os.Getenv("TRENT_SOAK") == "1" {
		return 40 * n
	}
	return n
}

// random is a text of n of the given parts at most.
func random(r *rand.Rand, n int, parts ...string) string {
	var b strings.Builder
	for range r.IntN(n + 1) {
		b.WriteString(parts[r.IntN(len(parts))])
	}
	return b.String()
}

// asRegexp is a pattern as a regular expression, where * stands for many and ?
// for one.
func asRegexp(pattern, many, one string) string {
	return strings.NewReplacer(`\*`, many, `\?`, one).Replace(regexp.QuoteMeta(pattern))
}

// partsAsRegexp is a pattern whose first five parts keep their wildcards inside;
// with beyond, but for a * that ends one.
func partsAsRegexp(pattern string, beyond bool) string {
	parts := strings.SplitN(pattern, ":", 6)
	for i, part := range parts {
		switch {
		case i == 5:
			parts[i] = asRegexp(part, `(?s:.*)`, `(?s:.)`)
		case beyond && strings.HasSuffix(part, "*"):
			parts[i] = asRegexp(strings.TrimRight(part, "*"), `[^:]*`, `[^:]`) + `(?s:.*)`
		default:
			parts[i] = asRegexp(part, `[^:]*`, `[^:]`)
		}
	}
	return strings.Join(parts, ":")
}

// TestPatternsAsRegexp: patterns match what regular expressions say.
func TestPatternsAsRegexp(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(1, 2))
	both := [2]int{}
	for range rounds(2500) {
		pattern := random(r, 12, "a", "b", ":", "*", "*", "?", "é", "a*")
		value := random(r, 10, "a", "b", ":", "é", "a", "\n", "日", "\xff", "*")
		if r.IntN(2) == 0 { // one that is near
			value = strings.NewReplacer("*", random(r, 3, "a", "b", ":"), "?", random(r, 1, "a", "é", ":")).Replace(pattern)
		}
		for syntax, expression := range map[string]string{
			"StringLike": asRegexp(pattern, `(?s:.*)`, `(?s:.)`),
			"ArnLike":    partsAsRegexp(pattern, false),
			"Resource":   partsAsRegexp(pattern, true),
			"Action":     `(?i)` + asRegexp(pattern, `(?s:.*)`, `(?s:.)`),
		} {
			if syntax == "Action" && strings.Contains(pattern+value, "é") {
				continue // no action has other letters
			}
			want := regexp.MustCompile(`\A` + expression + `\z`).MatchString(value)
			s := policy.Statement{Effect: policy.Allow, Action: []string{"*"}, Resource: []string{"*"}}
			ask := policy.Request{Action: "a:b", Context: keys{"aws:key": value}}
			switch syntax {
			case "Resource":
				s.Resource, ask.Resource = []string{pattern}, value
			case "Action":
				s.Action, ask.Action = []string{pattern}, strings.ToUpper(value)
			default:
				s.Condition = []policy.Condition{{Operator: syntax, Key: "aws:key", Values: []string{pattern}}}
			}
			p := policy.Compile(&policy.Document{Statements: []policy.Statement{s}}, nil)
			if got := p.Evaluate(&ask).Allow != nil; got != want {
				t.Fatalf("%s %q, %q: %t", syntax, pattern, value, got)
			}
			if want {
				both[1]++
			} else {
				both[0]++
			}
		}
	}
	if min(both[0], both[1]) < 1000 {
		t.Errorf("%d do not match, %d match: too few of a kind", both[0], both[1])
	}
}

// randomStatement is a statement with a bit of everything.
func randomStatement(r *rand.Rand) string {
	one := func(from ...string) string { return from[r.IntN(len(from))] }
	not := func() string { return one("", "", "Not") }
	effect := one("Allow", "Allow", "Deny")
	var b strings.Builder
	fmt.Fprintf(&b, `{"Effect":"%s"`, effect)
	if r.IntN(8) > 0 {
		fmt.Fprintf(&b, `,"%sAction":["%s","%s"]`, not(), one("kms:*", "kms:Encrypt", "*", "kms:De*"), one("kms:*ncrypt", "kms:Sign"))
	}
	if r.IntN(8) > 0 {
		fmt.Fprintf(&b, `,"%sResource":"%s"`, not(), one("*", keyARN, "arn:aws:kms:*:111122223333:key/*", "arn:aws:kms:us-east-1:111122223333:alias/${aws:username}"))
	}
	if r.IntN(8) > 0 {
		fmt.Fprintf(&b, `,"%sPrincipal":{"AWS":["%s","%s"]}`, not(), one("*", alice, "111122223333", "444455556666"), one(theRoot.ARN, theSession.ARN, theSession.RoleARN))
	}
	if r.IntN(3) > 0 {
		fmt.Fprintf(&b, `,"Condition":{"%s%s%s%s":{"%s":["%s","%s"]},"Null":{"aws:z":"%t"}}`, one("", "", "ForAllValues:", "ForAnyValue:"),
			one("StringEquals", "StringNotEquals", "StringLike", "StringNotLike", "ArnLike", "ArnNotLike", "StringEqualsIgnoreCase"), one("", "IfExists"), "",
			one("aws:username", "aws:set", "aws:none"), one("alice", "a*", "x", "${aws:username}"), one("b", "${aws:none}", "${aws:none, 'a'}", "*"), r.IntN(4) > 0)
	}
	return b.String() + "}"
}

// randomRequest asks something that randomStatement may be about.
func randomRequest(r *rand.Rand) policy.Request {
	one := func(from ...string) string { return from[r.IntN(len(from))] }
	context := keys{"aws:set": [][]string{{}, {""}, {"a"}, {"b", "alice"}}[r.IntN(4)]}
	if r.IntN(3) > 0 {
		context["aws:username"] = one("alice", "bob")
	}
	return policy.Request{
		Action: one("kms:Encrypt", "kms:Decrypt", "kms:Sign", "s3:GetObject"), Resource: one("", keyARN, "arn:aws:kms:us-east-1:111122223333:alias/alice"),
		Principal: [...]policy.Principal{theRoot, theUser, theSession, bob, theLogs, anonymous}[r.IntN(6)], Context: context,
	}
}

// traced is the outcome that Trace's findings mean.
func traced(found []policy.Finding) (o policy.Outcome) {
	for _, f := range found {
		switch {
		case f.Missed != "":
		case f.Statement.Effect == policy.Deny && o.Deny == nil:
			o.Deny = f.Statement
		case f.Statement.Effect == policy.Allow && f.Via > o.Via:
			o.Allow, o.Via = f.Statement, f.Via
		}
	}
	if o.Deny != nil {
		o.Allow, o.Via = nil, policy.ViaNothing
	}
	return o
}

// agree fails if the slow path says other than the fast one, or if it says it
// wrongly: what is missed has a reason.
func agree(t *testing.T, p *policy.Policy, ask policy.Request, resourceBased bool) policy.Outcome {
	t.Helper()
	evaluate := p.Evaluate
	if resourceBased {
		evaluate = p.EvaluateResource
	}
	fast, slow := ask, ask
	got := evaluate(&fast)
	found := p.Trace(&slow, resourceBased)
	switch {
	case got.Exhausted && (got.Deny != nil || got.Allow != nil || got.Via != policy.ViaNothing || fast.Steps != policy.MaxSteps+1),
		fast.Steps > policy.MaxSteps+1, slow.Steps > policy.MaxSteps+1:
		t.Fatalf("%+v after %d and %d steps", got, fast.Steps, slow.Steps)
	case got.Exhausted || slow.Steps > policy.MaxSteps: // Trace asks more
		if slow.Steps > policy.MaxSteps && found != nil {
			t.Fatalf("findings after %d steps", slow.Steps)
		}
		return got
	case traced(found) != got || len(found) != len(p.Document().Statements):
		t.Fatalf("%s\n%+v\nfast %+v\nslow %+v", p.Document().AppendJSON(nil), ask, got, found)
	}
	for i, f := range found {
		if f.Statement != &p.Document().Statements[i] || (f.Condition != nil) != (f.Missed == policy.ElementCondition) {
			t.Fatalf("%s\n%+v\n%+v", p.Document().AppendJSON(nil), ask, f)
		}
	}
	return got
}

// TestTraceAgrees: Trace gives the reasons of what Evaluate says, and a budget
// that was too small never turns into an answer.
func TestTraceAgrees(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	seen := map[string]int{}
	for range rounds(2500) {
		all := randomStatement(r)
		for range r.IntN(5) {
			all += "," + randomStatement(r)
		}
		p := compile(t, statements(all), policy.Bound{alice: "AIDAALICE"})
		for _, resourceBased := range []bool{false, true} {
			ask := randomRequest(r)
			got := agree(t, p, ask, resourceBased)
			seen[decision(got)]++
			ask.Steps = policy.MaxSteps - r.IntN(60)
			if late := agree(t, p, ask, resourceBased); !late.Exhausted && late != got {
				t.Fatalf("%s\n%+v\nwith few steps %+v, with many %+v", p.Document().AppendJSON(nil), ask, late, got)
			} else if late.Exhausted {
				seen["exhausted"]++
			}
		}
	}
	for _, kind := range []string{"allow", "deny", "", "exhausted"} {
		if seen[kind] < 200 {
			t.Errorf("%d of the outcomes are %q: too few", seen[kind], kind)
		}
	}
}

// FuzzEvaluate: any document, any request: no panic, no more steps than there
// are, the same answer again, and the slow path agrees.
func FuzzEvaluate(f *testing.F) {
	f.Add(statements(`{"Effect":"Allow","Principal":"*","Action":"kms:*","Resource":"arn:aws:kms:*:*:key/*","Condition":{"StringLike":{"aws:a":"*${aws:b}*"}}}`), "kms:Encrypt", keyARN, "xyz", "y", uint8(1))
	f.Add(statements(`{"Effect":"Deny","NotPrincipal":{"AWS":"111122223333"},"NotAction":"kms:?","NotResource":"*","Condition":{"ForAllValues:NotIpAddressIfExists":{"aws:c":"::/0"}}}`), "kms:a", "", "192.0.2.1", "::1", uint8(2))
	f.Add(statements(`{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"DateGreaterThan":{"aws:a":"2026"},"NumericLessThan":{"aws:b":5},"BinaryEquals":{"aws:b":"NA=="},"Null":{"aws:d":"true"}}}`), "a:b", "c", "1800000000", "4", uint8(0))
	f.Fuzz(func(t *testing.T, document, action, resource, a, b string, who uint8) {
		d, err := policy.Parse(document)
		if err != nil {
			return
		}
		p := policy.Compile(d, policy.Bound{alice: "AIDAALICE"})
		ask := policy.Request{
			Action: action, Resource: resource, Context: keys{"aws:a": a, "aws:b": b, "aws:c": []string{a, b}, "aws:e": []string{}},
			Principal: [...]policy.Principal{theRoot, theUser, theSession, bob, theLogs, anonymous}[who%6],
		}
		for _, resourceBased := range []bool{false, true} {
			if got, again := agree(t, p, ask, resourceBased), agree(t, p, ask, resourceBased); !reflect.DeepEqual(got, again) {
				t.Fatalf("%+v, then %+v", got, again)
			}
		}
	})
}
