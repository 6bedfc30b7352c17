package iam

import (
	"context"
	"errors"
	"time"
	"unicode"

	"trent/internal/apierr"
	"trent/internal/arn"
	"trent/internal/call"
	"trent/internal/identity"
	"trent/internal/policy"
	"trent/internal/query"
	"trent/internal/record"
)

// A role is one that an operation is about.
type role = identity.Entity[record.Role]

// The rules of roles.
var (
	roleName        = nameRule(64)
	roleDescription = &query.Rule{Max: 1000, Match: validDescription, Pattern: `[\p{L}\p{M}\p{Z}\p{S}\p{N}\p{P}]*`}
)

// AWS's durations of sessions, in seconds.
const (
	minMaxSession = 3_600 // and the default
	maxMaxSession = 43_200
)

func validDescription(s string) bool {
	for _, r := range s {
		if r != '\t' && r != '\n' && r != '\r' && !unicode.In(r, unicode.L, unicode.M, unicode.Z, unicode.S, unicode.N, unicode.P) {
			return false
		}
	}
	return true
}

// findRole reads the role that an operation is about; nil if there is none.
func (c *Config) findRole(ctx context.Context, q *call.Query, name string) (*role, call.Subject, error) {
	r, err := c.Identity.Role(ctx, q.Caller.Account, name)
	if errors.Is(err, identity.ErrNoEntity) {
		return nil, call.Subject{Resource: roleARN(q, "/", name), Shown: "role " + name}, nil
	}
	if err != nil {
		return nil, call.Subject{}, err
	}
	return r, call.Subject{Resource: roleARN(q, r.Record.Path, r.Record.Name), Shown: "role " + name, Tags: r.Record.Tags}, nil
}

func roleARN(q *call.Query, path, name string) string {
	return arn.Principal{Kind: arn.Role, Partition: q.Partition, Account: q.Caller.Account, Path: path, Name: name}.String()
}

// ofRole is what operations on one role are about.
type ofRole struct {
	*Config
	name  string
	found *role
}

func (in *ofRole) Decode(d *query.Decoder) { in.name = d.Required("RoleName", roleName) }

func (in *ofRole) Subject(ctx context.Context, c *call.Query) (s call.Subject, err error) {
	in.found, s, err = in.findRole(ctx, c, in.name)
	return s, err
}

// there refuses one that is not there.
func (in *ofRole) there() error {
	if in.found == nil {
		return apierr.New(apierr.NoSuchEntity, "The role with name %s cannot be found.", in.name)
	}
	return nil
}

// writeRole writes a role's members; lists leave some out. Whom the trust policy
// names and who is gone is shown by his unique id: who puts back what he has read
// must not trust another one of the same name.
func (c *Config) writeRole(ctx context.Context, out *query.XML, q *call.Query, r *record.Role, whole bool) error {
	trust, err := policy.Show(ctx, r.Trust.Document, r.Trust.Bound, c.Identity.Resolve)
	if err != nil {
		return err
	}
	out.Text("Path", r.Path)
	out.Text("RoleName", r.Name)
	out.Text("RoleId", r.ID)
	out.Text("Arn", roleARN(q, r.Path, r.Name))
	out.Time("CreateDate", time.UnixMilli(r.CreatedMs))
	out.Document("AssumeRolePolicyDocument", trust)
	out.Optional("Description", r.Description)
	out.Int("MaxSessionDuration", r.MaxSessionSeconds)
	if whole {
		writeBoundary(out, r.Boundary)
		writeTags(out, r.Tags)
	}
	return nil
}
