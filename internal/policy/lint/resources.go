package lint

import (
	"fmt"
	"slices"
	"strings"

	"trent/internal/condkey"
	"trent/internal/policy"
)

// resources finds resources that the statement's actions never have.
func (l *linter) resources(s *policy.Statement) {
	if l.Kind == Key {
		for _, r := range s.Resource {
			if r != "*" {
				l.add(Error, "resource", "its resource is "+r, "A key policy is about its own key, by the Resource \"*\", whatever the key's ARN", `write "Resource": "*"`)
			}
		}
		return
	}
	if l.Kind == Trust {
		if len(s.Resource)+len(s.NotResource) > 0 {
			l.add(Error, "resource", "it has a Resource", "A trust policy is about its role", "leave Resource out")
		}
		return
	}
	for _, r := range s.Resource {
		l.resource(s, r)
	}
	l.accountActions(s)
}

// resource looks at one resource of a policy that is attached to somebody.
func (l *linter) resource(s *policy.Statement, r string) {
	if r == "*" || strings.Contains(r, "${") {
		return
	}
	parts := strings.SplitN(r, ":", 6)
	if len(parts) != 6 {
		if !strings.ContainsAny(r, "*?") {
			l.add(Error, "resource", r+" is no ARN", without(s, "it"), "write a key's whole ARN, arn:aws:kms:<Region>:<account>:key/<key id>, or \"*\"")
		}
		return
	}
	if l.elsewhere(s) || parts[2] != "kms" {
		return
	}
	actions := l.covered(s)
	switch isAlias, aliases := strings.HasPrefix(parts[5], "alias/"), slices.ContainsFunc(actions, func(a action) bool { return a.alias }); {
	case isAlias && !aliases && len(actions) > 0:
		l.add(Error, "alias-resource", "its resource is the alias "+r, "Requests are authorized on the key, also when they name it by an alias. "+without(s, "it"),
			"write the key's ARN; or \"*\" with a condition on kms:RequestAlias or kms:ResourceAliases")
	case !isAlias && !strings.HasPrefix(parts[5], "key/") && !strings.ContainsAny(parts[5], "*?"):
		l.add(Error, "resource", r+" is no key's ARN", without(s, "it"), "a key's ARN ends with key/<key id>")
	case parts[3] == "" || parts[4] == "":
		l.add(Error, "resource", r+" has no Region or no account", "Each key's ARN has both. "+without(s, "it"), "write them, or \"*\" in their place")
	}
}

// accountActions finds actions without a key in statements that are about keys.
func (l *linter) accountActions(s *policy.Statement) {
	if len(s.Resource) == 0 || slices.ContainsFunc(s.Resource, func(r string) bool { return strings.Trim(r, "*") == "" }) || s.NotAction != nil {
		return
	}
	var without []string
	for _, pattern := range s.Action {
		actions := l.expand(pattern)
		if !strings.HasSuffix(pattern, "*") && len(actions) > 0 && !slices.ContainsFunc(actions, func(a action) bool { return a.key || a.name == "kms:RetireGrant" }) {
			without = append(without, pattern)
		}
	}
	if len(without) > 0 {
		l.add(Warning, "account-action", join(without)+" is asked without a key", fmt.Sprintf("Only the Resource \"*\" covers it, and not %s", join(s.Resource)), "give it a statement of its own with the Resource \"*\"")
	}
}

// variables finds policy variables that stand for nothing.
func (l *linter) variables(s *policy.Statement) {
	texts := slices.Concat(s.Resource, s.NotResource)
	for i := range s.Condition {
		texts = append(texts, s.Condition[i].Values...)
	}
	for _, text := range texts {
		_, rest, found := strings.Cut(text, "${")
		if !found {
			continue
		}
		name, _, _ := strings.Cut(rest, "}")
		key, _, hasDefault := strings.Cut(name, ",")
		key = strings.ToLower(strings.TrimSpace(key))
		k, _ := condkey.Find(key)
		switch vendor, _, _ := strings.Cut(key, ":"); {
		case key == "*" || key == "?" || key == "$":
		case l.doc.Version != policy.Version2012:
			l.add(Error, "variable", text+" stands for itself", "Policy variables are of version "+policy.Version2012+", and this policy is of "+policy.Version2008, `begin the policy with "Version": "`+policy.Version2012+`"`)
		case k == nil && (vendor == "aws" || vendor == "kms"), k != nil && k.Never && !hasDefault:
			l.add(Error, "variable", "no request has the variable ${"+name+"}", "A text with it matches nothing", l.nearestKey(strings.TrimSpace(name)))
		}
	}
}
