package iam

import (
	"context"

	"trent/internal/apierr"
	"trent/internal/call"
	"trent/internal/policy"
	"trent/internal/query"
	"trent/internal/record"
	"trent/internal/store"
)

// holders are a kind of entity that has policies: users, groups or roles. IAM
// has the same operations for each.
type holders struct {
	kind        record.Kind
	word        string // as messages have it
	parameter   string // that names one
	rule        *query.Rule
	maxInline   int    // characters of all inline policies of one
	maxAttached int    // managed policies of one: AWS's quota, as far as it can be raised
	quotaName   string // of that quota
}

var (
	userHolders  = &holders{record.KindUser, "user", "UserName", userName, policy.MaxUserPolicies, 20, "PoliciesPerUser"}
	groupHolders = &holders{record.KindGroup, "group", "GroupName", groupName, policy.MaxGroupPolicies, 10, "PoliciesPerGroup"}
	roleHolders  = &holders{record.KindRole, "role", "RoleName", roleName, policy.MaxRolePolicies, 20, "PoliciesPerRole"}
)

// A holder is one of them.
type holder struct {
	name     string // its own
	inline   *map[string]string
	attached *[]string
	boundary *string            // nil for a group
	tags     *map[string]string // nil for a group
	update   func(t *change, c *call.Query)
}

// ofHolder is what operations on the policies of one are about.
type ofHolder struct {
	*Config
	*holders
	name  string
	found *holder
}

func (in *ofHolder) Decode(d *query.Decoder) { in.name = d.Required(in.parameter, in.rule) }

func (in *ofHolder) Subject(ctx context.Context, c *call.Query) (s call.Subject, err error) {
	in.found = nil
	switch in.kind {
	case record.KindUser:
		var u *user
		if u, s, err = in.findUser(ctx, c, in.name); u != nil {
			r := &u.Record
			in.found = &holder{r.Name, &r.Inline, &r.Attached, &r.Boundary, &r.Tags, func(t *change, c *call.Query) { update(t, c, u) }}
		}
	case record.KindGroup:
		var g *group
		if g, s, err = in.findGroup(ctx, c, in.name); g != nil {
			r := &g.Record
			in.found = &holder{r.Name, &r.Inline, &r.Attached, nil, nil, func(t *change, c *call.Query) { update(t, c, g) }}
		}
	case record.KindRole:
		var o *role
		if o, s, err = in.findRole(ctx, c, in.name); o != nil {
			r := &o.Record
			in.found = &holder{r.Name, &r.Inline, &r.Attached, &r.Boundary, &r.Tags, func(t *change, c *call.Query) { update(t, c, o) }}
		}
	}
	if c.Operation.Mutates && in.found != nil && in.found.boundary != nil {
		s.Boundary = *in.found.boundary // what changes a policy has the condition key, what reads one has not
	}
	return s, err
}

// there refuses one that is not there.
func (in *ofHolder) there() error {
	if in.found == nil {
		return apierr.New(apierr.NoSuchEntity, "The %s with name %s cannot be found.", in.word, in.name)
	}
	return nil
}

// attachment is the row that lists the holder under a managed policy.
func (in *ofHolder) attachment(c *call.Query, managed string, boundary bool) []byte {
	return record.AttachmentPath(c.Caller.Account, fold(managed), boundary, in.kind, fold(in.found.name))
}

// commit writes the holder with what else a change writes.
func (in *ofHolder) commit(ctx context.Context, c *call.Query, ops ...store.Op) error {
	var t change
	in.found.update(&t, c)
	for _, op := range ops {
		t.put(op, nil)
	}
	return t.commit(ctx, in.Config, c)
}
