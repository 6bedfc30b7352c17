package iam

import (
	"context"
	"slices"

	"trent/internal/call"
	"trent/internal/query"
	"trent/internal/record"
	"trent/internal/store"
)

// membership is what AddUserToGroup and RemoveUserFromGroup are about: the
// group, whose ARN policies name.
type membership struct {
	*Config
	groupName, userName string
	group               *group
	user                *user
}

func (in *membership) Decode(d *query.Decoder) {
	in.groupName = d.Required("GroupName", groupName)
	in.userName = d.Required("UserName", userName)
}

func (in *membership) Subject(ctx context.Context, c *call.Query) (s call.Subject, err error) {
	if in.user, _, err = in.findUser(ctx, c, in.userName); err != nil {
		return s, err
	}
	in.group, s, err = in.findGroup(ctx, c, in.groupName)
	return s, err
}

// both refuses a group or a user that is not there.
func (in *membership) both() error {
	switch {
	case in.group == nil:
		return noGroup(in.groupName)
	case in.user == nil:
		return noUser(in.userName)
	}
	return nil
}

// set writes whether the user is in the group. The group's record is written
// too, unchanged: so it cannot be deleted at the same time.
func (in *membership) set(ctx context.Context, c *call.Query, member bool) error {
	u, name := &in.user.Record, fold(in.group.Record.Name)
	row := store.Op{Key: record.MemberPath(c.Caller.Account, name, fold(u.Name)), Delete: !member}
	if member {
		u.Groups = append(u.Groups, name)
	} else {
		u.Groups = slices.DeleteFunc(u.Groups, func(g string) bool { return g == name })
	}
	var t change
	update(&t, c, in.user)
	update(&t, c, in.group)
	t.put(row, nil)
	return t.commit(ctx, in.Config, c)
}

// has reports whether the user is in the group.
func (in *membership) has() bool {
	return slices.Contains(in.user.Record.Groups, fold(in.group.Record.Name))
}
