package identity

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"

	"trent/internal/arn"
	"trent/internal/record"
	"trent/internal/secret"
	"trent/internal/store"
)

// The well-known credentials of trent dev.
const (
	DevAccessKeyID = "test"
	DevSecret      = "test"
	DevAccount     = "000000000000"
)

// devAccount maps a well-known access key id to its account.
func devAccount(id string) (account string, ok bool) {
	if id == DevAccessKeyID {
		return DevAccount, true
	}
	return id, arn.ValidAccount(id)
}

func (d *Directory) wellKnown(id string) bool {
	_, ok := devAccount(id)
	return ok && d.Dev
}

// WellKnownDayKey derives the day key of a well-known credential, whose secret
// is no secret, without the crypto module: so a request is verified before an
// account, an access key or a Region is made for it.
func (d *Directory) WellKnownDayKey(ak *AccessKey, date, region, service string, dst *[32]byte) error {
	if !ak.WellKnown {
		return errInvalidToken()
	}
	key := []byte("AWS4" + DevSecret)
	for _, part := range [...]string{date, region, service, "aws4_request"} {
		m := hmac.New(sha256.New, key)
		m.Write([]byte(part))
		key = m.Sum(nil)
	}
	copy(dst[:], key)
	return nil
}

// Make stores the account and the root access key behind a well-known
// credential, in the form that production has: records with a MAC, and the
// secret sealed by the module.
func (d *Directory) Make(ctx context.Context, ak *AccessKey) (*AccessKey, error) {
	d.makeDev.Lock()
	defer d.makeDev.Unlock()
	if made, err := d.AccessKey(ctx, ak.ID, ""); err != nil || made.Stored {
		return made, err
	}
	id := ak.ID
	account, _ := devAccount(id)
	records, err := d.Records()
	if err != nil {
		return nil, err
	}
	token, generation, err := d.Module.SealSecret(ctx, account, id, secret.Copy([]byte(DevSecret)))
	if err != nil {
		return nil, err
	}
	now := d.Now()
	keyOfKey, keyOfAccount := record.AccessKeyPath(id), record.AccountPath(account)
	accessKey, err := records.Seal(keyOfKey, record.TypeAccessKey, 1, d.rootRecord(account, token, generation, now))
	if err != nil {
		return nil, err
	}
	owner, err := records.Seal(keyOfAccount, record.TypeAccount, 1, &record.Account{CreatedMs: now.UnixMilli(), Dev: true})
	if err != nil {
		return nil, err
	}
	ops := []store.Op{{Key: keyOfKey, Value: accessKey}}
	cmps := []store.Cmp{{Key: keyOfKey}, {Key: keyOfAccount}}
	// "test" and "000000000000" share an account, so it may be there already.
	ok, _, err := d.Store.Txn(ctx, cmps, append(ops, store.Op{Key: keyOfAccount, Value: owner}))
	if err == nil && !ok {
		_, _, err = d.Store.Txn(ctx, cmps[:1], ops)
	}
	if err != nil {
		return nil, err
	}
	return d.AccessKey(ctx, id, "")
}
