package identity

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"time"

	"trent/internal/apierr"
	"trent/internal/arn"
	"trent/internal/record"
	"trent/internal/secret"
	"trent/internal/store"
)

// sessionTokenSize is how many random bytes a session token has.
const sessionTokenSize = 96

// newSessionToken makes a session token and what is stored of it. Nobody can
// guess it, so that a plain hash is enough; the caller wipes it.
func newSessionToken() (token secret.Bytes, digest []byte) {
	random := make([]byte, sessionTokenSize)
	rand.Read(random)
	text := base64.StdEncoding.AppendEncode(nil, random)
	clear(random)
	sum := sha256.Sum256(text)
	return secret.New(text), sum[:]
}

// errExpiredToken is AWS's answer to temporary credentials that are over.
func errExpiredToken() error {
	return apierr.New(apierr.ExpiredToken, "The security token included in the request is expired")
}

// checkToken checks what came with a request as X-Amz-Security-Token: temporary
// credentials need theirs, others have none.
func (ak *AccessKey) checkToken(token string, now func() time.Time) error {
	s := ak.Caller.Session
	if s == nil {
		if token != "" {
			return errInvalidToken()
		}
		return nil
	}
	digest := sha256.Sum256([]byte(token))
	if subtle.ConstantTimeCompare(digest[:], ak.digest[:]) != 1 {
		return errInvalidToken()
	}
	if s.Expired(now()) {
		return errExpiredToken()
	}
	return nil
}

// session reads what an access key's record says of temporary credentials: nil
// for a long-term one.
func (r *reading) session(ctx context.Context, k *record.AccessKey) (*Session, [sha256.Size]byte, error) {
	var digest [sha256.Size]byte
	if k.Temporary == nil && k.ExpiresMs == 0 && len(k.Session) == 0 {
		return nil, digest, nil
	}
	t := k.Temporary
	if t == nil || k.ExpiresMs == 0 || copy(digest[:], k.Session) != len(digest) {
		return nil, digest, store.ErrNotFound // neither the one nor the other
	}
	s := &Session{
		Name: t.Name, RoleARN: t.RoleARN, RoleName: arn.ParsePrincipal(t.RoleARN).Name, roleID: t.RoleID,
		Issued: time.UnixMilli(t.IssuedMs).UTC(), Expires: time.UnixMilli(k.ExpiresMs).UTC(),
		Limited: t.Policy != "" || len(t.PolicyARNs) > 0,
		Tags:    t.Tags, tags: lowered(t.Tags), Transitive: t.Transitive, SourceIdentity: t.SourceIdentity, Chained: t.Chained,
	}
	if t.Policy != "" {
		r.bytes += compiledSize * len(t.Policy)
		s.Policies = append(s.Policies, Attached{Name: "session policy", Owner: k.PrincipalARN, Policy: r.compile(k.PrincipalARN, t.Policy, nil)})
	}
	var err error
	s.Policies, err = r.attached(ctx, s.Policies, k.Account, k.PrincipalARN, t.PolicyARNs)
	return s, digest, err
}
