package record

import (
	"bytes"
	"encoding/hex"
	"strings"
)

// Global is the pseudo-Region of identity records and of the store itself.
const Global = "global"

// The functions of this file make the store keys of docs/formats.md, and
// ParsePath reads them back. A …Path is one key; a …Prefix ends with "/" and
// covers all keys below it, up to PrefixEnd of it. Their arguments are ids
// that the caller has validated: not empty and, alias names apart, without
// "/".

// KeyPath is the store key of a key record.
func KeyPath(region, account, keyID string) []byte { return path(region, KindKey, account, keyID) }

// KeyPrefix covers the key records of an account, in order of key id.
func KeyPrefix(region, account string) []byte { return path(region, KindKey, account, "") }

// AllKeyPrefix covers the key records of a Region, in order of account and key id.
func AllKeyPrefix(region string) []byte { return path(region, KindKey, "") }

// PolicyPath is the store key of a key's policy record.
func PolicyPath(region, account, keyID string) []byte {
	return path(region, KindPolicy, account, keyID)
}

// MaterialPath is the store key of the record of one key material; id is its
// 32 bytes, which stand in the store key as 64 lower-case hex digits.
func MaterialPath(region, account, keyID string, id []byte) []byte {
	return path(region, KindMaterial, account, keyID, hex.EncodeToString(id))
}

// MaterialPrefix covers the material records of a key.
func MaterialPrefix(region, account, keyID string) []byte {
	return path(region, KindMaterial, account, keyID, "")
}

// AllMaterialPrefix covers the material records of a Region.
func AllMaterialPrefix(region string) []byte { return path(region, KindMaterial, "") }

// IndexPath is the store key of the index record that leads from a material
// id (32 bytes) to its key.
func IndexPath(region string, id []byte) []byte {
	return path(region, KindIndex, hex.EncodeToString(id))
}

// AliasPath is the store key of an alias record; name is the alias name
// without "alias/" and may contain "/".
func AliasPath(region, account, name string) []byte { return path(region, KindAlias, account, name) }

// AliasPrefix covers the alias records of an account, in order of name.
func AliasPrefix(region, account string) []byte { return path(region, KindAlias, account, "") }

// AliasOfKeyPath is the store key, with an empty value, that lists an alias
// under its key.
func AliasOfKeyPath(region, account, keyID, name string) []byte {
	return path(region, KindAliasOfKey, account, keyID, name)
}

// AliasOfKeyPrefix covers the aliases of a key, in order of name.
func AliasOfKeyPrefix(region, account, keyID string) []byte {
	return path(region, KindAliasOfKey, account, keyID, "")
}

// TagsPath is the store key of the record of a key's tags.
func TagsPath(region, account, keyID string) []byte { return path(region, KindTags, account, keyID) }

// KeyUsePath is the store key of the record of a key's last use.
func KeyUsePath(region, account, keyID string) []byte {
	return path(region, KindKeyUse, account, keyID)
}

// DomainTokenPath is the store key of a domain's token, which is stored bare.
func DomainTokenPath(region string) []byte { return path(region, KindDomainToken) }

// ServiceKeyPath is the store key of a service key's record.
func ServiceKeyPath(region, name string) []byte { return path(region, KindServiceKey, name) }

// ServiceKeyPrefix covers the service key records of a Region.
func ServiceKeyPrefix(region string) []byte { return path(region, KindServiceKey, "") }

// OutboxPath is the store key of an outbox row, which is stored bare.
func OutboxPath(region, eventID string) []byte { return path(region, KindOutbox, eventID) }

// OutboxPrefix covers the outbox rows of a Region.
func OutboxPrefix(region string) []byte { return path(region, KindOutbox, "") }

// AuditKeyPath is the store key of the record of a key that signs digests of the
// audit trail.
func AuditKeyPath(name string) []byte { return path(Global, KindAuditKey, name) }

// AuditKeyPrefix covers the records of these keys.
func AuditKeyPrefix() []byte { return path(Global, KindAuditKey, "") }

// StorePath is the store key of the store's own record.
func StorePath() []byte { return path(Global, KindStore) }

// PrefixEnd is the first key after all keys that start with prefix: a range
// from prefix to it covers them. It is empty, which stands for the end of the
// store, if there is no such key.
func PrefixEnd(prefix []byte) []byte {
	for i := len(prefix) - 1; i >= 0; i-- {
		if prefix[i] != 0xff {
			end := bytes.Clone(prefix[:i+1])
			end[i]++
			return end
		}
	}
	return nil
}

// Kind is the part of a store key after the Region: what stands there.
type Kind string

// The kinds of store keys.
const (
	KindKey         Kind = "k"
	KindPolicy      Kind = "p"
	KindMaterial    Kind = "m"
	KindIndex       Kind = "x"
	KindAlias       Kind = "a"
	KindAliasOfKey  Kind = "ak"
	KindTags        Kind = "t"
	KindKeyUse      Kind = "u"
	KindDomainToken Kind = "dom"
	KindServiceKey  Kind = "svc"
	KindOutbox      Kind = "o"
	KindAccount     Kind = "id/account"
	KindAccessKey   Kind = "id/ak"
	KindUser        Kind = "id/user"
	KindGroup       Kind = "id/group"
	KindRole        Kind = "id/role"
	KindManaged     Kind = "id/managed"
	KindMember      Kind = "id/member"
	KindAttachment  Kind = "id/attached"
	KindLastUsed    Kind = "id/used"
	KindGrant       Kind = "g"
	KindRetirable   Kind = "gr"
	KindAuditKey    Kind = "aud"
	KindStore       Kind = "meta/store"
)

// Path is a store key taken apart. Members that the kind does not have are
// empty.
type Path struct {
	Kind    Kind
	Region  string // Global for identity and the store
	Account string // of an account record, its id
	KeyID   string
	Name    string // alias name, service key name, event id, signing key name, access key id, grant id; of IAM in lower case
	Member  string // of a membership the user; of an attachment who has the policy: <use>-<kind>/<name>
	ID      []byte // material id, 32 bytes
	Retirer string // ARN or name of the principal that can retire a grant
}

// ParsePath takes a store key apart; ok is false if it is none that this file
// makes.
func ParsePath(key []byte) (p Path, ok bool) {
	region, rest, found := strings.Cut(string(key), "/")
	if !found || region == "" {
		return Path{}, false
	}
	p.Region = region
	switch p.Kind = kindOf(rest); p.Kind {
	case "":
		return Path{}, false
	case KindAccount, KindAccessKey, KindUser, KindGroup, KindRole, KindManaged, KindMember, KindAttachment, KindLastUsed, KindAuditKey, KindStore:
		if region != Global {
			return Path{}, false
		}
	}
	switch {
	case p.Kind == KindDomainToken || p.Kind == KindStore:
		ok = rest == string(p.Kind)
	case region == Global && strings.HasPrefix(rest, "id/"):
		ok = p.parseIdentity(rest[len(p.Kind)+1:])
	default:
		ok = p.parse(rest[len(p.Kind)+1:])
	}
	if !ok {
		return Path{}, false
	}
	return p, true
}

// parse reads what follows the kind in a Region's store keys.
func (p *Path) parse(rest string) (ok bool) {
	switch p.Kind {
	case KindKey, KindPolicy, KindTags, KindKeyUse:
		p.Account, p.KeyID, ok = cut(rest)
		ok = ok && plain(p.KeyID)
	case KindMaterial:
		p.Account, rest, ok = cut(rest)
		if ok {
			p.KeyID, rest, ok = cut(rest)
			ok = ok && materialID(rest, p)
		}
	case KindIndex:
		ok = materialID(rest, p)
	case KindAlias:
		p.Account, p.Name, ok = cut(rest)
	case KindAliasOfKey:
		p.Account, rest, ok = cut(rest)
		if ok {
			p.KeyID, p.Name, ok = cut(rest)
		}
	case KindGrant:
		ok = p.parseGrant(rest)
	case KindRetirable:
		ok = p.parseRetirable(rest)
	case KindServiceKey, KindOutbox, KindAuditKey:
		p.Name, ok = rest, plain(rest)
	}
	return ok
}

// kindOf finds the kind that starts rest: of two parts under id/ and meta/,
// of one part elsewhere.
func kindOf(rest string) Kind {
	first, after, _ := strings.Cut(rest, "/")
	if first == "id" || first == "meta" {
		second, _, _ := strings.Cut(after, "/")
		first += "/" + second
	}
	switch k := Kind(first); k {
	case KindDomainToken, KindStore:
		return k
	case KindKey, KindPolicy, KindMaterial, KindIndex, KindAlias, KindAliasOfKey, KindTags, KindKeyUse,
		KindServiceKey, KindOutbox, KindAccount, KindAccessKey, KindUser, KindGroup, KindRole, KindManaged, KindMember,
		KindAttachment, KindLastUsed, KindAuditKey, KindGrant, KindRetirable:
		if len(rest) > len(k) {
			return k
		}
	}
	return ""
}

// cut splits at the first "/" into two parts, neither of them empty.
func cut(s string) (before, after string, ok bool) {
	before, after, ok = strings.Cut(s, "/")
	return before, after, ok && before != "" && after != ""
}

// plain says whether s is one part.
func plain(s string) bool { return s != "" && !strings.Contains(s, "/") }

// materialID reads 64 lower-case hex digits into p.
func materialID(s string, p *Path) bool {
	id, err := hex.DecodeString(s)
	p.ID = id
	return err == nil && len(id) == 32 && hex.EncodeToString(id) == s
}

func path(region string, kind Kind, parts ...string) []byte {
	n := len(region) + 1 + len(kind)
	for _, p := range parts {
		n += 1 + len(p)
	}
	b := make([]byte, 0, n)
	b = append(b, region...)
	b = append(b, '/')
	b = append(b, kind...)
	for _, p := range parts {
		b = append(b, '/')
		b = append(b, p...)
	}
	return b
}
