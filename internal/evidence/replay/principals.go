package replay

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"

	"trent/internal/arn"
	"trent/internal/policy"
	"trent/internal/record"
)

// changed is what the records of IAM's changes have.
type changed struct {
	Omitted             bool
	UserName            string
	GroupName           string
	RoleName            string
	PolicyName          string
	PolicyDocument      string
	PolicyARN           string `json:"policyArn"`
	PermissionsBoundary string
	VersionID           string `json:"versionId"`
	SetAsDefault        bool
	Path                string
	Tags                []struct{ Key, Value string }
	TagKeys             []string
}

// made is what they answer.
type made struct {
	User struct {
		UserID string `json:"userId"`
	}
	Role struct {
		RoleID string `json:"roleId"`
	}
	Policy        struct{ ARN string }
	PolicyVersion struct {
		VersionID string `json:"versionId"`
	}
}

// Unmoved are the changes of IAM's that do not change who may do what: access keys
// are who calls, and trust policies who may assume a role.
var unmoved = []string{"CreateAccessKey", "UpdateAccessKey", "DeleteAccessKey", "UpdateRole", "UpdateAssumeRolePolicy"}

// apply carries out a change of IAM's, and says whom it touches; or why it cannot.
func (a *account) apply(e *Event) (touched []who, why string) {
	if slices.Contains(unmoved, e.Name) {
		return nil, ""
	}
	var in changed
	var out made
	if json.Unmarshal(e.Parameters, &in) != nil || in.Omitted {
		return nil, "the record of " + e.Name + " does not have its parameters"
	}
	if len(e.Response) > 0 && json.Unmarshal(e.Response, &out) != nil {
		return nil, "the answer in the record of " + e.Name + " cannot be read"
	}
	if touched, known := a.entities(e.Name, &in, &out); known {
		return touched, ""
	}
	if touched, known := a.policies(e.Name, &in, &out); known {
		return touched, ""
	}
	if touched, known := a.holders(e.Name, &in); known {
		return touched, ""
	}
	return nil, e.Name + " is not known to this report, or is about what no record has made"
}

// orSlash is the path that an entity has if none is given.
func orSlash(path string) string {
	if path == "" {
		return "/"
	}
	return path
}

// entities carries out what makes and ends users, groups and roles, and who is in
// which group.
func (a *account) entities(name string, in *changed, out *made) (touched []who, known bool) {
	user, role, group := strings.ToLower(in.UserName), strings.ToLower(in.RoleName), strings.ToLower(in.GroupName)
	switch name {
	case "CreateUser":
		a.users[user] = &record.User{ID: out.User.UserID, Name: in.UserName, Path: orSlash(in.Path), Boundary: in.PermissionsBoundary, Tags: a.tags(nil, in)}
		return []who{{record.KindUser, user}}, out.User.UserID != ""
	case "DeleteUser":
		_, known = a.users[user]
		delete(a.users, user)
		return []who{{record.KindUser, user}}, known
	case "CreateRole":
		a.roles[role] = &record.Role{ID: out.Role.RoleID, Name: in.RoleName, Path: orSlash(in.Path), Boundary: in.PermissionsBoundary, Tags: a.tags(nil, in)}
		return []who{{record.KindRole, role}}, out.Role.RoleID != ""
	case "DeleteRole":
		_, known = a.roles[role]
		delete(a.roles, role)
		return []who{{record.KindRole, role}}, known
	case "CreateGroup":
		a.groups[group] = &record.Group{Name: in.GroupName, Path: orSlash(in.Path)}
		return nil, true
	case "DeleteGroup":
		_, known = a.groups[group]
		delete(a.groups, group)
		return nil, known
	case "AddUserToGroup", "RemoveUserFromGroup":
		u := a.users[user]
		if u == nil || a.groups[group] == nil {
			return nil, false
		}
		has := slices.Contains(u.Groups, group)
		switch {
		case name == "AddUserToGroup" && !has:
			u.Groups = append(u.Groups, group)
		case name == "RemoveUserFromGroup":
			u.Groups = slices.DeleteFunc(u.Groups, func(g string) bool { return g == group })
		}
		return []who{{record.KindUser, user}}, true
	case "TagUser", "UntagUser":
		u := a.users[user]
		if u == nil {
			return nil, false
		}
		u.Tags = a.tags(u.Tags, in)
		return []who{{record.KindUser, user}}, true
	case "TagRole", "UntagRole":
		r := a.roles[role]
		if r == nil {
			return nil, false
		}
		r.Tags = a.tags(r.Tags, in)
		return []who{{record.KindRole, role}}, true
	}
	return nil, false
}

// tags are tags with what a change adds and takes away. Keys are the same in any case.
func (a *account) tags(have map[string]string, in *changed) map[string]string {
	all := maps.Clone(have)
	if all == nil {
		all = map[string]string{}
	}
	for _, t := range in.Tags {
		key := t.Key
		for old := range all {
			if policy.Folds(old, policy.Fold(t.Key)) {
				key = old
			}
		}
		all[key] = t.Value
	}
	maps.DeleteFunc(all, func(key, _ string) bool {
		return slices.ContainsFunc(in.TagKeys, func(gone string) bool { return policy.Folds(key, policy.Fold(gone)) })
	})
	return all
}

// policies carries out changes of managed policies.
func (a *account) policies(name string, in *changed, out *made) (touched []who, known bool) {
	if name == "CreatePolicy" {
		_, _, path, name, ok := arn.ParseManagedPolicy(out.Policy.ARN)
		a.managed[strings.ToLower(name)] = &record.Managed{
			Name: name, Path: path, Default: 1, Versions: []record.ManagedVersion{{Number: 1, Document: in.PolicyDocument}},
		}
		return nil, ok
	}
	m := a.managedNamed(in.PolicyARN)
	if m == nil {
		return nil, false
	}
	number := func(id string) int {
		n, err := strconv.Atoi(strings.TrimPrefix(id, "v"))
		if err != nil {
			return 0
		}
		return n
	}
	switch name {
	case "DeletePolicy":
		delete(a.managed, strings.ToLower(m.Name))
		return nil, true
	case "CreatePolicyVersion":
		v := record.ManagedVersion{Number: number(out.PolicyVersion.VersionID), Document: in.PolicyDocument}
		m.Versions = append(m.Versions, v)
		if in.SetAsDefault {
			m.Default = v.Number
		}
		return a.having(in.PolicyARN), v.Number > 0
	case "DeletePolicyVersion":
		gone := number(in.VersionID)
		m.Versions = slices.DeleteFunc(m.Versions, func(v record.ManagedVersion) bool { return v.Number == gone })
		return nil, true
	case "SetDefaultPolicyVersion":
		m.Default = number(in.VersionID)
		there := slices.ContainsFunc(m.Versions, func(v record.ManagedVersion) bool { return v.Number == m.Default })
		return a.having(in.PolicyARN), there
	}
	return nil, false
}

// managedNamed is the managed policy that an ARN names; nil if it is not there.
func (a *account) managedNamed(policyARN string) *record.Managed {
	_, owner, path, name, ok := arn.ParseManagedPolicy(policyARN)
	m := a.managed[strings.ToLower(name)]
	if !ok || owner != a.id || m == nil || m.Name != name || m.Path != path {
		return nil
	}
	return m
}

// having are the principals that a managed policy applies to.
func (a *account) having(policyARN string) (all []who) {
	of := func(attached []string, boundary string) bool {
		return boundary == policyARN || slices.Contains(attached, policyARN)
	}
	groups := map[string]bool{}
	for name, g := range a.groups {
		groups[name] = of(g.Attached, "")
	}
	for name, u := range a.users {
		if of(u.Attached, u.Boundary) || slices.ContainsFunc(u.Groups, func(g string) bool { return groups[g] }) {
			all = append(all, who{record.KindUser, name})
		}
	}
	for name, r := range a.roles {
		if of(r.Attached, r.Boundary) {
			all = append(all, who{record.KindRole, name})
		}
	}
	return all
}

// holders carries out changes of the policies that users, groups and roles have.
func (a *account) holders(name string, in *changed) (touched []who, known bool) {
	var inline *map[string]string
	var attached *[]string
	var boundary *string
	kind := ""
	for _, word := range [...]string{"User", "Group", "Role"} {
		if strings.Contains(name, word) {
			kind = word
		}
	}
	switch kind {
	case "User":
		u := a.users[strings.ToLower(in.UserName)]
		if u == nil {
			return nil, false
		}
		inline, attached, boundary = &u.Inline, &u.Attached, &u.Boundary
		touched = []who{{record.KindUser, strings.ToLower(in.UserName)}}
	case "Role":
		r := a.roles[strings.ToLower(in.RoleName)]
		if r == nil {
			return nil, false
		}
		inline, attached, boundary = &r.Inline, &r.Attached, &r.Boundary
		touched = []who{{record.KindRole, strings.ToLower(in.RoleName)}}
	case "Group":
		g := a.groups[strings.ToLower(in.GroupName)]
		if g == nil {
			return nil, false
		}
		inline, attached, touched = &g.Inline, &g.Attached, a.members(strings.ToLower(in.GroupName))
	default:
		return nil, false
	}
	switch strings.Replace(name, kind, "", 1) {
	case "PutPolicy":
		if *inline == nil {
			*inline = map[string]string{}
		}
		(*inline)[in.PolicyName] = in.PolicyDocument
	case "DeletePolicy":
		delete(*inline, in.PolicyName)
	case "AttachPolicy":
		if !slices.Contains(*attached, in.PolicyARN) {
			*attached = append(*attached, in.PolicyARN)
		}
	case "DetachPolicy":
		*attached = slices.DeleteFunc(*attached, func(p string) bool { return p == in.PolicyARN })
	case "PutPermissionsBoundary":
		*boundary = in.PermissionsBoundary
	case "DeletePermissionsBoundary":
		*boundary = ""
	default:
		return nil, false
	}
	return touched, true
}

// members are the users in a group.
func (a *account) members(group string) (all []who) {
	for name, u := range a.users {
		if slices.Contains(u.Groups, group) {
			all = append(all, who{record.KindUser, name})
		}
	}
	return all
}
