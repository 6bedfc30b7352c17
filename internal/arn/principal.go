package arn

import "strings"

// PrincipalKind says what a principal's identifier names.
type PrincipalKind uint8

// The kinds of principal.
const (
	// NoPrincipal: the text names no principal of an account.
	NoPrincipal PrincipalKind = iota
	// AccountPrincipal is an account, whose ARN is its root user's.
	AccountPrincipal
	User
	Role
	// RoleSession is a session of a role. Its ARN has no path.
	RoleSession
)

// Principal is a principal's ARN, or an account id, taken apart.
type Principal struct {
	Kind      PrincipalKind
	Partition string // "" for an account id alone
	Account   string
	Path      string // of a user or a role: "/", or "/" and parts that end with "/"
	Name      string // of the user or the role
	Session   string // of a role's session
}

// ParsePrincipal says whom a text names: an account id, or the ARN of a root
// user, a user, a role or a role's session. It checks the form only.
func ParsePrincipal(s string) Principal {
	if ValidAccount(s) {
		return Principal{Kind: AccountPrincipal, Account: s}
	}
	parts := strings.SplitN(s, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || !validLabel(parts[1]) || parts[3] != "" || !ValidAccount(parts[4]) {
		return Principal{}
	}
	p := Principal{Partition: parts[1], Account: parts[4]}
	kind, rest, _ := strings.Cut(parts[5], "/")
	ok := false
	switch parts[2] + " " + kind {
	case "iam root":
		p.Kind, ok = AccountPrincipal, kind == parts[5]
	case "iam user":
		p.Kind = User
		p.Path, p.Name, ok = pathAndName(rest)
	case "iam role":
		p.Kind = Role
		p.Path, p.Name, ok = pathAndName(rest)
	case "sts assumed-role":
		p.Kind = RoleSession
		p.Name, p.Session, _ = strings.Cut(rest, "/")
		ok = ValidName(p.Name) && ValidName(p.Session)
	}
	if !ok {
		return Principal{}
	}
	return p
}

// pathAndName splits what follows "user/", "role/", "policy/" in an ARN.
func pathAndName(s string) (path, name string, ok bool) {
	end := strings.LastIndexByte(s, '/')
	path, name = "/"+s[:end+1], s[end+1:]
	return path, name, ValidPath(path) && ValidName(name)
}

// maxPath is IAM's limit of paths, in bytes.
const maxPath = 512

// ValidPath reports whether s can be the path of a user, group, role or managed
// policy: "/", or visible ASCII between two of them.
func ValidPath(s string) bool {
	if s == "" || s[0] != '/' || s[len(s)-1] != '/' || len(s) > maxPath {
		return false
	}
	for i := range len(s) {
		if s[i] < 0x21 || s[i] > 0x7E {
			return false
		}
	}
	return true
}

// ValidName reports whether s has the characters of IAM's names. How long it
// may be depends on what it names.
func ValidName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && strings.IndexByte("+=,.@_-", c) < 0 {
			return false
		}
	}
	return s != ""
}

// String puts the principal together again, an account id as its ARN if there
// is a partition.
func (p Principal) String() string {
	switch p.Kind {
	case AccountPrincipal:
		if p.Partition == "" {
			return p.Account
		}
		return p.iam() + "root"
	case User:
		return p.iam() + "user" + p.Path + p.Name
	case Role:
		return p.iam() + "role" + p.Path + p.Name
	case RoleSession:
		return "arn:" + p.Partition + ":sts::" + p.Account + ":assumed-role/" + p.Name + "/" + p.Session
	}
	return ""
}

func (p Principal) iam() string { return "arn:" + p.Partition + ":iam::" + p.Account + ":" }

// Group returns the ARN of a group; path begins and ends with "/".
func Group(partition, account, path, name string) string {
	return "arn:" + partition + ":iam::" + account + ":group" + path + name
}

// ManagedPolicy returns the ARN of a managed policy of a customer's.
func ManagedPolicy(partition, account, path, name string) string {
	return "arn:" + partition + ":iam::" + account + ":policy" + path + name
}

// ParseManagedPolicy takes the ARN of a customer's managed policy apart.
func ParseManagedPolicy(s string) (partition, account, path, name string, ok bool) {
	parts := strings.SplitN(s, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || !validLabel(parts[1]) || parts[2] != "iam" || parts[3] != "" || !ValidAccount(parts[4]) {
		return "", "", "", "", false
	}
	rest, found := strings.CutPrefix(parts[5], "policy/")
	path, name, ok = pathAndName(rest)
	return parts[1], parts[4], path, name, found && ok
}
