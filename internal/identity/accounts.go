package identity

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"time"
	"unicode"
	"unicode/utf8"

	"trent/internal/arn"
	"trent/internal/record"
	"trent/internal/store"
)

// Errors of what operators do with accounts.
var (
	// ErrNoAccount: there is no such account.
	ErrNoAccount = errors.New("identity: no such account")
	// ErrAccountExists: the account id is taken.
	ErrAccountExists = errors.New("identity: the account exists already")
	// ErrAccountID: not 12 digits.
	ErrAccountID = errors.New("identity: an account id has 12 digits")
	// ErrAccountName: too long, or with characters that cannot be printed.
	ErrAccountName = fmt.Errorf("identity: an account's name has at most %d characters, all of them printable", maxAccountName)
)

// maxAccountName is AWS's limit, in characters.
const maxAccountName = 50

// maxConflicts bounds how often a change is tried while somebody else changes
// the same records.
const maxConflicts = 10

// Account is an account as its record says.
type Account struct {
	ID       string // 12 digits
	Name     string // may be empty
	Created  time.Time
	Disabled bool // its access keys authenticate nothing
	Dev      bool // made by a well-known credential of trent dev
}

func accountOf(id string, r *record.Account) Account {
	return Account{ID: id, Name: r.Name, Created: time.UnixMilli(r.CreatedMs).UTC(), Disabled: r.Disabled, Dev: r.Dev}
}

// CreateAccount makes an account. An empty id stands for a random one; the
// name may be empty. Errors: ErrAccountID, ErrAccountName, ErrAccountExists.
func (d *Directory) CreateAccount(ctx context.Context, by Operator, id, name string) (Account, error) {
	if id != "" && !arn.ValidAccount(id) {
		return Account{}, ErrAccountID
	}
	if !printable(name) || utf8.RuneCountInString(name) > maxAccountName {
		return Account{}, ErrAccountName
	}
	if id != "" {
		return d.createAccount(ctx, by, id, name)
	}
	for range maxConflicts { // one in 900 billion is taken for each account that there is
		a, err := d.createAccount(ctx, by, randomAccountID(), name)
		if !errors.Is(err, ErrAccountExists) {
			return a, err
		}
	}
	return Account{}, ErrAccountExists
}

func (d *Directory) createAccount(ctx context.Context, by Operator, id, name string) (Account, error) {
	records, err := d.Records()
	if err != nil {
		return Account{}, err
	}
	r := record.Account{Name: name, CreatedMs: d.Now().UnixMilli()}
	path := record.AccountPath(id)
	value, err := records.Seal(path, record.TypeAccount, 1, &r)
	if err != nil {
		return Account{}, err
	}
	event := by.Event("CreateAccount", id, d.Now())
	event.RequestParameters = object("accountId", id, "accountName", name)
	ok, err := d.commit(ctx, records, &event, []store.Cmp{{Key: path}}, []store.Op{{Key: path, Value: value}})
	if err == nil && !ok {
		err = ErrAccountExists
	}
	return accountOf(id, &r), err
}

// FindAccount reads an account, or returns ErrNoAccount.
func (d *Directory) FindAccount(ctx context.Context, id string) (Account, error) {
	records, err := d.Records()
	if err != nil {
		return Account{}, err
	}
	a, err := d.account(ctx, records, id)
	if err != nil {
		return Account{}, err
	}
	return accountOf(id, &a.record), nil
}

// ListAccounts returns the accounts in order of their ids, from the first one
// behind after (empty: from the start), at most limit, and whether there are
// more.
func (d *Directory) ListAccounts(ctx context.Context, after string, limit int) (accounts []Account, more bool, err error) {
	records, err := d.Records()
	if err != nil {
		return nil, false, err
	}
	prefix := record.AccountPrefix()
	from := prefix
	if after != "" {
		from = append(record.AccountPath(after), 0)
	}
	rows, more, _, err := d.Store.Range(ctx, from, record.PrefixEnd(prefix), limit)
	for _, row := range rows {
		var r record.Account
		id := string(row.Key[len(prefix):])
		if _, err := records.Open(row.Key, row.Value, record.TypeAccount, &r); err != nil {
			return nil, false, fmt.Errorf("account record %s: %w", id, err)
		}
		accounts = append(accounts, accountOf(id, &r))
	}
	return accounts, more, err
}

// DisableAccount makes an account's access keys authenticate nothing any more,
// from the moment it returns. Its keys stay as they are. An account that is
// disabled already is no error. Errors: ErrNoAccount.
func (d *Directory) DisableAccount(ctx context.Context, by Operator, id string) (Account, error) {
	return d.setDisabled(ctx, by, "DisableAccount", id, true)
}

// EnableAccount undoes DisableAccount.
func (d *Directory) EnableAccount(ctx context.Context, by Operator, id string) (Account, error) {
	return d.setDisabled(ctx, by, "EnableAccount", id, false)
}

func (d *Directory) setDisabled(ctx context.Context, by Operator, event, id string, disabled bool) (Account, error) {
	var changed Account
	err := d.change(ctx, id, func(records *record.Sealer, a *storedAccount) (bool, error) {
		a.record.Disabled = disabled
		changed = accountOf(id, &a.record)
		put, err := a.put(records)
		if err != nil {
			return false, err
		}
		e := by.Event(event, id, d.Now())
		e.RequestParameters = object("accountId", id)
		return d.commit(ctx, records, &e, []store.Cmp{a.unchanged()}, []store.Op{put})
	})
	return changed, err
}

// storedAccount is an account's record as it was read.
type storedAccount struct {
	record  record.Account
	path    []byte
	version uint64
	mod     store.Rev
}

// put is the write of the record's next version.
func (a *storedAccount) put(records *record.Sealer) (store.Op, error) {
	value, err := records.Seal(a.path, record.TypeAccount, a.version+1, &a.record)
	return store.Op{Key: a.path, Value: value}, err
}

// unchanged is the condition that the record is as it was read.
func (a *storedAccount) unchanged() store.Cmp { return store.Cmp{Key: a.path, Mod: a.mod} }

// change reads an account and tries a change of it, which reports whether it
// was committed, until it is.
func (d *Directory) change(ctx context.Context, id string, try func(*record.Sealer, *storedAccount) (bool, error)) error {
	records, err := d.Records()
	if err != nil {
		return err
	}
	for range maxConflicts {
		a, err := d.account(ctx, records, id)
		if err != nil {
			return err
		}
		if ok, err := try(records, a); ok || err != nil {
			return err
		}
	}
	return fmt.Errorf("identity: account %s changes faster than it can be written", id)
}

// account reads an account's record, or returns ErrNoAccount.
func (d *Directory) account(ctx context.Context, records *record.Sealer, id string) (*storedAccount, error) {
	if !arn.ValidAccount(id) {
		return nil, ErrNoAccount
	}
	a := storedAccount{path: record.AccountPath(id)}
	kv, _, err := d.Store.Get(ctx, a.path)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrNoAccount
	}
	if err != nil {
		return nil, err
	}
	a.mod = kv.Mod
	if a.version, err = records.Open(kv.Key, kv.Value, record.TypeAccount, &a.record); err != nil {
		return nil, fmt.Errorf("account record %s: %w", id, err)
	}
	return &a, nil
}

// randomAccountID is uniform, but for less than one in ten million, over the
// ids that do not begin with 0.
func randomAccountID() string {
	var b [8]byte
	rand.Read(b[:])
	const first, count = 100_000_000_000, 900_000_000_000
	return strconv.FormatUint(first+binary.BigEndian.Uint64(b[:])%count, 10)
}

// printable reports whether s can be shown in a terminal and a log as it is.
func printable(s string) bool {
	if !utf8.ValidString(s) {
		return false
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return false
		}
	}
	return true
}
