package sts

import (
	"context"
	"errors"
	"strings"
	"time"

	"trent/internal/apierr"
	"trent/internal/arn"
	"trent/internal/audit"
	"trent/internal/authz"
	"trent/internal/awsjson"
	"trent/internal/call"
	"trent/internal/identity"
	"trent/internal/query"
	"trent/internal/record"
)

// Limits of AssumeRole.
const (
	maxDuration     = 43_200 // the longest MaxSessionDuration of a role, in seconds
	defaultDuration = 3_600
	maxChained      = 3_600 // with temporary credentials
	maxTags         = 50
	maxPolicyARNs   = 10
)

// The rules of AssumeRole's parameters.
var (
	roleARN       = &query.Rule{Min: 20, Max: 2048}
	sessionName   = &query.Rule{Min: 2, Max: 64, Match: nameOrNone, Pattern: `[\w+=,.@-]*`}
	externalID    = &query.Rule{Min: 2, Max: 1224, Match: validExternalID, Pattern: `[\w+=,.@:\/-]*`}
	sessionPolicy = &query.Rule{Min: 1, Max: 2048, Match: validDocument, Pattern: `[\u0009\u000A\u000D\u0020-\u00FF]+`}
)

func nameOrNone(s string) bool { return s == "" || arn.ValidName(s) }

func validExternalID(s string) bool {
	return nameOrNone(strings.NewReplacer(":", "", "/", "").Replace(s))
}

func validDocument(s string) bool {
	for _, r := range s {
		if r != '\t' && r != '\n' && r != '\r' && (r < 0x20 || r > 0xff) {
			return false
		}
	}
	return s != ""
}

// assumeRole gives temporary credentials of a role's session to whom its trust
// policy, and as a rule the caller's own policies, allow it.
type assumeRole struct {
	*Config
	roleARN        string
	name           string // of the session
	duration       int
	externalID     string
	sourceIdentity string
	policy         string
	policyARNs     []string
	tags           []tag
	transitive     []string
	mfa            string

	role *identity.Assumable
}

func (in *assumeRole) Decode(d *query.Decoder) {
	in.roleARN = d.Required("RoleArn", roleARN)
	in.name = d.Required("RoleSessionName", sessionName)
	d.Structures("PolicyArns", maxPolicyARNs, func() { in.policyARNs = append(in.policyARNs, d.Required("arn", roleARN)) })
	in.policy = d.String("Policy", sessionPolicy)
	in.duration = d.Int("DurationSeconds", minDuration, maxDuration, defaultDuration)
	d.Structures("Tags", maxTags, func() {
		in.tags = append(in.tags, tag{d.Required("Key", query.TagKey), d.Required("Value", query.TagValue)})
	})
	in.transitive = d.Strings("TransitiveTagKeys", maxTags, query.TagKey)
	in.externalID = d.String("ExternalId", externalID)
	in.mfa = mfa(d)
	in.sourceIdentity = d.String("SourceIdentity", sessionName)
}

// Subject decides whether the caller may have the session that he asks for. A
// role that is not there and one that he may not assume are the same answer.
func (in *assumeRole) Subject(ctx context.Context, c *call.Query) (s call.Subject, err error) {
	if !strings.HasPrefix(in.roleARN, "arn:") {
		return s, apierr.New(apierr.Validation, "%s is invalid", query.Shown(in.roleARN))
	}
	if c.Caller.Type == identity.TypeRoot {
		return s, apierr.New(apierr.AccessDenied, "Roles may not be assumed by root accounts.")
	}
	if err := noMFA(in.mfa, c); err != nil {
		return s, err
	}
	in.role, err = in.Identity.Assumable(ctx, in.roleARN)
	if errors.Is(err, identity.ErrNoPrincipal) {
		return s, denied(c, "sts:AssumeRole", in.roleARN)
	}
	if err != nil {
		return s, err
	}
	asked := in.context()
	for _, action := range in.actions(&c.Caller) {
		r := authz.Request{
			Action: action, Resource: in.role.ARN, Caller: &c.Caller, Policy: in.role.Trust, Owner: in.role.Account,
			Extra: asked, Environment: c.Environment(),
		}
		if !r.Decide().Allowed {
			return s, denied(c, action, in.role.ARN)
		}
		if action == setSourceIdentity && c.Caller.Session != nil && c.Caller.Session.RoleARN != "" {
			env := c.Environment() // of a role that assumes a role, its own policies must allow this too
			if authz.Identity(&c.Caller, &env, action, in.role.ARN, "", asked) != nil {
				return s, denied(c, action, in.role.ARN)
			}
		}
	}
	c.Resources = []audit.Resource{{AccountID: in.role.Account, ARN: in.role.ARN, Type: "AWS::IAM::Role"}}
	return call.Subject{Resource: in.role.ARN}, nil
}

const setSourceIdentity = "sts:SetSourceIdentity"

// actions are those that the session takes: tags and a source identity are
// actions of their own, also where a chain brings them along.
func (in *assumeRole) actions(caller *identity.Caller) []string {
	actions := []string{"sts:AssumeRole"}
	inherited := caller.Session
	if len(in.tags) > 0 || inherited != nil && len(inherited.Transitive) > 0 {
		actions = append(actions, "sts:TagSession")
	}
	if in.sourceIdentity != "" || inherited != nil && inherited.SourceIdentity != "" {
		actions = append(actions, setSourceIdentity)
	}
	return actions
}

// denied is AWS's refusal, which gives no reason.
func denied(c *call.Query, action, resource string) error {
	return apierr.New(apierr.AccessDenied, "User: %s is not authorized to perform: %s on resource: %s", c.Caller.PrincipalARN, action, resource)
}

func (in *assumeRole) Run(ctx context.Context, c *call.Query, out *query.XML) error {
	session, packed, err := in.session(ctx, c)
	if err != nil {
		return err
	}
	self := arn.Principal{Kind: arn.RoleSession, Partition: c.Partition, Account: in.role.Account, Name: in.role.Name, Session: in.name}.String()
	id := in.role.ID + ":" + in.name
	rest := append(awsjson.AppendString([]byte(`,"assumedRoleUser":{"assumedRoleId":`), id), `,"arn":`...)
	rest = append(awsjson.AppendString(rest, self), '}')
	if session.SourceIdentity != "" {
		rest = awsjson.AppendString(append(rest, `,"sourceIdentity":`...), session.SourceIdentity)
	}
	if packed > 0 {
		rest = awsjson.AppendInt(append(rest, `,"packedPolicySize":`...), int64(packed))
	}
	made, err := in.give(ctx, c, record.AccessKey{
		Account: in.role.Account, PrincipalARN: self, PrincipalID: id, Type: identity.TypeSession, Temporary: session,
	}, time.Duration(in.duration)*time.Second, string(rest))
	if err != nil {
		return err
	}
	defer made.Wipe()
	write(out, &made)
	out.Open("AssumedRoleUser")
	out.Text("AssumedRoleId", id)
	out.Text("Arn", self)
	out.Close("AssumedRoleUser")
	if packed > 0 {
		out.Int("PackedPolicySize", packed)
	}
	out.Optional("SourceIdentity", session.SourceIdentity)
	return nil
}
