package identity

import (
	"context"
	"crypto/sha256"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"trent/internal/apierr"
	"trent/internal/audit"
	"trent/internal/hsm/client/identity"
	"trent/internal/policy"
	"trent/internal/record"
	"trent/internal/store"
)

// AccessKey is an access key as it authenticates: an immutable snapshot.
type AccessKey struct {
	ID     string
	Caller Caller
	Active bool
	token  []byte            // seals the secret; only the crypto module opens it
	digest [sha256.Size]byte // of the session token, if Caller has a Session
	seen   []seen            // what the snapshot was made of

	// WellKnown is a credential of trent dev. Stored is false until Make.
	WellKnown, Stored bool

	noted atomic.Int64 // the minute of the last use that was noted
}

// Config is what a Directory is made of.
type Config struct {
	Store  store.Store
	Module *identity.Module
	// Records checks and makes the MACs of global records.
	Records func() (*record.Sealer, error)
	// Partition is the ARN partition, "aws" by default.
	Partition string
	// Dev accepts the well-known credentials of trent dev: the access key id
	// "test" (account 000000000000) and every 12-digit access key id (that
	// account), secret "test". They are made when first seen.
	Dev bool
	Now func() time.Time
	Log *slog.Logger
}

// Bounds of the caches.
const (
	maxAccessKeys     = 10_000
	maxAccessKeyBytes = 32 << 20
	maxPrincipals     = 10_000 // and as many groups, and managed policies
	maxPolicyBytes    = 64 << 20
)

// Directory finds access keys, their day keys, and who calls with them.
type Directory struct {
	Config
	stop func()

	changes    *changes
	keys       *cache[*AccessKey]
	principals *cache[*principal]
	groups     *cache[[]Attached]
	managed    *cache[Attached]
	days       dayKeys
	nothing    *policy.Policy // denies everything

	used    uses
	makeDev sync.Mutex // one well-known credential is made at a time
	events  audit.IDs
}

// New returns a directory that follows the store's changes until Close.
func New(c Config) *Directory {
	changes := newChanges()
	d := &Directory{
		Config: c, changes: changes, nothing: denyEverything(),
		keys:       newCache[*AccessKey]("access_keys", changes, maxAccessKeys, maxAccessKeyBytes),
		principals: newCache[*principal]("principals", changes, maxPrincipals, maxPolicyBytes),
		groups:     newCache[[]Attached]("groups", changes, maxPrincipals, maxPolicyBytes),
		managed:    newCache[Attached]("managed_policies", changes, maxPrincipals, maxPolicyBytes),
		days:       dayKeys{of: map[string]*ownDayKeys{}},
		used:       uses{pending: map[string]use{}},
	}
	d.stop = c.Store.Observe(d.observe)
	return d
}

// observe makes what is cached of a changed record out of date before the
// commit is acknowledged. That alone counts; the rest frees what nobody will ask
// for again, and wipes day keys.
func (d *Directory) observe(_ store.Rev, events []store.Event) {
	for _, e := range events {
		p, ok := record.ParsePath(e.Key)
		if !ok {
			continue
		}
		switch p.Kind {
		case record.KindAccessKey:
			d.changes.changed(e.Key)
			if e.Deleted || e.Create != e.Mod { // a new one is cached nowhere
				d.keys.drop(p.Name)
				d.days.wipe(p.Name)
			}
		case record.KindAccount:
			d.changes.changed(e.Key)
			if e.Deleted || e.Create != e.Mod {
				d.days.wipeAccount(p.Account)
			}
		case record.KindUser, record.KindRole, record.KindGroup, record.KindManaged:
			d.changes.changed(e.Key)
		}
	}
}

// Close ends the observation and wipes the day keys.
func (d *Directory) Close() {
	d.stop()
	d.days.wipeAccount("")
}

// ErrUnavailable: the crypto module cannot derive a day key now.
var ErrUnavailable = identity.ErrUnavailable

// errInvalidToken is AWS's answer to an access key that does not exist or is
// not active: which of the two is not said.
func errInvalidToken() error {
	return apierr.New(apierr.UnrecognizedClient, "The security token included in the request is invalid.")
}

// AccessKey returns an active access key of an account that is not disabled,
// whose principal is there. sessionToken is what came with the request: that of
// the temporary credentials that the key is part of, "" for any other. Errors:
// UnrecognizedClientException, ExpiredTokenException.
func (d *Directory) AccessKey(ctx context.Context, id, sessionToken string) (*AccessKey, error) {
	e, ok := d.keys.get(id)
	if !ok {
		var err error
		if e, err = d.readKey(ctx, id); err != nil {
			return nil, err
		}
		if e.v.Stored {
			d.keys.put(e.v.ID, e)
		}
	}
	if !e.v.Active {
		return nil, errInvalidToken()
	}
	if err := e.v.checkToken(sessionToken, d.Now); err != nil {
		return nil, err
	}
	return e.v, nil
}

// readKey makes the snapshot of an access key.
func (d *Directory) readKey(ctx context.Context, id string) (e entry[*AccessKey], err error) {
	if !plausible(id) {
		return e, errInvalidToken()
	}
	r, err := d.reading()
	if err != nil {
		return e, err
	}
	var k record.AccessKey
	ak := &AccessKey{ID: strings.Clone(id), WellKnown: d.wellKnown(id)}
	switch err := r.get(ctx, record.AccessKeyPath(id), record.TypeAccessKey, &k); {
	case err == nil:
		ak.Stored = true
	case !errors.Is(err, store.ErrNotFound):
		return e, err
	case !ak.WellKnown:
		return e, errInvalidToken()
	default: // Make makes it, and its account if need be
		k.Account, _ = devAccount(id)
		k.Status = statusActive
	}
	var account record.Account
	err = r.get(ctx, record.AccountPath(k.Account), record.TypeAccount, &account)
	if errors.Is(err, store.ErrNotFound) && !ak.Stored {
		err = nil
	}
	if err == nil && account.Disabled {
		err = errInvalidToken()
	}
	if err == nil {
		err = r.fill(ctx, ak, &k)
	}
	if errors.Is(err, store.ErrNotFound) { // of the account or the principal
		err = errInvalidToken()
	}
	ak.seen = r.seen
	return entry[*AccessKey]{ak, r.seen, 512 + r.bytes}, err
}

// fill says who calls with an access key, by its record.
func (r *reading) fill(ctx context.Context, ak *AccessKey, k *record.AccessKey) (err error) {
	ak.Active, ak.token = k.Status == statusActive, k.Token
	ak.Caller = Caller{
		Account: k.Account, PrincipalARN: k.PrincipalARN, PrincipalID: k.PrincipalID, Type: k.Type, UserName: k.UserName, AccessKeyID: ak.ID,
	}
	if !ak.Stored {
		return nil
	}
	if ak.Caller.Session, ak.digest, err = r.session(ctx, k); err != nil {
		return err
	}
	ak.Caller.Permissions, err = r.permissions(ctx, &ak.Caller)
	return err
}

// plausible keeps what cannot be an access key id out of the store's keys.
func plausible(id string) bool {
	if len(id) == 0 || len(id) > 128 {
		return false
	}
	for i := range len(id) {
		c := id[i]
		if (c < '0' || c > '9') && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// AWS's statuses of access keys.
const (
	statusActive   = "Active"
	statusInactive = "Inactive"
)

// Usage returns the usage of each cache.
func (d *Directory) Usage() []Usage {
	return []Usage{d.keys.usage(), d.days.usage(), d.principals.usage(), d.groups.usage(), d.managed.usage()}
}
