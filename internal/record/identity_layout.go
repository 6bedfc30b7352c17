package record

import "strings"

// The store keys of identity; see layout.go.

// AccountPath is the store key of an account record.
func AccountPath(account string) []byte { return path(Global, KindAccount, account) }

// AccountPrefix covers all account records.
func AccountPrefix() []byte { return path(Global, KindAccount, "") }

// AccessKeyPath is the store key of an access key record.
func AccessKeyPath(accessKeyID string) []byte { return path(Global, KindAccessKey, accessKeyID) }

// AccessKeyPrefix covers all access key records.
func AccessKeyPrefix() []byte { return path(Global, KindAccessKey, "") }

// UserPath, GroupPath, RolePath and ManagedPath are the store keys of the
// records of IAM, whose names are unique without regard to case: name is in
// lower case.
func UserPath(account, name string) []byte { return path(Global, KindUser, account, name) }

// GroupPath is the store key of a group's record.
func GroupPath(account, name string) []byte { return path(Global, KindGroup, account, name) }

// RolePath is the store key of a role's record.
func RolePath(account, name string) []byte { return path(Global, KindRole, account, name) }

// ManagedPath is the store key of a managed policy's record.
func ManagedPath(account, name string) []byte { return path(Global, KindManaged, account, name) }

// PrincipalPrefix covers the records of one kind (users, groups, roles, managed
// policies) of an account, in order of name.
func PrincipalPrefix(kind Kind, account string) []byte { return path(Global, kind, account, "") }

// MemberPath is the store key, with an empty value, that lists a user under a
// group.
func MemberPath(account, group, user string) []byte {
	return path(Global, KindMember, account, group, user)
}

// MemberPrefix covers the users of a group, in order of name.
func MemberPrefix(account, group string) []byte { return path(Global, KindMember, account, group, "") }

// AttachmentPath is the store key, with an empty value, that lists a user, group
// or role (its kind) under a managed policy that is attached to it or, with
// boundary, bounds it.
func AttachmentPath(account, managed string, boundary bool, kind Kind, name string) []byte {
	return path(Global, KindAttachment, account, managed, use(boundary)+"-"+strings.TrimPrefix(string(kind), "id/"), name)
}

// AttachmentPrefix covers those that a managed policy is attached to or bounds.
func AttachmentPrefix(account, managed string, boundary bool) []byte {
	return path(Global, KindAttachment, account, managed, use(boundary)+"-")
}

func use(boundary bool) string {
	if boundary {
		return "bounds"
	}
	return "permits"
}

// LastUsedPath is the store key of the record of an access key's last use.
func LastUsedPath(accessKeyID string) []byte { return path(Global, KindLastUsed, accessKeyID) }

// parseIdentity reads what follows the kind in a store key of identity.
func (p *Path) parseIdentity(rest string) (ok bool) {
	switch p.Kind {
	case KindAccount:
		p.Account, ok = rest, plain(rest)
	case KindAccessKey, KindLastUsed:
		p.Name, ok = rest, plain(rest)
	case KindUser, KindGroup, KindRole, KindManaged:
		p.Account, p.Name, ok = cut(rest)
		ok = ok && plain(p.Name)
	case KindMember:
		p.Account, rest, ok = cut(rest)
		if ok {
			p.Name, p.Member, ok = cut(rest)
			ok = ok && plain(p.Member)
		}
	case KindAttachment:
		ok = p.parseAttachment(rest)
	}
	return ok
}

// parseAttachment reads <account>/<policy>/<use>-<kind>/<name>.
func (p *Path) parseAttachment(rest string) (ok bool) {
	if p.Account, rest, ok = cut(rest); ok {
		p.Name, p.Member, ok = cut(rest)
	}
	who, name, _ := strings.Cut(p.Member, "/")
	switch who {
	case "permits-user", "permits-group", "permits-role", "bounds-user", "bounds-role":
		return ok && plain(name)
	}
	return false
}
