package iam

import (
	"bytes"
	"context"
	"errors"
	"strings"

	"trent/internal/call"
	"trent/internal/identity"
	"trent/internal/query"
	"trent/internal/record"
	"trent/internal/store"
)

// listEntitiesForPolicy shows the users, groups and roles that have a managed
// policy, or are bounded by it.
type listEntitiesForPolicy struct {
	ofManaged
	pages
	entity, prefix, usage string

	users, groups, roles []entity
}

// An entity is one of them.
type entity struct{ name, id string }

func (in *listEntitiesForPolicy) Decode(d *query.Decoder) {
	in.ofManaged.Decode(d)
	in.entity = d.Enum("EntityFilter", "User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy")
	in.prefix = d.String("PathPrefix", pathPrefix)
	in.usage = d.Enum("PolicyUsageFilter", "PermissionsPolicy", "PermissionsBoundary")
	in.pages.decode(d)
}

func (in *listEntitiesForPolicy) Run(ctx context.Context, c *call.Query, out *query.XML) error {
	if err := in.there(); err != nil {
		return err
	}
	in.users, in.groups, in.roles = nil, nil, nil
	all := bytes.TrimSuffix(record.AttachmentPrefix(c.Caller.Account, fold(in.found.Record.Name), false), []byte("permits-"))
	err := in.rows(ctx, in.Config, c, all, func(kv store.KV) (bool, error) {
		taken, err := in.take(ctx, c, kv)
		if errors.Is(err, identity.ErrNoEntity) { // gone since the row was read
			return false, nil
		}
		return taken, err
	})
	if err != nil {
		return err
	}
	writeEntities(out, "Group", in.groups)
	writeEntities(out, "User", in.users)
	writeEntities(out, "Role", in.roles)
	in.write(out)
	return nil
}

// take reads the entity of a row, if the filters let it through. One that has
// the policy twice, as its boundary too, has two rows.
func (in *listEntitiesForPolicy) take(ctx context.Context, c *call.Query, kv store.KV) (bool, error) {
	p, ok := record.ParsePath(kv.Key)
	if !ok {
		return false, record.ErrTampered
	}
	how, name, _ := strings.Cut(p.Member, "/")
	use, kind, _ := strings.Cut(how, "-")
	switch {
	case in.usage == "PermissionsPolicy" && use != "permits", in.usage == "PermissionsBoundary" && use != "bounds",
		in.entity != "" && fold(in.entity) != kind:
		return false, nil
	}
	switch kind {
	case "user":
		u, err := in.Identity.User(ctx, c.Caller.Account, name)
		if err != nil || !strings.HasPrefix(u.Record.Path, in.prefix) {
			return false, err
		}
		in.users = append(in.users, entity{u.Record.Name, u.Record.ID})
	case "group":
		g, err := in.Identity.Group(ctx, c.Caller.Account, name)
		if err != nil || !strings.HasPrefix(g.Record.Path, in.prefix) {
			return false, err
		}
		in.groups = append(in.groups, entity{g.Record.Name, g.Record.ID})
	case "role":
		r, err := in.Identity.Role(ctx, c.Caller.Account, name)
		if err != nil || !strings.HasPrefix(r.Record.Path, in.prefix) {
			return false, err
		}
		in.roles = append(in.roles, entity{r.Record.Name, r.Record.ID})
	}
	return true, nil
}

// writeEntities writes those of one kind.
func writeEntities(out *query.XML, kind string, all []entity) {
	out.Open("Policy" + kind + "s")
	written := map[string]bool{}
	for _, e := range all {
		if written[e.id] {
			continue
		}
		written[e.id] = true
		out.Open("member")
		out.Text(kind+"Name", e.name)
		out.Text(kind+"Id", e.id)
		out.Close("member")
	}
	out.Close("Policy" + kind + "s")
}
