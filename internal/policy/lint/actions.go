package lint

import (
	"fmt"
	"slices"
	"strings"

	"trent/internal/api"
	"trent/internal/optable"
	"trent/internal/policy"
)

// An action of AWS KMS.
type action struct {
	name   string // kms:Encrypt
	ops    []api.Op
	key    bool // it is about a key, so that a key policy can allow it
	abroad bool // it works on another account's key
	alias  bool // it is about an alias too
}

// kmsActions are all actions, by name.
func kmsActions() []action {
	byName := map[string]*action{
		// It is nobody's operation: AWS KMS performs it on replicas.
		"kms:SynchronizeMultiRegionKey": {name: "kms:SynchronizeMultiRegionKey", key: true},
	}
	for op := api.Op(1); op <= api.NumOps; op++ {
		row := optable.Of(op)
		for _, name := range row.Actions {
			if name == "" {
				continue
			}
			a := byName[name]
			if a == nil {
				a = &action{name: name}
				byName[name] = a
			}
			a.ops = append(a.ops, op)
			// RetireGrant is ignored in key policies; ListAliases, which a key may
			// filter, is not authorized on it.
			a.key = a.key || row.Target != optable.None && row.Target != optable.KeyStore && row.Target != optable.FilterKey && row.Target != optable.Token
			a.abroad = a.abroad || row.CrossAccount
			a.alias = a.alias || op == api.OpCreateAlias || op == api.OpUpdateAlias || op == api.OpDeleteAlias
		}
	}
	all := make([]action, 0, len(byName))
	for _, a := range byName {
		all = append(all, *a)
	}
	slices.SortFunc(all, func(a, b action) int { return strings.Compare(a.name, b.name) })
	return all
}

// expand are the actions that a pattern covers.
func (l *linter) expand(pattern string) (covered []action) {
	for _, a := range l.kms {
		if policy.MatchesAction(pattern, a.name) {
			covered = append(covered, a)
		}
	}
	return covered
}

// covered are the actions of AWS KMS that a statement is about.
func (l *linter) covered(s *policy.Statement) (all []action) {
	list, want := s.Action, true
	if s.NotAction != nil {
		list, want = s.NotAction, false
	}
	for _, a := range l.kms {
		listed := slices.ContainsFunc(list, func(p string) bool { return policy.MatchesAction(p, a.name) })
		if listed == want {
			all = append(all, a)
		}
	}
	return all
}

// actions finds those that do not exist, and those that a policy of this kind
// cannot be about.
func (l *linter) actions(s *policy.Statement) {
	for _, pattern := range slices.Concat(s.Action, s.NotAction) {
		l.action(s, pattern)
	}
	if s.NotAction != nil && s.Effect == policy.Allow {
		l.add(Warning, "not-action", fmt.Sprintf("it allows every action but %s", join(s.NotAction)),
			"Actions of later releases are among them, and kms:PutKeyPolicy, which allows all others, unless it is listed",
			"list what it shall allow in Action")
	}
}

func (l *linter) action(s *policy.Statement, pattern string) {
	vendor, name, found := strings.Cut(pattern, ":")
	switch {
	case pattern == "*" || strings.ContainsAny(vendor, "*?"):
		return
	case l.Kind == Trust:
		l.trustAction(vendor, name, pattern)
		return
	case !found || !strings.EqualFold(vendor, "kms"):
		if l.Kind != Key && found && !isOurs(vendor) {
			l.add(Note, "other-service", pattern+" is of a service that Trent does not have", "It has no effect here: Trent's are kms, iam, sts and cloudtrail", "leave it out, or keep it for AWS")
		}
		return
	}
	actions := l.expand(pattern)
	if len(actions) == 0 {
		mend := "see docs/operations.md for the actions that there are"
		if near := l.nearest(pattern); near != "" {
			mend = "perhaps " + near + " is meant"
		}
		l.add(Error, "unknown-action", "there is no action "+pattern, without(s, "the action"), mend)
		return
	}
	if l.Kind == Key && !slices.ContainsFunc(actions, func(a action) bool { return a.key }) {
		l.add(Warning, "no-key-action", pattern+" has no effect in a key policy", "It is not asked about a key: only IAM policies can allow or deny it",
			"move it to an IAM policy with the Resource \"*\"")
	}
}

// isOurs reports whether a vendor of actions is a service of Trent's.
func isOurs(vendor string) bool {
	v := strings.ToLower(vendor)
	return v == "kms" || v == "iam" || v == "sts" || v == "cloudtrail"
}

// trustAction is action for the policy of a role.
func (l *linter) trustAction(vendor, name, pattern string) {
	if strings.EqualFold(vendor, "sts") {
		for _, known := range [...]string{"AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity", "TagSession", "SetSourceIdentity", "SetContext"} {
			if policy.MatchesAction(name, known) {
				return
			}
		}
	}
	l.add(Error, "unknown-action", pattern+" has nothing to do with assuming a role", "A trust policy says who may assume the role, and is asked for nothing else",
		"use sts:AssumeRole, and with session tags sts:TagSession")
}

// nearest names actions that a wrong one may have been meant for.
func (l *linter) nearest(wrong string) string {
	wrong = strings.ToLower(strings.Trim(wrong, "*?"))
	var longer, near []string
	for _, a := range l.kms {
		name := strings.ToLower(a.name)
		if strings.HasPrefix(name, wrong) && len(wrong) > len("kms:ab") {
			longer = append(longer, a.name)
		} else if Distance(name, wrong) <= 2 {
			near = append(near, a.name)
		}
	}
	if len(longer) > 0 {
		near = longer
	}
	return strings.Join(near[:min(len(near), 4)], " or ")
}

// Distance is how many letters are to be inserted, deleted or replaced to make b
// of a.
func Distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := before
			if a[i] != b[j] {
				cost++
			}
			before = row[j+1]
			row[j+1] = min(cost, row[j]+1, before+1)
		}
	}
	return row[len(b)]
}
