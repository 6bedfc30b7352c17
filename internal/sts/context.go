package sts

import (
	"maps"
	"slices"

	"trent/internal/policy"
)

// asked has the values of the condition keys of AssumeRole, of its tags and of
// its source identity, by their names in lower case.
type asked map[string]policy.Values

// Values is policy.Context's.
func (a asked) Values(key string) policy.Values { return a[key] }

// context is what policies can ask of the request.
func (in *assumeRole) context() asked {
	a := asked{}
	one := func(name, value string) {
		if value != "" {
			a[name] = policy.Values{Present: true, One: value}
		}
	}
	one("sts:rolesessionname", in.name)
	one("sts:externalid", in.externalID)
	one("sts:sourceidentity", in.sourceIdentity)
	for _, key := range slices.Sorted(maps.Keys(in.role.Tags)) {
		value := policy.Values{Present: true, One: in.role.Tags[key]}
		a["aws:resourcetag/"+policy.Fold(key)] = value
		a["iam:resourcetag/"+policy.Fold(key)] = value
	}
	var keys []string
	for _, t := range in.tags {
		keys = append(keys, t.key)
		a["aws:requesttag/"+policy.Fold(t.key)] = policy.Values{Present: true, One: t.value}
	}
	if len(keys) > 0 {
		a["aws:tagkeys"] = policy.Values{Present: true, Multi: true, Set: keys}
	}
	if len(in.transitive) > 0 {
		a["sts:transitivetagkeys"] = policy.Values{Present: true, Multi: true, Set: in.transitive}
	}
	return a
}
