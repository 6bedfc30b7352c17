package policy_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trent/internal/condkey"
	"trent/internal/policy"
	"trent/internal/policy/plain"
)

// values is a request's context as the cases write it: a string is a key's one
// value, a list its several.
type values map[string]policy.Values

func (v values) Values(key string) policy.Values { return v[key] }

func (v *values) UnmarshalJSON(text []byte) error {
	var all map[string]any
	if err := json.Unmarshal(text, &all); err != nil {
		return err
	}
	*v = values{}
	for key, value := range all {
		switch value := value.(type) {
		case string:
			(*v)[strings.ToLower(key)] = policy.Values{Present: true, One: value}
		case []any:
			set := []string{}
			for _, one := range value {
				set = append(set, one.(string))
			}
			(*v)[strings.ToLower(key)] = policy.Values{Present: true, Multi: true, Set: set}
		default:
			return fmt.Errorf("context key %s is neither a string nor a list", key)
		}
	}
	return nil
}

// policyCase is one line of testdata/cases.
type policyCase struct {
	where, name  string
	kind         string // identity, managed, key, trust, endpoint: which check the document must pass
	document     *policy.Document
	bound        policy.Bound
	request      policy.Request
	expect       string // allow Sid [way], deny Sid, none part…
	fingerprints string // what no two cases may share
}

// resourceBased reports whether the case's policy names principals.
func (c *policyCase) resourceBased() bool { return c.kind != "identity" && c.kind != "managed" }

// callers are those who ask. Some have the names of others, who were deleted.
var callers = map[string]policy.Principal{
	"alice":           {Account: account, ARN: "arn:aws:iam::111122223333:user/alice", ID: "AIDAALICE"},
	"bounded alice":   {Account: account, ARN: "arn:aws:iam::111122223333:user/alice", ID: "AIDAALICE", Bounded: true},
	"carol":           {Account: account, ARN: "arn:aws:iam::111122223333:user/staff/ward-7/carol", ID: "AIDACAROL"},
	"root":            {Account: account, ARN: root, ID: account},
	"session":         {Account: account, ARN: "arn:aws:sts::111122223333:assumed-role/app/build-7", ID: "AROAAPP", RoleARN: "arn:aws:iam::111122223333:role/app"},
	"sibling":         {Account: account, ARN: "arn:aws:sts::111122223333:assumed-role/app/build-8", ID: "AROAAPP", RoleARN: "arn:aws:iam::111122223333:role/app"},
	"path session":    {Account: account, ARN: "arn:aws:sts::111122223333:assumed-role/ops/night", ID: "AROAOPS", RoleARN: "arn:aws:iam::111122223333:role/team/ops"},
	"bob":             {Account: "444455556666", ARN: "arn:aws:iam::444455556666:user/bob", ID: "AIDABOB"},
	"foreign root":    {Account: "444455556666", ARN: "arn:aws:iam::444455556666:root", ID: "444455556666"},
	"foreign session": {Account: "444455556666", ARN: "arn:aws:sts::444455556666:assumed-role/app/build-7", ID: "AROAFOREIGN", RoleARN: "arn:aws:iam::444455556666:role/app"},
	"logs":            {Service: "logs.amazonaws.com"},
	"new alice":       {Account: account, ARN: "arn:aws:iam::111122223333:user/alice", ID: "AIDANEWALICE"},
	"new app":         {Account: account, ARN: "arn:aws:sts::111122223333:assumed-role/app/build-7", ID: "AROANEWAPP", RoleARN: "arn:aws:iam::111122223333:role/app"},
}

var checks = map[string]func(*policy.Document, string) error{
	"identity": policy.CheckIdentityPolicy, "managed": policy.CheckManagedPolicy, "key": policy.CheckKeyPolicy,
	"trust": policy.CheckTrustPolicy, "endpoint": policy.CheckEndpointPolicy,
}

// ways are the words of the cases for how a statement covers the caller.
var ways = map[string]policy.Via{"": policy.ViaSelf, "self": policy.ViaSelf, "bounded": policy.ViaBounded, "account": policy.ViaAccount}

// settings are what stands before the cases of a file and holds from there on.
// <name> in them is the column of that name.
type settings map[string]string

// fill puts a case's columns in the places that settings have for them.
func (s settings) fill(name string, columns map[string]string) string {
	if v, ok := columns[name]; ok {
		return v
	}
	text := s[name]
	for column, value := range columns {
		text = strings.ReplaceAll(text, "<"+column+">", value)
	}
	return text
}

// readCases reads testdata/cases: README.md there says how they are written.
func readCases(t testing.TB) []*policyCase {
	t.Helper()
	files, err := filepath.Glob("testdata/cases/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no cases:", err)
	}
	var all []*policyCase
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		set := settings{}
		lines := bufio.NewScanner(bytes.NewReader(text))
		for n := 1; lines.Scan(); n++ {
			where := fmt.Sprintf("%s:%d", filepath.Base(file), n)
			line := strings.TrimSpace(lines.Text())
			switch setting, value, found := strings.Cut(line, ":: "); {
			case line == "" || strings.HasPrefix(line, "#"):
			case found:
				set[setting] = value
			default:
				all = append(all, readCase(t, where, line, set))
			}
		}
	}
	return all
}

func readCase(t testing.TB, where, line string, set settings) *policyCase {
	t.Helper()
	names, cells := strings.Split(set["columns"], " | "), strings.Split(line, " | ")
	if len(names) != len(cells) {
		t.Fatalf("%s: %d columns, want %d: %s", where, len(cells), len(names), set["columns"])
	}
	columns := map[string]string{}
	for i, name := range names {
		columns[name] = strings.TrimSpace(cells[i])
	}
	c := &policyCase{where: where, name: columns["name"], kind: set.fill("kind", columns), expect: set.fill("expect", columns)}
	text := set.fill("policy", columns)
	var err error
	if c.document, err = policy.Parse(text); err != nil {
		t.Fatalf("%s: %s: %v", where, text, err)
	}
	if err := checks[c.kind](c.document, partition); err != nil {
		t.Fatalf("%s: %s: %v", where, text, err)
	}
	context, caller, bound := set.fill("context", columns), set.fill("caller", columns), set.fill("bound", columns)
	keys := values{}
	for text, into := range map[string]any{context: &keys, bound: &c.bound} {
		if text == "" {
			continue
		}
		if err := json.Unmarshal([]byte(text), into); err != nil {
			t.Fatalf("%s: %s: %v", where, text, err)
		}
	}
	principal, known := callers[caller]
	if !known {
		t.Fatalf("%s: no principal %q", where, caller)
	}
	c.request = policy.Request{Action: set.fill("action", columns), Resource: set.fill("resource", columns), Principal: principal, Context: keys}
	sorted, _ := json.Marshal(keys)
	c.fingerprints = strings.Join([]string{c.kind, string(c.document.AppendJSON(nil)), bound, c.request.Action, c.request.Resource, caller, string(sorted)}, "\n")
	return c
}

// evaluators are the fast one and the plain one.
var evaluators = map[string]func(c *policyCase, r *policy.Request) policy.Outcome{
	"fast": func(c *policyCase, r *policy.Request) policy.Outcome {
		if c.resourceBased() {
			return policy.Compile(c.document, c.bound).EvaluateResource(r)
		}
		return policy.Compile(c.document, c.bound).Evaluate(r)
	},
	"plain": func(c *policyCase, r *policy.Request) policy.Outcome {
		if c.resourceBased() {
			return plain.EvaluateResource(c.document, c.bound, r)
		}
		return plain.Evaluate(c.document, r)
	},
}

// why says of each statement of a case what it is not about.
func why(c *policyCase) (missed []string) {
	r := c.request
	for _, f := range policy.Compile(c.document, c.bound).Trace(&r, c.resourceBased()) {
		missed = append(missed, strings.ToLower(strings.TrimPrefix(string(f.Missed), "Not")))
	}
	return missed
}

// said is an outcome in the words of the cases.
func said(o policy.Outcome, resourceBased bool) string {
	switch {
	case o.Exhausted:
		return "exhausted"
	case o.Deny != nil:
		return "deny " + o.Deny.SID
	case o.Allow == nil:
		return "none"
	case !resourceBased:
		return "allow " + o.Allow.SID
	}
	for word, via := range ways {
		if via == o.Via && word != "" {
			return "allow " + o.Allow.SID + " " + word
		}
	}
	return "allow " + o.Allow.SID + " nobody"
}

// TestCases: each case has the decision and the reason that its line expects,
// by both evaluators.
func TestCases(t *testing.T) {
	t.Parallel()
	all := readCases(t)
	const least = 1000
	if len(all) < least {
		t.Errorf("%d cases, want %d at least", len(all), least)
	}
	names, fingerprints := map[string]string{}, map[string]string{}
	for _, c := range all {
		if other, twice := names[c.name]; twice || c.name == "" {
			t.Errorf("%s: the name %q is that of %s", c.where, c.name, other)
		}
		if other, twice := fingerprints[c.fingerprints]; twice {
			t.Errorf("%s: %s: the same documents and request as %s", c.where, c.name, other)
		}
		names[c.name], fingerprints[c.fingerprints] = c.where, c.where
		want := c.expect
		if reasons, none := strings.CutPrefix(want, "none "); none {
			want = "none"
			if got := strings.Join(why(c), " "); got != reasons {
				t.Errorf("%s: %s: not allowed because of %s, want %s", c.where, c.name, got, reasons)
			}
		}
		r := c.request
		if slow, fast := plain.Why(c.document, c.bound, &r, c.resourceBased()), why(c); !slices.Equal(slow, fast) {
			t.Errorf("%s: %s: missed are %q, and %q by the plain evaluator", c.where, c.name, fast, slow)
		}
		for evaluator, evaluate := range evaluators {
			r := c.request
			if got := said(evaluate(c, &r), c.resourceBased()); got != want {
				t.Errorf("%s: %s: %s says %s, want %s", c.where, c.name, evaluator, got, want)
			}
		}
	}
}

// TestCasesOfKeys: each condition key has a case, by operators that fit its
// type, with one value or with several as requests have them.
func TestCasesOfKeys(t *testing.T) {
	t.Parallel()
	missing := map[string]bool{}
	for _, k := range condkey.All() {
		missing[k.Name] = true
	}
	for _, c := range readCases(t) {
		if !strings.HasPrefix(c.where, "keys.txt:") {
			continue
		}
		for _, condition := range c.document.Statements[0].Condition {
			k, _ := condkey.Find(strings.ToLower(condition.Key))
			if k == nil {
				t.Errorf("%s: no condition key %s", c.where, condition.Key)
				continue
			}
			fits := condition.Operator == "Null" || strings.Contains(condition.Operator, k.Type.String()) ||
				k.Type == condkey.Epoch && strings.HasPrefix(condition.Operator, "Numeric")
			v := c.request.Context.Values(strings.ToLower(condition.Key))
			if !fits || (condition.Set != "") != k.Multi && condition.Operator != "Null" || v.Present && v.Multi != k.Multi {
				t.Errorf("%s: %s does not fit %s, a key of type %s", c.where, condition.Operator, k.Name, k.Type)
			}
			delete(missing, k.Name)
		}
	}
	if len(missing) > 0 {
		t.Errorf("without a case: %v", slices.Sorted(maps.Keys(missing)))
	}
}
