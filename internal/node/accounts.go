package node

import (
	"context"
	"errors"

	"trent/internal/admin"
	"trent/internal/identity"
)

// Accounts lists accounts.
func (n *Node) Accounts(ctx context.Context, q admin.AccountQuery) (page admin.AccountPage, err error) {
	if err := n.errStarting(); err != nil {
		return page, err
	}
	accounts, more, err := n.Identity.ListAccounts(ctx, q.After, pageLimit(q.Limit))
	page.Accounts = []admin.Account{}
	for _, a := range accounts {
		page.Accounts = append(page.Accounts, account(a))
	}
	if more {
		page.Next = accounts[len(accounts)-1].ID
	}
	return page, err
}

func pageLimit(limit int) int {
	if limit < 1 || limit > admin.MaxPage {
		return admin.MaxPage
	}
	return limit
}

// Account reads an account and the access keys of its root.
func (n *Node) Account(ctx context.Context, id string) (d admin.AccountDetail, err error) {
	if err := n.errStarting(); err != nil {
		return d, err
	}
	a, err := n.Identity.FindAccount(ctx, id)
	if err != nil {
		return d, refusal(err)
	}
	keys, err := n.Identity.RootKeys(ctx, id)
	d = admin.AccountDetail{Account: account(a), RootKeys: []admin.RootKey{}}
	for _, k := range keys {
		status := admin.RootKeyInactive
		if k.Active {
			status = admin.RootKeyActive
		}
		d.RootKeys = append(d.RootKeys, admin.RootKey{AccessKeyID: k.ID, Created: k.Created, Status: status})
	}
	return d, refusal(err)
}

// CreateAccount makes an account.
func (n *Node) CreateAccount(ctx context.Context, by admin.Operator, in admin.CreateAccount) (admin.Account, error) {
	if err := n.errStarting(); err != nil {
		return admin.Account{}, err
	}
	a, err := n.Identity.CreateAccount(ctx, by, in.ID, in.Name)
	return account(a), refusal(err)
}

// SetAccountDisabled disables or enables an account.
func (n *Node) SetAccountDisabled(ctx context.Context, by admin.Operator, id string, disabled bool) (admin.Account, error) {
	if err := n.errStarting(); err != nil {
		return admin.Account{}, err
	}
	set := n.Identity.EnableAccount
	if disabled {
		set = n.Identity.DisableAccount
	}
	a, err := set(ctx, by, id)
	return account(a), refusal(err)
}

// NewRootKey makes an access key of an account's root.
func (n *Node) NewRootKey(ctx context.Context, by admin.Operator, id string, in admin.CreateRootKey) (admin.NewRootKey, error) {
	if err := n.errStarting(); err != nil {
		return admin.NewRootKey{}, err
	}
	k, err := n.Identity.NewRootKey(ctx, by, id, in.KeepEarlier)
	if err != nil {
		return admin.NewRootKey{}, refusal(err)
	}
	return admin.NewRootKey{
		Account: id, AccessKeyID: k.ID, SecretAccessKey: admin.Secret{Bytes: k.Secret}, Created: k.Created,
		Deactivated: append([]string{}, k.Deactivated...),
	}, nil
}

// DeactivateRootKey deactivates one access key of an account's root.
func (n *Node) DeactivateRootKey(ctx context.Context, by admin.Operator, id, accessKeyID string) (admin.AccountDetail, error) {
	if err := n.errStarting(); err != nil {
		return admin.AccountDetail{}, err
	}
	if err := n.Identity.DeactivateRootKey(ctx, by, id, accessKeyID); err != nil {
		return admin.AccountDetail{}, refusal(err)
	}
	return n.Account(ctx, id)
}

func account(a identity.Account) admin.Account {
	state := admin.AccountEnabled
	if a.Disabled {
		state = admin.AccountDisabled
	}
	return admin.Account{ID: a.ID, Name: a.Name, Created: a.Created, State: state, Dev: a.Dev}
}

// refusal gives the errors that an operator can mend the code that he sees.
func refusal(err error) error {
	for _, r := range []struct {
		err  error
		code admin.Code
		text string
	}{
		{identity.ErrNoAccount, admin.NotFound, "there is no such account"},
		{identity.ErrAccountExists, admin.Exists, "the account exists already"},
		{identity.ErrAccountID, admin.InvalidRequest, "an account id has 12 digits"},
		{identity.ErrAccountName, admin.InvalidRequest, "an account's name has at most 50 characters, all of them printable"},
		{identity.ErrNoRootKey, admin.NotFound, "the account's root has no such access key"},
		{identity.ErrTooManyRootKeys, admin.Limit, "the account has two active root access keys already: deactivate one first"},
		{identity.ErrUnavailable, admin.Unavailable, "the crypto module does not answer now"},
	} {
		if errors.Is(err, r.err) {
			return admin.Errorf(r.code, "%s", r.text)
		}
	}
	return err
}
