package policy_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"testing"

	"trent/internal/policy"
	"trent/internal/policy/plain"
)

// choices turns bytes into choices, so that whatever a fuzzer writes is some
// document and some request. Without bytes every choice is the first.
type choices struct{ rest []byte }

func (c *choices) number(n int) int {
	if len(c.rest) == 0 {
		return 0
	}
	b := c.rest[0]
	c.rest = c.rest[1:]
	return int(b) % n
}

// one is one of a list.
func (c *choices) one(list ...string) string { return list[c.number(len(list))] }

// some are one to four of a list, as a JSON list, or one alone.
func (c *choices) some(one func() string) string {
	n := c.number(5)
	if n == 0 {
		return `"` + one() + `"`
	}
	var all []string
	for range n {
		all = append(all, `"`+one()+`"`)
	}
	return "[" + strings.Join(all, ",") + "]"
}

// The vocabulary: few words, so that documents and requests meet.
var (
	someActions   = []string{"kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKeyPair", "iam:GetUser", "sts:AssumeRole"}
	someResources = []string{
		"arn:aws:kms:eu-west-1:111122223333:key/a1", "arn:aws:kms:eu-west-1:111122223333:alias/alice", "",
		"arn:aws:kms:us-east-1:444455556666:key/mrk-a:b", "arn:aws:iam::111122223333:role/app", "arn:aws:kms",
	}
	someKeys  = []string{"aws:username", "kms:EncryptionContext:a", "aws:TagKeys", "app:List", "aws:PrincipalTag/É", "app:None"}
	someTexts = []string{
		"alice", "alice", "Alice", "al*", "a?ice", "*", "?", "", "é", "É", "${aws:username}", "${aws:TagKeys}", "${app:None, 'alice'}", "${*}", "${?}lice", "${$}",
		"x${aws:username}*", "${aws:username", "a:b", "arn:aws:iam::111122223333:role/app", "arn:aws:iam::*:role/?pp", "arn:*:*:*:*:*", "arn:aws:iam::1*:*", "a:b:c:d:e:f:g",
		"${aws:PrincipalTag/É}", "${app:List, 'é}'}",
	}
	someNumbers   = []string{"7", "7.0", "-7", "8", "1e1", "0.5", "${aws:username}", "09", "+7"}
	someDates     = []string{"2026-11-23T10:00:00Z", "2026-11-23T11:00:00+01:00", "2026-11-23", "2026-11", "2026", "1795428000", "-1", "2026-11-23T10:00Z", "2026-11-23T10:00:00.5Z", "${aws:CurrentTime}"}
	someBinaries  = []string{"YWxpY2U=", "", "YQ==", "${aws:username}"}
	someAddresses = []string{"203.0.113.0/24", "203.0.113.7", "0.0.0.0/0", "::/0", "2001:db8::/32", "2001:db8::1", "::ffff:203.0.113.7", "${aws:SourceIp}", "203.0.113.77/25"}
	someValues    = map[string][]string{
		"":           {"alice", "alice", "alice", "Alice", "al*", "", "é", "É", "*", "${aws:username}", "arn:aws:iam::111122223333:role/app", "arn:aws:iam::444455556666:role/x:y", "a:b:c:d:e:f:g", "a:b", "xalice", "alice\nx"},
		"app:Number": {"7", "7.5", "-7", "10", "seven", "0.50"}, "app:Bool": {"true", "FALSE", "yes"}, "app:Binary": {"alice", "a", ""},
		"app:Date":    {"2026-11-23T10:00:00Z", "2026-11-23T10:00:00.5Z", "2026-11-01T00:00:00Z", "2026", "1795428000", "today"},
		"app:Address": {"203.0.113.7", "203.0.113.200", "2001:db8::1", "::ffff:203.0.113.7", "fe80::1%eth0", "localhost"},
	}
	somePrincipals = []string{
		"*", "111122223333", "444455556666", "arn:aws:iam::111122223333:root", "arn:aws:iam::444455556666:root", "arn:aws-cn:iam::111122223333:root",
		"arn:aws:iam::111122223333:user/alice", "arn:aws:iam::111122223333:user/staff/ward-7/carol", "arn:aws:iam::444455556666:user/bob",
		"arn:aws:iam::111122223333:role/app", "arn:aws:iam::111122223333:role/team/ops", "arn:aws:iam::444455556666:role/app",
		"arn:aws:sts::111122223333:assumed-role/app/build-7", "arn:aws:sts::111122223333:assumed-role/app/build-8", "arn:aws:sts::444455556666:assumed-role/app/build-7",
	}
	someCallers = []string{"alice", "bounded alice", "carol", "root", "session", "sibling", "path session", "bob", "foreign root", "foreign session", "logs", "new alice", "new app"}
	someBound   = policy.Bound{"arn:aws:iam::111122223333:user/alice": "AIDAALICE", "arn:aws:iam::111122223333:role/app": "AROAAPP"}
)

func (c *choices) action() string {
	if c.number(2) == 0 {
		return "*"
	}
	return c.one(append([]string{"*", "kms:*", "KMS:encrypt", "kms:?ncrypt", "kms:*Key*", "*:*", "kms:GenerateDataKey", "kms:${aws:username}"}, someActions...)...)
}

func (c *choices) resource() string {
	if c.number(2) == 0 {
		return "*"
	}
	return c.one("arn:aws:kms:*:*:key/*", "arn:aws:kms:eu-west-1:111122223333:key/a1", "arn:aws:kms:eu-west-1:111122223333:alias/${aws:username}", "arn:aws:kms:*:*:alias/${app:None}",
		"arn:aws:kms:*:*:alias/${app:None, 'alice'}", "arn:aws:kms", "arn:aws:kms:*", "arn:aws:kms:us-east-1", "arn:aws:kms:*:*:key/mrk-*:?", "arn:aws:kms:eu-*-1:*:key/a?",
		"arn:aws:k?s:*:*:*", "arn:aws:kms:*1:111122223333:key/*", "arn:aws:iam::*:role/app", "arn:aws:kms:eu-west-1:111122223333:*", "arn:aws:kms:*:key/*", "${aws:username}",
		"arn:aws:kms:${aws:username}:*:*", "arn:aws:kms:eu-west-1:111122223333:key/${*}")
}

// principals is a principal element's value.
func (c *choices) principals() string {
	switch c.number(8) {
	case 0:
		return `"*"`
	case 1:
		return `{"Service":` + c.some(func() string { return c.one("logs.amazonaws.com", "s3.amazonaws.com") }) + `}`
	case 2:
		return `{"AWS":` + c.some(func() string { return c.one(somePrincipals...) }) + `,"Service":"logs.amazonaws.com"}`
	case 3:
		return `{"Federated":"accounts.google.com"}`
	}
	return `{"AWS":` + c.some(func() string { return c.one(somePrincipals...) }) + `}`
}

// comparisons are the operators, values of policies for them, and the key whose
// values they are often asked of; texts are of any.
var comparisons = []struct {
	key               string
	operators, values []string
}{
	{"", []string{"StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike", "StringNotLike"}, someTexts},
	{"", []string{"ArnEquals", "ArnLike", "ArnNotEquals", "ArnNotLike"}, someTexts},
	{"app:Number", []string{"NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals"}, someNumbers},
	{"app:Date", []string{"DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals"}, someDates},
	{"app:Bool", []string{"Bool"}, []string{"true", "false", "TRUE", "${aws:username}"}},
	{"app:Binary", []string{"BinaryEquals"}, someBinaries},
	{"app:Address", []string{"IpAddress", "NotIpAddress"}, someAddresses},
}

// key is a key for a comparison.
func (c *choices) key(often string) string {
	if often != "" && c.number(8) != 7 {
		return often
	}
	return c.one(someKeys...)
}

// condition is one operator with its keys.
func (c *choices) condition() string {
	if c.number(12) == 11 {
		return `"Null":{"` + c.one(someKeys...) + `":` + c.some(func() string { return c.one("true", "false") }) + `}`
	}
	kind := comparisons[c.number(len(comparisons))]
	operator := c.one("", "ForAllValues:", "ForAnyValue:") + c.one(kind.operators...) + c.one("", "", "IfExists")
	return `"` + operator + `":{"` + c.key(kind.key) + `":` + c.some(func() string { return c.one(kind.values...) }) + `}`
}

func (c *choices) statement(sid int) string {
	text := fmt.Sprintf(`{"Sid":"S%d","Effect":"%s","%sAction":%s`, sid, c.one("Allow", "Deny"), c.one("", "", "Not"), c.some(c.action))
	if c.number(8) != 7 {
		text += fmt.Sprintf(`,"%sPrincipal":%s`, c.one("", "", "", "Not"), c.principals())
	}
	if c.number(12) != 11 {
		text += fmt.Sprintf(`,"%sResource":%s`, c.one("", "", "", "", "", "Not"), c.some(c.resource))
	}
	if n := c.number(3); n > 0 {
		var all []string
		for range n {
			all = append(all, c.condition())
		}
		text += `,"Condition":{` + strings.Join(all, ",") + `}`
	}
	return text + "}"
}

// document has one to four statements.
func (c *choices) document() string {
	version := c.one(`"Version":"2012-10-17",`, `"Version":"2012-10-17",`, `"Version":"2008-10-17",`, ``)
	var all []string
	for sid := range 1 + c.number(4) {
		all = append(all, c.statement(sid))
	}
	return "{" + version + `"Statement":[` + strings.Join(all, ",") + `]}`
}

func (c *choices) context() values {
	keys := values{}
	add := func(key string, of []string) {
		key = strings.ToLower(key)
		switch c.number(5) {
		case 0, 1, 2:
			keys[key] = policy.Values{Present: true, One: c.one(of...)}
		case 3:
			set := []string{}
			for range c.number(4) {
				set = append(set, c.one(of...))
			}
			keys[key] = policy.Values{Present: true, Multi: true, Set: set}
		}
	}
	for _, key := range someKeys[:len(someKeys)-1] { // the last is in no request
		add(key, someValues[""])
	}
	for _, comparison := range comparisons[2:] {
		add(comparison.key, someValues[comparison.key])
	}
	return keys
}

// alike fails the test unless the fast and the plain evaluator say the same, and
// give the same reasons. It returns what they said of an identity-based and of a
// resource-based policy.
func alike(t *testing.T, data []byte) (outcomes [2]policy.Outcome) {
	t.Helper()
	c := &choices{data}
	request := policy.Request{Action: c.one(someActions...), Resource: c.one(someResources...), Principal: callers[c.one(someCallers...)]}
	request.Context = c.context()
	var bound policy.Bound
	if c.number(2) == 1 {
		bound = someBound
	}
	text := c.document()
	d, err := policy.Parse(text)
	if err != nil { // one operator and key twice
		return outcomes
	}
	p := policy.Compile(d, bound)
	for i, resourceBased := range []bool{false, true} {
		asked, traced := request, request
		want, got := plain.Evaluate(d, &request), policy.Outcome{}
		if resourceBased {
			want, got = plain.EvaluateResource(d, bound, &request), p.EvaluateResource(&asked)
		} else {
			got = p.Evaluate(&asked)
		}
		if got != want {
			t.Fatalf("%s\n%+v\nresource-based %t: fast says %s after %d steps, plain says %s", text, request, resourceBased, said(got, resourceBased), asked.Steps, said(want, resourceBased))
		}
		reasons := plain.Why(d, bound, &request, resourceBased)
		for j, found := range p.Trace(&traced, resourceBased) {
			if missed := strings.ToLower(strings.TrimPrefix(string(found.Missed), "Not")); missed != reasons[j] {
				t.Fatalf("%s\n%+v\nresource-based %t, statement %d: fast misses %q, plain %q", text, request, resourceBased, j, missed, reasons[j])
			}
		}
		outcomes[i] = got
	}
	return outcomes
}

// FuzzEvaluators: the two evaluators are alike, whatever the policy and the
// request.
func FuzzEvaluators(f *testing.F) {
	f.Fuzz(func(t *testing.T, data []byte) { _ = alike(t, data) })
}

// TestEvaluators: they are alike for many random ones, which have every operator
// with every outcome.
func TestEvaluators(t *testing.T) {
	t.Parallel()
	rounds := 8000
	if os.Getenv("TRENT_SOAK") != "" {
		rounds = 1_000_000
	}
	r := rand.New(rand.NewPCG(5, 7))
	seen := map[string]bool{}
	data := make([]byte, 160)
	for range rounds {
		for i := range data {
			data[i] = byte(r.Uint32())
		}
		for _, o := range alike(t, data) {
			s := o.Allow
			if o.Deny != nil {
				s = o.Deny
			}
			if s == nil {
				continue
			}
			for _, c := range s.Condition {
				seen[string(s.Effect)+" "+string(c.Set)+" "+c.Operator] = true
			}
		}
	}
	for _, effect := range []string{"Allow ", "Deny "} {
		for _, kind := range comparisons {
			for _, operator := range kind.operators {
				for _, set := range []string{"", "ForAllValues", "ForAnyValue"} {
					if !seen[effect+set+" "+operator] {
						t.Errorf("no %s by %s:%s in %d rounds", effect, set, operator, rounds)
					}
				}
			}
		}
		if !seen[effect+" Null"] {
			t.Errorf("no %s by Null in %d rounds", effect, rounds)
		}
	}
}
