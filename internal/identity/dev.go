package identity

import (
	"context"

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
	if len(id) != 12 {
		return "", false
	}
	for i := range len(id) {
		if id[i] < '0' || id[i] > '9' {
			return "", false
		}
	}
	return id, true
}

// provision makes the account and the root access key behind a well-known
// credential, in the form that production has: records with a MAC, and the
// secret sealed by the module.
func (d *Directory) provision(ctx context.Context, id, account string) (*AccessKey, error) {
	d.makeDev.Lock()
	defer d.makeDev.Unlock()
	records, err := d.Records()
	if err != nil {
		return nil, err
	}
	token, generation, err := d.Module.SealSecret(ctx, account, id, secret.Copy([]byte(DevSecret)))
	if err != nil {
		return nil, err
	}
	now := d.Now().UnixMilli()
	root := record.AccessKey{
		Account: account, PrincipalARN: "arn:" + d.Partition + ":iam::" + account + ":root", PrincipalID: account,
		Type: "Root", Status: statusActive, CreatedMs: now, Token: token, Generation: generation,
	}
	keyOfKey, keyOfAccount := record.AccessKeyPath(id), record.AccountPath(account)
	accessKey, err := records.Seal(keyOfKey, record.TypeAccessKey, 1, &root)
	if err != nil {
		return nil, err
	}
	owner, err := records.Seal(keyOfAccount, record.TypeAccount, 1, &record.Account{CreatedMs: now, Dev: true})
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
	return d.stored(ctx, id)
}
