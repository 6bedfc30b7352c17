package policy

import (
	"strings"

	"trent/internal/arn"
)

// empty reports whether there is no principal.
func (p *Principals) empty() bool {
	return p == nil || !p.Everyone && len(p.AWS)+len(p.Service)+len(p.Federated)+len(p.CanonicalUser) == 0
}

// principalList are the principals of one kind, and what makes one of them valid.
type principalList struct {
	kind  string // as IAM's texts have it
	names []string
	valid func(name, partition string) bool
}

// lists are all that a Principals lists. A canonical user is never valid: only
// Amazon S3 knows these, and a Deny for one would be without effect.
func (p *Principals) lists() [4]principalList {
	return [...]principalList{
		{"AWS", p.AWS, validAWS},
		{"SERVICE", p.Service, validService},
		{"FEDERATED", p.Federated, validFederated},
		{"CANONICAL_USER", p.CanonicalUser, func(_, _ string) bool { return false }},
	}
}

// valid reports whether each principal has the form of one that can call.
func (p *Principals) valid(partition string) bool {
	for _, list := range p.lists() {
		for _, name := range list.names {
			if !list.valid(name, partition) {
				return false
			}
		}
	}
	return true
}

// validAWS reports whether a name is "*", an account id, or the ARN of an
// account, a user, a role or a session. An ARN has no wildcards. The unique id
// that AWS shows of a principal that was deleted is none.
func validAWS(name, partition string) bool {
	if name == "*" || arn.ValidAccount(name) {
		return true
	}
	service, resource, ok := principalARN(name, partition)
	if !ok {
		return false
	}
	kind, rest, _ := strings.Cut(resource, "/")
	switch service + " " + kind {
	case "iam root":
		return resource == "root"
	case "iam user", "iam role":
		return validUser(rest)
	case "sts assumed-role":
		role, session, found := strings.Cut(rest, "/")
		return found && validName(role) && validName(session)
	case "sts federated-user":
		return validName(rest)
	}
	return false
}

// validService reports whether a name is a service's: parts of letters, digits
// and hyphens, at least three.
func validService(name, _ string) bool {
	const most = 128 // ServicePrincipalType of the model
	parts := strings.Split(name, ".")
	for _, part := range parts {
		if part == "" || strings.Trim(part, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-") != "" {
			return false
		}
	}
	return len(parts) >= 3 && len(name) <= most
}

// validFederated reports whether a name is the ARN of an identity provider, or
// a web identity provider's domain.
func validFederated(name, partition string) bool {
	service, resource, ok := principalARN(name, partition)
	if !ok {
		return !strings.HasPrefix(name, "arn:") && strings.Contains(name, ".") && validName(name)
	}
	kind, rest, _ := strings.Cut(resource, "/")
	return service == "iam" && (kind == "saml-provider" || kind == "oidc-provider") && validPath(rest)
}

// principalARN takes the ARN of something of an account apart.
func principalARN(name, partition string) (service, resource string, ok bool) {
	parts := strings.SplitN(name, ":", 6)
	if len(parts) != 6 || parts[0] != "arn" || parts[1] != partition || parts[3] != "" || !arn.ValidAccount(parts[4]) {
		return "", "", false
	}
	return parts[2], parts[5], true
}

// validUser reports whether s is the name of a user or a role, behind its path
// if it has one: any visible ASCII characters (IAM: pathType), but for those that
// would be wildcards anywhere else.
func validUser(s string) bool {
	const most = 512 // with both slashes
	end := strings.LastIndexByte(s, '/')
	if end == 0 || end+len("//") > most {
		return false
	}
	for _, c := range []byte(s[:end+1]) {
		if c < 0x21 || c > 0x7E || c == '*' || c == '?' {
			return false
		}
	}
	return validName(s[end+1:])
}

// validPath reports whether s is a provider's name, or parts of one.
func validPath(s string) bool {
	for part := range strings.SplitSeq(s, "/") {
		if !validName(part) {
			return false
		}
	}
	return true
}

// validName reports whether s has the characters of IAM's names.
func validName(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && strings.IndexByte("+=,.@_-", c) < 0 {
			return false
		}
	}
	return s != ""
}
