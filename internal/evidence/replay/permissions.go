package replay

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"slices"
	"strings"

	"trent/internal/arn"
	"trent/internal/explain"
	"trent/internal/identity"
	"trent/internal/policy"
	"trent/internal/record"
)

// caller is who would call as a user or a role, as internal/identity makes him, nil if
// he is not there; and what of him bears on AWS KMS: with the same print he may do
// the same.
func (w *World) caller(a *account, name who) (*identity.Caller, string) {
	var self arn.Principal
	var tags map[string]string
	var inline map[string]string
	var attached, groups []string
	var boundary, id string
	switch name.kind {
	case record.KindUser:
		u := a.users[name.name]
		if u == nil {
			return nil, ""
		}
		self = arn.Principal{Kind: arn.User, Path: u.Path, Name: u.Name}
		id, tags, inline, attached, groups, boundary = u.ID, u.Tags, u.Inline, u.Attached, u.Groups, u.Boundary
	default:
		r := a.roles[name.name]
		if r == nil {
			return nil, ""
		}
		self = arn.Principal{Kind: arn.Role, Path: r.Path, Name: r.Name}
		id, tags, inline, attached, boundary = r.ID, r.Tags, r.Inline, r.Attached, r.Boundary
	}
	self.Partition, self.Account = w.partition, a.id
	m := maker{world: w, account: a, print: sha256.New()}
	c := &identity.Caller{Account: a.id, PrincipalARN: self.String(), PrincipalID: id, Type: identity.TypeRole}
	if self.Kind == arn.User {
		c.Type, c.UserName = identity.TypeUser, self.Name
	}
	m.note(c.PrincipalARN, id)
	p := &identity.Permissions{ID: id, Tags: map[string]string{}}
	for _, key := range slices.Sorted(maps.Keys(tags)) {
		p.Tags[policy.Fold(key)] = tags[key]
		m.note(key, tags[key])
	}
	p.Policies = m.held(nil, c.PrincipalARN, inline, attached)
	for _, name := range groups {
		g := a.groups[name] // it is there, or nobody could have been put into it
		p.Policies = m.held(p.Policies, arn.Group(w.partition, a.id, g.Path, g.Name), g.Inline, g.Attached)
	}
	if boundary != "" {
		m.always = true
		p.Boundary = &m.held(nil, c.PrincipalARN, nil, []string{boundary})[0]
	}
	c.Permissions = p
	return c, string(m.print.Sum(nil))
}

// maker makes one principal's permissions.
type maker struct {
	world   *World
	account *account
	print   interface {
		Write([]byte) (int, error)
		Sum([]byte) []byte
	}
	always bool // policies count that are not about AWS KMS too
}

func (m *maker) note(parts ...string) {
	for _, p := range parts {
		fmt.Fprintf(m.print, "%d:%s", len(p), p)
	}
}

// held adds the policies of a holder: inline ones in order of name, then managed ones.
func (m *maker) held(to []identity.Attached, owner string, inline map[string]string, attached []string) []identity.Attached {
	add := func(name, arn, text string) {
		d := m.world.document(text)
		to = append(to, identity.Attached{Name: name, ARN: arn, Owner: owner, Policy: d.compiled})
		if d.concerns || m.always {
			m.note(name, arn, owner, text)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(inline)) {
		add(name, "", inline[name])
	}
	for _, arn := range attached {
		text, name := "", arn // none denies everything
		if managed := m.account.managedNamed(arn); managed != nil {
			name = managed.Name
			for _, v := range managed.Versions {
				if v.Number == managed.Default {
					text = v.Document
				}
			}
		}
		add(name, arn, text)
	}
	return to
}

// document is a policy's text made ready. One that is no policy denies everything, as
// it does for the service.
func (w *World) document(text string) *document {
	d := w.documents[text]
	if d != nil {
		return d
	}
	d = &document{text: text, concerns: true}
	parsed, err := policy.Parse(text)
	if err != nil {
		parsed = &policy.Document{Version: policy.Version2012, Statements: []policy.Statement{
			{SID: "NotThere", Effect: policy.Deny, Action: []string{"*"}, Resource: []string{"*"}},
		}}
	} else {
		d.concerns = slices.ContainsFunc(parsed.Statements, func(s policy.Statement) bool { return slices.ContainsFunc(explain.Actions(), s.Covers) })
	}
	d.compiled = policy.Compile(parsed, nil)
	const compiledSize = 8 // for each byte of the text, as internal/identity counts
	if w.bytes += compiledSize * len(text); w.bytes > maxBytes {
		w.documents, w.bytes = map[string]*document{}, 0 // those in use stay with who uses them
	}
	w.documents[strings.Clone(text)] = d
	return d
}
