package iam

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"

	"trent/internal/apierr"
	"trent/internal/arn"
	"trent/internal/call"
	"trent/internal/identity"
	"trent/internal/query"
	"trent/internal/record"
)

// A managed is a managed policy that an operation is about.
type managed = identity.Entity[record.Managed]

// The rules of managed policies.
var (
	policyARNRule  = &query.Rule{Min: 20, Max: 2048}
	policyPath     = &query.Rule{Min: 1, Max: 512, Match: validPolicyPath, Pattern: `((/[A-Za-z0-9\.,\+@=_-]+)*)/`}
	versionID      = &query.Rule{Min: 1, Max: 64, Match: validVersion, Pattern: `v[1-9][0-9]*(\.[A-Za-z0-9-]*)?`}
	policyText     = &query.Rule{Max: 1000}
	maxAttachments = maxUsers + maxGroups + maxRoles
)

// validPolicyPath: "/", or names between slashes.
func validPolicyPath(s string) bool {
	if s == "/" {
		return true
	}
	if len(s) < 3 || s[0] != '/' || s[len(s)-1] != '/' {
		return false
	}
	for part := range strings.SplitSeq(s[1:len(s)-1], "/") {
		if !arn.ValidName(part) {
			return false
		}
	}
	return true
}

func validVersion(s string) bool {
	n, ok := strings.CutPrefix(s, "v")
	_, err := strconv.ParseUint(n, 10, 31)
	return ok && err == nil && n[0] != '0' && n[0] != '+'
}

// version is a version's number as ids have it.
func version(number int) string { return "v" + strconv.Itoa(number) }

// findManaged reads the managed policy that an ARN names; nil if the caller's
// account has none such.
func (c *Config) findManaged(ctx context.Context, q *call.Query, policyARN string) (*managed, call.Subject, error) {
	s := call.Subject{Resource: policyARN, Shown: "policy " + policyARN}
	if !strings.HasPrefix(policyARN, "arn:") {
		return nil, s, apierr.New(apierr.InvalidInput, "ARN %s is not valid.", query.Shown(policyARN))
	}
	m, err := c.Identity.Managed(ctx, q.Caller.Account, policyARN)
	if errors.Is(err, identity.ErrNoEntity) {
		return nil, s, nil
	}
	if err == nil {
		s.Tags = m.Record.Tags
	}
	return m, s, err
}

func noManaged(policyARN string) error {
	return apierr.New(apierr.NoSuchEntity, "Policy %s was not found.", policyARN)
}

func notAttachable(policyARN string) error {
	return apierr.New(apierr.NoSuchEntity, "Policy %s does not exist or is not attachable.", policyARN)
}

// ofManaged is what operations on one managed policy are about.
type ofManaged struct {
	*Config
	arn   string
	found *managed
}

func (in *ofManaged) Decode(d *query.Decoder) { in.arn = d.Required("PolicyArn", policyARNRule) }

func (in *ofManaged) Subject(ctx context.Context, c *call.Query) (s call.Subject, err error) {
	in.found, s, err = in.findManaged(ctx, c, in.arn)
	return s, err
}

// there refuses one that is not there.
func (in *ofManaged) there() error {
	if in.found == nil {
		return noManaged(in.arn)
	}
	return nil
}

// ofVersion is what operations on one version are about.
type ofVersion struct {
	ofManaged
	id string
}

func (in *ofVersion) Decode(d *query.Decoder) {
	in.ofManaged.Decode(d)
	in.id = d.Required("VersionId", versionID)
}

// version returns the version's place in the record, or the error.
func (in *ofVersion) version() (int, error) {
	if err := in.there(); err != nil {
		return 0, err
	}
	for i := range in.found.Record.Versions {
		if version(in.found.Record.Versions[i].Number) == in.id {
			return i, nil
		}
	}
	return 0, apierr.New(apierr.NoSuchEntity, "Policy %s version %s does not exist or is not attachable.", in.arn, in.id)
}

// uses counts what a managed policy is attached to, and what it bounds.
func (c *Config) uses(ctx context.Context, q *call.Query, name string) (attached, bounded int, err error) {
	for _, boundary := range [...]bool{false, true} {
		prefix := record.AttachmentPrefix(q.Caller.Account, fold(name), boundary)
		n, _, err := c.Identity.Store.Count(ctx, prefix, record.PrefixEnd(prefix), maxAttachments)
		if err != nil {
			return 0, 0, err
		}
		if boundary {
			bounded = n
		} else {
			attached = n
		}
	}
	return attached, bounded, nil
}

// writeManaged writes a managed policy's members; lists leave some out.
func (c *Config) writeManaged(ctx context.Context, out *query.XML, q *call.Query, m *record.Managed, whole bool) error {
	attached, bounded, err := c.uses(ctx, q, m.Name)
	if err != nil {
		return err
	}
	out.Text("PolicyName", m.Name)
	out.Text("PolicyId", m.ID)
	out.Text("Arn", managedARN(q, m))
	out.Text("Path", m.Path)
	out.Text("DefaultVersionId", version(m.Default))
	out.Int("AttachmentCount", attached)
	out.Int("PermissionsBoundaryUsageCount", bounded)
	out.Bool("IsAttachable", true)
	out.Time("CreateDate", time.UnixMilli(m.CreatedMs))
	out.Time("UpdateDate", time.UnixMilli(m.UpdatedMs))
	if whole {
		out.Optional("Description", m.Description)
		writeTags(out, m.Tags)
	}
	return nil
}

func managedARN(q *call.Query, m *record.Managed) string {
	return arn.ManagedPolicy(q.Partition, q.Caller.Account, m.Path, m.Name)
}

// writeVersion writes a version's members; lists leave the document out.
func writeVersion(out *query.XML, m *record.Managed, v *record.ManagedVersion, document bool) {
	if document {
		out.Document("Document", v.Document)
	}
	out.Text("VersionId", version(v.Number))
	out.Bool("IsDefaultVersion", v.Number == m.Default)
	out.Time("CreateDate", time.UnixMilli(v.CreatedMs))
}
