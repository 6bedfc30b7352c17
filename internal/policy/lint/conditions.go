package lint

import (
	"fmt"
	"slices"
	"strings"

	"trent/internal/condkey"
	"trent/internal/policy"
)

// conditions looks at the conditions of a statement, each for itself and those
// of one key together.
func (l *linter) conditions(s *policy.Statement) {
	byKey := map[string][]policy.Condition{}
	var order []string
	for i := range s.Condition {
		c := &s.Condition[i]
		k := l.conditionKey(s, c)
		if k == nil {
			continue
		}
		l.setOperator(c, k)
		if !l.operator(s, c, k) {
			continue
		}
		l.values(s, c, k)
		name := strings.ToLower(c.Key)
		if byKey[name] == nil {
			order = append(order, name)
		}
		byKey[name] = append(byKey[name], *c)
	}
	for _, name := range order {
		k, _ := condkey.Find(name)
		l.together(s, k, byKey[name])
	}
}

// conditionKey finds a condition's key, and says whether requests can have it;
// nil if they cannot.
func (l *linter) conditionKey(s *policy.Statement, c *policy.Condition) *condkey.Key {
	name := strings.ToLower(c.Key)
	k, _ := condkey.Find(name)
	vendor, _, _ := strings.Cut(name, ":")
	switch {
	case k == nil && l.Kind != Key && (vendor == "sts" || vendor == "iam" || vendor != "aws" && vendor != "kms" && l.elsewhere(s)):
		return nil // not ours to judge
	case k == nil:
		l.add(Error, "unknown-condition-key", "no request has the condition key "+c.Key, l.absent(s, c), l.nearestKey(c.Key))
		return nil
	case k.Never:
		l.add(Warning, "unused-condition-key", "no request to Trent has the condition key "+c.Key+" yet", l.absent(s, c), "take the condition out, or keep it for AWS")
		return nil
	case l.Kind == Trust || l.elsewhere(s):
		return k
	}
	var without []string
	with := false
	for _, pattern := range s.Action {
		if slices.ContainsFunc(l.expand(pattern), has(k)) {
			with = true
		} else if len(l.expand(pattern)) > 0 {
			without = append(without, pattern)
		}
	}
	switch {
	case s.NotAction != nil || k.Ops == 0:
	case !with && len(without) > 0:
		l.add(Error, "condition-key-of-other-actions", "requests for "+join(s.Action)+" do not have "+c.Key, l.absent(s, c), "see docs/authorization.md for the keys that an action has")
		return nil
	case len(without) > 0:
		l.add(Warning, "condition-key-of-other-actions", "requests for "+join(without)+" do not have "+c.Key, "For these actions: "+l.absent(s, c), "give them a statement of their own")
	}
	return k
}

// has makes a function that reports whether requests for an action may have a
// key.
func has(k *condkey.Key) func(action) bool {
	return func(a action) bool {
		for _, op := range a.ops {
			if k.Ops.Has(op) {
				return true
			}
		}
		return k.Global && len(a.ops) == 0
	}
}

// elsewhere reports whether a statement may be about another service too.
func (l *linter) elsewhere(s *policy.Statement) bool {
	return s.NotAction != nil && l.Kind != Key || slices.ContainsFunc(s.Action, l.foreign)
}

// holdsAbsent reports whether a condition holds in requests that do not have
// its key.
func holdsAbsent(c *policy.Condition) bool {
	switch {
	case c.Operator == "Null":
		return slices.ContainsFunc(c.Values, func(v string) bool { return strings.EqualFold(v, "true") })
	case c.IfExists, c.Set == policy.ForAllValues:
		return true
	}
	return negative(c.Operator) && c.Set == ""
}

// absent says what a condition does to its statement when requests do not have
// the key.
func (l *linter) absent(s *policy.Statement, c *policy.Condition) string {
	if holdsAbsent(c) {
		return "The condition always holds: it restricts nothing"
	}
	return never(s)
}

// never says what a condition does that never holds.
func never(s *policy.Statement) string {
	if s.Effect == policy.Deny {
		return "The condition never holds, so the statement denies nothing"
	}
	return "The condition never holds, so the statement allows nothing"
}

// nearestKey proposes a key for one that does not exist.
func (l *linter) nearestKey(wrong string) string {
	lower := strings.ToLower(wrong)
	for _, k := range condkey.All() {
		name := strings.ToLower(k.Name)
		switch {
		case k.Family && strings.TrimRight(lower, ":/") == strings.TrimRight(name, ":/"):
			return "say which one, as " + k.Name + "<name>"
		case k.Family && Distance(name, stem(lower)) <= 2:
			return "perhaps " + k.Name + wrong[len(stem(lower)):] + " is meant"
		case !k.Family && Distance(name, lower) <= 2:
			return "perhaps " + k.Name + " is meant"
		}
	}
	return "docs/authorization.md lists the condition keys"
}

// stem is the part of a condition key up to its second separator.
func stem(key string) string {
	_, rest, _ := strings.Cut(key, ":")
	if i := strings.IndexAny(rest, ":/"); i >= 0 {
		return key[:len(key)-len(rest)+i+1]
	}
	return key
}

// setOperator finds set operators that do not fit the key, and those that are
// missing.
func (l *linter) setOperator(c *policy.Condition, k *condkey.Key) {
	const single = "A request has one value of it at most"
	switch {
	case c.Set == policy.ForAllValues && !k.Multi:
		l.add(Warning, "set-operator", "ForAllValues stands before the single-valued key "+c.Key, single+", and ForAllValues holds in requests that have none", "take ForAllValues out")
	case c.Set == policy.ForAnyValue && !k.Multi:
		l.add(Note, "set-operator", "ForAnyValue stands before the single-valued key "+c.Key, single, "take ForAnyValue out")
	case c.Set == "" && k.Multi && c.Operator != "Null":
		l.add(Error, "set-operator", c.Key+" has several values, and no set operator stands before "+c.Operator, "Which of them is to match is not said, and AWS does not say what happens",
			"write ForAnyValue:"+c.Operator+", or ForAllValues with a Null condition beside it")
	case c.Set == policy.ForAllValues:
		l.add(Note, "set-operator", "ForAllValues holds in requests without any value of "+c.Key, "As in those without an encryption context or tags",
			fmt.Sprintf("add \"Null\": {%q: \"false\"} if there is to be one", c.Key))
	}
}

// family is the operators that an operator belongs to.
func family(operator string) string {
	for _, f := range [...]string{"String", "Numeric", "Date", "Arn", "Binary"} {
		if strings.HasPrefix(operator, f) {
			return f
		}
	}
	if strings.HasSuffix(operator, "IpAddress") {
		return "IpAddress"
	}
	return operator // Bool, Null
}

// operator finds operators that do not fit the type of the key. It reports
// whether the condition can be meant.
func (l *linter) operator(s *policy.Statement, c *policy.Condition, k *condkey.Key) bool {
	f := family(c.Operator)
	want := k.Type.String()
	switch {
	case f == "Null", f == want, k.Type == condkey.Epoch && f == "Numeric":
		return true
	case k.Type == condkey.String && (k.Family || f == "Arn" && arnText(k.ID)):
		return true // whatever text callers write there
	case k.Type == condkey.ARN && f == "String":
		return true
	case f == "String" && (k.Type == condkey.Bool || k.Type == condkey.Numeric || k.Type == condkey.IP):
		l.add(Warning, "operator", c.Key+" is compared as text, by "+c.Operator, "Its type is "+want+", and one value can be written in several ways", "use an operator for "+want)
		return true
	}
	what := never(s)
	if negative(c.Operator) {
		what = "The condition always holds: it restricts nothing"
	}
	l.add(Error, "operator", c.Operator+" does not work on "+c.Key, "Its type is "+want+". "+what, "use an operator for "+want)
	return false
}

// arnText reports whether the text of a key is an ARN as a rule.
func arnText(id condkey.ID) bool {
	return id == condkey.GranteePrincipal || id == condkey.RetiringPrincipal
}
