// Package bootstrap owns how a data folder of production comes to be: whole, or
// marked as unfinished, whenever its making is cut off. The mark is made before
// anything else in the folder and removed after the last secret was handed over,
// so that a folder without one is complete and is never made again.
//
// It must never remove or overwrite what it finds, but its own mark, nor show a
// secret. It does not serve. Only cmd/trent imports it.
package bootstrap

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"

	"trent/internal/identity"
)

// markName is the file that says that a data folder is unfinished.
const markName = "init-unfinished"

// Errors.
var (
	// ErrNone: there is no data folder yet.
	ErrNone = errors.New("the data folder is not there: \"trent init\" makes it")
	// ErrUnfinished: an init was cut off.
	ErrUnfinished = errors.New("an init of the data folder was cut off: run \"trent init\" with the same configuration again, which finishes it")
	// ErrExists: something is there already.
	ErrExists = errors.New("something is there already, and init overwrites nothing")
	// ErrRunning: another init is at work.
	ErrRunning = errors.New("another init of the data folder is running")
	// ErrOtherAccount: the init that was cut off had made another account.
	ErrOtherAccount = errors.New("the init that was cut off had made another account")
)

// Ready returns nil for a data folder that was made to its end, ErrNone or
// ErrUnfinished otherwise.
func Ready(data string) error {
	if _, err := os.Stat(filepath.Join(data, markName)); err == nil {
		return fmt.Errorf("%s: %w", data, ErrUnfinished)
	} else if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	entries, err := os.ReadDir(data)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(entries) == 0 {
		return fmt.Errorf("%s: %w", data, ErrNone)
	}
	return err
}

// Unfinished is a data folder that this process is making.
type Unfinished struct {
	data string
	mark *os.File // locked
	// Resumed says that an earlier init had begun.
	Resumed bool
}

// Begin makes a data folder, of mode 0700, and marks it as unfinished; or it
// takes up what an earlier init left. files are those that init is going to
// make elsewhere: if it does not take up anything, none may be there. The error
// wraps ErrExists or ErrRunning where they fit, and then nothing was changed.
func Begin(data string, files ...string) (*Unfinished, error) {
	entries, err := os.ReadDir(data)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	mark := filepath.Join(data, markName)
	_, err = os.Lstat(mark)
	u := &Unfinished{data: data, Resumed: err == nil}
	if !u.Resumed {
		if len(entries) > 0 {
			return nil, fmt.Errorf("%s: %w", data, ErrExists)
		}
		for _, file := range files {
			if _, err := os.Lstat(file); !errors.Is(err, fs.ErrNotExist) {
				return nil, errors.Join(err, fmt.Errorf("%s: %w", file, ErrExists))
			}
		}
		if err := makeFolder(data); err != nil {
			return nil, err
		}
	}
	if u.mark, err = os.OpenFile(mark, os.O_WRONLY|os.O_CREATE, 0o600); err != nil {
		return nil, err
	}
	if err := unix.Flock(int(u.mark.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		u.mark.Close()
		return nil, fmt.Errorf("%s: %w", data, ErrRunning)
	}
	// Whoever had the lock before may have removed the mark, having finished.
	if _, err := os.Lstat(mark); err != nil {
		u.mark.Close()
		return nil, fmt.Errorf("%s: %w", data, ErrExists)
	}
	if err := errors.Join(u.mark.Sync(), sync(data)); err != nil {
		u.mark.Close()
		return nil, err
	}
	return u, nil
}

// makeFolder makes a folder, and those above it that are missing, and writes
// their names to disk. An empty one may be there, as a volume is, below a folder
// that this user cannot even read.
func makeFolder(path string) error {
	_, err := os.Stat(path)
	if err == nil {
		return os.Chmod(path, 0o700)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	parent := filepath.Dir(path)
	if _, err := os.Stat(parent); errors.Is(err, fs.ErrNotExist) {
		if err := makeFolder(parent); err != nil {
			return err
		}
	}
	return errors.Join(os.Mkdir(path, 0o700), sync(parent))
}

// sync writes the entries of a folder to disk.
func sync(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// Finish removes the mark: the folder is complete.
func (u *Unfinished) Finish() error {
	return errors.Join(os.Remove(u.mark.Name()), sync(u.data), u.mark.Close())
}

// Abandon leaves the folder marked.
func (u *Unfinished) Abandon() error { return u.mark.Close() }

// Root makes the first account, with an id of its own choice if account is
// empty, and its root access key. If an init that was cut off made an account,
// it is that one; a key of that init, which nobody may have seen, authenticates
// nothing any more. The caller wipes the secret.
func Root(ctx context.Context, d *identity.Directory, by identity.Operator, account string) (identity.NewKey, error) {
	accounts, _, err := d.ListAccounts(ctx, "", 1)
	if err != nil {
		return identity.NewKey{}, err
	}
	switch {
	case len(accounts) == 0:
		made, err := d.CreateAccount(ctx, by, account, "")
		if err != nil {
			return identity.NewKey{}, err
		}
		account = made.ID
	case account != "" && account != accounts[0].ID:
		return identity.NewKey{}, fmt.Errorf("%w: %s", ErrOtherAccount, accounts[0].ID)
	default:
		account = accounts[0].ID
	}
	return d.NewRootKey(ctx, by, account, false)
}
