// Package arn owns how things are named: key ids, key ARNs, alias names and
// alias ARNs, the ARNs of principals and of managed policies, taken apart and
// put together. It is pure: it knows no key, no caller and no error text, and it
// must never decide whether a thing exists (internal/keydir and
// internal/identity do). Everyone on the service's side may import it; it
// imports only the standard library.
//
// It follows the AWS KMS Developer Guide, "Key identifiers (KeyId)":
//
//	key id       1234abcd-12ab-34cd-56ef-1234567890ab, or mrk- and 32 hex digits
//	key ARN      arn:<partition>:kms:<region>:<account>:key/<key id>
//	alias name   alias/<name>
//	alias ARN    arn:<partition>:kms:<region>:<account>:alias/<name>
package arn

import "strings"

// Kind says which form of identifier a KeyId parameter has.
type Kind uint8

// The kinds of identifier.
const (
	// InvalidKeyID is neither an ARN nor an alias name nor a key id, or a key
	// ARN whose key id is none. ID holds the text that is no key id.
	InvalidKeyID Kind = iota
	// InvalidARN begins with "arn:" but names no KMS key or alias.
	InvalidARN
	KeyID
	KeyARN
	AliasName
	AliasARN
)

// Identifier is a KeyId parameter taken apart. Its strings are parts of the
// string that was parsed.
type Identifier struct {
	Kind Kind
	// Partition, Region and Account are an ARN's, and empty in other kinds.
	Partition, Region, Account string
	// ID is the key id of KeyID and KeyARN, the alias name with "alias/" of
	// AliasName and AliasARN, and the offending text of InvalidKeyID.
	ID string
}

// Lengths in bytes. Longer identifiers are refused by the constraints of the
// API before they come here.
const (
	uuidSize        = 36
	multiRegionSize = 4 + 32
	accountSize     = 12
	maxAliasName    = 256
)

const (
	multiRegionPrefix = "mrk-"
	aliasPrefix       = "alias/"
	reservedPrefix    = "alias/aws/"
	keyResource       = "key/"
)

// Parse says what a KeyId parameter is. It accepts any string, allocates
// nothing, and checks the form only: an alias name may be one that CreateAlias
// would refuse, and hex digits may be upper case; neither is then ever found.
func Parse(s string) Identifier {
	switch {
	case strings.HasPrefix(s, aliasPrefix):
		return Identifier{Kind: AliasName, ID: s}
	case strings.HasPrefix(s, "arn:"):
		return parseARN(s)
	case ValidKeyID(s):
		return Identifier{Kind: KeyID, ID: s}
	}
	return Identifier{Kind: InvalidKeyID, ID: s}
}

// parseARN takes apart a string that begins with "arn:".
func parseARN(s string) Identifier {
	invalid := Identifier{Kind: InvalidARN, ID: s}
	partition, rest, ok1 := strings.Cut(s[len("arn:"):], ":")
	service, rest, ok2 := strings.Cut(rest, ":")
	region, rest, ok3 := strings.Cut(rest, ":")
	account, resource, ok4 := strings.Cut(rest, ":")
	if !ok1 || !ok2 || !ok3 || !ok4 || service != "kms" ||
		!validLabel(partition) || !validLabel(region) || !ValidAccount(account) {
		return invalid
	}
	id := Identifier{Partition: partition, Region: region, Account: account}
	switch {
	case strings.HasPrefix(resource, aliasPrefix):
		id.Kind, id.ID = AliasARN, resource
	case strings.HasPrefix(resource, keyResource):
		id.Kind, id.ID = KeyARN, resource[len(keyResource):]
		if !ValidKeyID(id.ID) {
			id.Kind = InvalidKeyID
		}
	default:
		return invalid
	}
	return id
}

// String puts the identifier together again: Parse(s).String() == s for every
// kind but InvalidKeyID, of which it returns the offending text.
func (i Identifier) String() string {
	switch i.Kind {
	case KeyARN:
		return Key(i.Partition, i.Region, i.Account, i.ID)
	case AliasARN:
		return Alias(i.Partition, i.Region, i.Account, i.ID)
	}
	return i.ID
}

// Key returns the ARN of a key.
func Key(partition, region, account, id string) string {
	return "arn:" + partition + ":kms:" + region + ":" + account + ":" + keyResource + id
}

// Alias returns the ARN of an alias; name begins with "alias/".
func Alias(partition, region, account, name string) string {
	return "arn:" + partition + ":kms:" + region + ":" + account + ":" + name
}

// ValidAccount reports whether s is an account id: 12 digits.
func ValidAccount(s string) bool {
	if len(s) != accountSize {
		return false
	}
	for i := range len(s) {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}

// validLabel reports whether s can be a partition or a Region: letters, digits
// and hyphens, so that it can never be taken for more than one part of a store key.
func validLabel(s string) bool {
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
			return false
		}
	}
	return s != ""
}

// ValidAliasName reports whether an alias of that name can be made: "alias/"
// and then letters, digits, ':', '/', '_' and '-', 256 bytes at most together.
// Reserved names are valid here; see ReservedAliasName.
func ValidAliasName(s string) bool {
	if !strings.HasPrefix(s, aliasPrefix) || len(s) == len(aliasPrefix) || len(s) > maxAliasName {
		return false
	}
	for i := range len(s) {
		c := s[i]
		if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') &&
			c != ':' && c != '/' && c != '_' && c != '-' {
			return false
		}
	}
	return true
}

// ReservedAliasName reports whether the name begins with "alias/aws/", which
// AWS keeps for AWS managed keys.
func ReservedAliasName(s string) bool { return strings.HasPrefix(s, reservedPrefix) }
