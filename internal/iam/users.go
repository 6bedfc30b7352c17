package iam

import (
	"context"
	"errors"
	"time"

	"trent/internal/apierr"
	"trent/internal/arn"
	"trent/internal/awsjson"
	"trent/internal/call"
	"trent/internal/identity"
	"trent/internal/query"
	"trent/internal/record"
	"trent/internal/store"
)

// A user is one that an operation is about.
type user = identity.Entity[record.User]

// findUser reads the user of the caller's account that an operation is about; nil
// if there is none. The subject names him as AWS's refusals do.
func (c *Config) findUser(ctx context.Context, q *call.Query, name string) (*user, call.Subject, error) {
	u, err := c.Identity.User(ctx, q.Caller.Account, name)
	if errors.Is(err, identity.ErrNoEntity) {
		return nil, call.Subject{Resource: userARN(q, "/", name), Shown: "user " + name}, nil
	}
	if err != nil {
		return nil, call.Subject{}, err
	}
	return u, call.Subject{Resource: userARN(q, u.Record.Path, u.Record.Name), Shown: "user " + name, Tags: u.Record.Tags}, nil
}

func noUser(name string) error {
	return apierr.New(apierr.NoSuchEntity, "The user with name %s cannot be found.", name)
}

func userARN(q *call.Query, path, name string) string {
	return arn.Principal{Kind: arn.User, Partition: q.Partition, Account: q.Caller.Account, Path: path, Name: name}.String()
}

// writeUser writes a user's members.
func writeUser(out *query.XML, q *call.Query, u *record.User) {
	out.Text("Path", u.Path)
	out.Text("UserName", u.Name)
	out.Text("UserId", u.ID)
	out.Text("Arn", userARN(q, u.Path, u.Name))
	out.Time("CreateDate", time.UnixMilli(u.CreatedMs))
}

// writeBoundary writes the element PermissionsBoundary, if there is one.
func writeBoundary(out *query.XML, policyARN string) {
	if policyARN == "" {
		return
	}
	out.Open("PermissionsBoundary")
	out.Text("PermissionsBoundaryType", "Policy")
	out.Text("PermissionsBoundaryArn", policyARN)
	out.Close("PermissionsBoundary")
}

// recordUser is what an audit record's responseElements have of a user.
func recordUser(q *call.Query, u *record.User) []byte {
	return object("user", object(
		"path", text(u.Path), "userName", text(u.Name), "userId", text(u.ID),
		"arn", text(userARN(q, u.Path, u.Name)), "createDate", text(recordTime(u.CreatedMs))))
}

// recordTime is a time as CloudTrail's records of IAM have it.
func recordTime(ms int64) string { return time.UnixMilli(ms).UTC().Format("Jan 2, 2006 3:04:05 PM") }

// text is a JSON string.
func text(s string) []byte { return awsjson.AppendString(nil, s) }

// object is a JSON object of names and values, which are JSON.
func object(first string, value []byte, rest ...any) []byte {
	b := append(append(append([]byte{'{'}, text(first)...), ':'), value...)
	for i := 0; i < len(rest); i += 2 {
		b = append(append(append(b, ','), text(rest[i].(string))...), ':')
		b = append(b, rest[i+1].([]byte)...)
	}
	return append(b, '}')
}

// fold is a name as store keys have it.
func fold(name string) string { return identity.Fold(name) }

// A change is a transaction in the making; its first error stays.
type change struct {
	cmps []store.Cmp
	ops  []store.Op
	err  error
}

func (t *change) put(op store.Op, err error) {
	t.ops = append(t.ops, op)
	if t.err == nil {
		t.err = err
	}
}

// update writes an entity's next version, if it is as it was read.
func update[R any](t *change, q *call.Query, e *identity.Entity[R]) {
	t.cmps = append(t.cmps, e.Unchanged())
	t.put(e.Put(q.Records))
}

// bound puts an entity that is made under the managed policy that bounds it. The
// policy is written too, unchanged: so it cannot be deleted at the same time.
func (t *change) bound(q *call.Query, policy *managed, kind record.Kind, name string) {
	if policy == nil {
		return
	}
	update(t, q, policy)
	t.put(store.Op{Key: record.AttachmentPath(q.Caller.Account, fold(policy.Record.Name), true, kind, fold(name))}, nil)
}

// unbound takes an entity that is deleted, or bounded otherwise, from under the
// managed policy that has bounded it, if one has.
func (t *change) unbound(q *call.Query, boundary string, kind record.Kind, name string) {
	if _, _, _, managed, ok := arn.ParseManagedPolicy(boundary); ok {
		t.put(store.Op{Key: record.AttachmentPath(q.Caller.Account, fold(managed), true, kind, fold(name)), Delete: true}, nil)
	}
}

// commit commits the change with its audit record.
func (t *change) commit(ctx context.Context, c *Config, q *call.Query) error {
	if t.err != nil {
		return t.err
	}
	return q.Commit(ctx, c.Identity.Store, t.cmps, t.ops)
}
