package identity

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"time"

	"trent/internal/record"
	"trent/internal/secret"
	"trent/internal/store"
)

// Credentials are temporary credentials that were made just now. The caller
// wipes them.
type Credentials struct {
	AccessKeyID string
	Secret      secret.Bytes // 40 characters; the store has a token that only the crypto module opens
	Token       secret.Bytes // the session token; the store has its hash
	Expires     time.Time
}

// Wipe ends the secrets.
func (c *Credentials) Wipe() {
	c.Secret.Wipe()
	c.Token.Wipe()
}

// NewCredentials makes temporary credentials of a principal, for as long as is
// asked for. k says whose they are and what they carry. They authenticate once
// the writes are committed. Errors: ErrUnavailable.
func (d *Directory) NewCredentials(ctx context.Context, k record.AccessKey, duration time.Duration) (c Credentials, cmp store.Cmp, ops []store.Op, err error) {
	records, err := d.Records()
	if err != nil {
		return c, cmp, nil, err
	}
	c.AccessKeyID = randomKeyID("ASIA")
	now := d.Now()
	c.Expires = now.Add(duration).UTC().Truncate(time.Second)
	var digest []byte
	c.Token, digest = newSessionToken()
	c.Secret, k.Token, k.Generation, err = d.Module.CreateSecret(ctx, k.Account, c.AccessKeyID)
	if err != nil {
		c.Token.Wipe()
		return Credentials{}, cmp, nil, err
	}
	k.Status, k.CreatedMs, k.ExpiresMs, k.Session = statusActive, now.UnixMilli(), c.Expires.UnixMilli(), digest
	path := record.AccessKeyPath(c.AccessKeyID)
	value, err := records.Seal(path, record.TypeAccessKey, 1, &k)
	if err != nil {
		c.Wipe()
		return Credentials{}, cmp, nil, err
	}
	due := record.SessionDue(k.Account, c.AccessKeyID, c.Expires)
	return c, store.Cmp{Key: path}, []store.Op{{Key: path, Value: value}, {Key: due.Path()}}, nil
}

// randomKeyID is an access key id of AWS's form: a prefix of four letters and 16
// characters of base32.
func randomKeyID(prefix string) string {
	var b [10]byte
	rand.Read(b[:])
	return prefix + base32.StdEncoding.EncodeToString(b[:])
}
