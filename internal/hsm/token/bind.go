package token

import (
	"crypto/sha256"
	"encoding/binary"
)

// globalRegion is the pseudo-Region of access keys and of the audit trail, which
// belong to no Region.
const globalRegion = "global"

// bindLabel returns the label under which tokens of a kind are bound; empty
// for kinds of which no token can exist so far.
func (k Kind) bindLabel() string {
	switch k {
	case KindKey:
		return "TRENT-BIND-KEY-01"
	case KindSecret:
		return "TRENT-BIND-SECRET-01"
	case KindReplica:
		return "TRENT-BIND-REPLICA-01"
	case KindService:
		return "TRENT-BIND-SERVICE-01"
	case KindAudit:
		return "TRENT-BIND-AUDIT-01"
	case KindImport:
		return "TRENT-BIND-IMPORT-01"
	}
	return ""
}

// Bind computes what a token belongs to: an account, a Region and an id (key
// id, access key id, or name of a service or signing key). buf is working memory whose
// capacity saves an allocation. The error is ErrRefused if a token of that
// kind cannot belong there: access and signing keys belong to the Region
// `global`, service and signing keys to no account.
func (k Kind) Bind(buf []byte, account, region, id string) (bind [bindSize]byte, err error) {
	label := k.bindLabel()
	global, nobodys := k == KindSecret || k == KindAudit, k == KindService || k == KindAudit
	if label == "" || global && region != globalRegion || nobodys && account != "" {
		return bind, ErrRefused
	}
	buf = buf[:0]
	for _, part := range [...]string{label, account, region, id} {
		buf = binary.BigEndian.AppendUint32(buf, uint32(len(part)))
		buf = append(buf, part...)
	}
	return sha256.Sum256(buf), nil
}
