// Package replay owns what the audit trail says of who could use a key at moments
// that are over: it carries out again what the records of changes say was done to
// principals, policies, keys and grants, in their order, and asks internal/explain
// of every state between two changes what the service would have been asked.
//
// It must never guess. Where a record does not say enough (its outcome is not known,
// its parameters were too long, the operation is not known here), what it was about
// is lost from there on, with the reason. It reads no file and asks no service; only
// internal/evidence imports it.
package replay

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"trent/internal/arn"
	"trent/internal/identity"
	"trent/internal/policy"
	"trent/internal/record"
)

// Event is a record of a change that happened, or may have.
type Event struct {
	Order      uint64 // of the records
	Time       time.Time
	Source     string // kms.amazonaws.com, iam.amazonaws.com, trent
	Name       string
	ID         string // of the event
	Region     string
	Account    string   // recipientAccountId
	Caller     string   // account of who called; empty if nobody did
	Partition  string   // of an ARN in it, if there is one
	Keys       []string // ARNs of the KMS keys that it is about
	State      string   // that it brings the key to; empty: none
	Grant      string   // id of the grant that it is about, if its parameters do not say
	Unknown    bool     // its outcome is not known
	Parameters json.RawMessage
	Response   json.RawMessage
}

// Bounds of what is kept.
const (
	maxVersions = 200_000   // of principals, from the period's begin on
	maxBytes    = 256 << 20 // of the policies of principals
)

// World is the accounts with their principals, as they come to be record by record.
type World struct {
	partition string
	accounts  map[string]*account
	documents map[string]*document
	bytes     int
	versions  int
	recording bool // versions are kept
	began     uint64
	lost      Loss      // of everything
	settled   time.Time // when the last such loss was
}

// Loss is from where on something is not known, and why. The zero value is no loss.
type Loss struct {
	Order uint64
	Time  time.Time
	Why   string
}

// document is a policy's text, compiled, and whether it is about AWS KMS.
type document struct {
	text     string
	compiled *policy.Policy
	concerns bool
}

// account is what is known of an account.
type account struct {
	id         string
	since      uint64 // the first record that shows it
	users      map[string]*record.User
	roles      map[string]*record.Role
	groups     map[string]*record.Group
	managed    map[string]*record.Managed
	principals map[who]*principal
	changed    time.Time // the last change of its principals
	lost       Loss
}

// who is a user or a role of an account, by its name in lower case.
type who struct {
	kind record.Kind
	name string
}

// principal is what a user or a role was from the period's begin on.
type principal struct {
	versions []version
}

// version is what he was from a record on.
type version struct {
	order  uint64
	time   time.Time
	event  string // the record's operation and event id
	id     string
	caller *identity.Caller // nil: not there
	print  string
}

// New returns a world with nothing in it, as a service has it before its first record.
func New() *World {
	return &World{accounts: map[string]*account{}, documents: map[string]*document{}}
}

// Lose says that from a record on nothing is known of anything. Behind the time of
// the last such loss the records are whole again, so that what has not changed since
// is known.
func (w *World) Lose(order uint64, at time.Time, why string) {
	if w.lost.Why == "" || order < w.lost.Order {
		w.lost = Loss{order, at, why}
	}
	if at.After(w.settled) {
		w.settled = at
	}
}

// Begin has what principals are kept from a record on, the first of the period.
func (w *World) Begin(order uint64) {
	if w.recording {
		return
	}
	w.recording, w.began = true, order
	for _, a := range w.accounts {
		for name := range a.users {
			w.touch(a, &Event{}, who{record.KindUser, name})
		}
		for name := range a.roles {
			w.touch(a, &Event{}, who{record.KindRole, name})
		}
	}
}

// seen notes that an account is there.
func (w *World) seen(id string, order uint64) *account {
	a := w.accounts[id]
	if a == nil && arn.ValidAccount(id) {
		a = &account{
			id: id, since: order, users: map[string]*record.User{}, roles: map[string]*record.Role{}, groups: map[string]*record.Group{},
			managed: map[string]*record.Managed{}, principals: map[who]*principal{},
		}
		w.accounts[id] = a
	}
	return a
}

// Seen notes who called: an account that calls is there, also one of trent dev's,
// which no record makes.
func (w *World) Seen(e *Event) {
	w.partition = cmp.Or(w.partition, e.Partition)
	w.seen(e.Caller, e.Order)
}

// Apply carries out a change of principals, and does not look at others.
func (w *World) Apply(e *Event) {
	w.Seen(e)
	switch {
	case e.Source == sourceTrent && e.Name == "CreateAccount":
		w.seen(e.Account, e.Order)
		return
	case e.Source != sourceIAM:
		return
	}
	a := w.seen(e.Account, e.Order)
	if a == nil {
		return
	}
	if !slices.Contains(unmoved, e.Name) {
		a.changed = later(a.changed, e.Time)
	}
	if e.Unknown {
		a.lose(e, "whether "+e.Name+" took effect is not known")
		return
	}
	touched, why := a.apply(e)
	if why != "" {
		a.lose(e, why)
		return
	}
	if !w.recording {
		return
	}
	for _, name := range touched {
		w.touch(a, e, name)
	}
}

// Sources of events.
const (
	sourceIAM   = "iam.amazonaws.com"
	sourceTrent = "trent"
)

func (a *account) lose(e *Event, why string) {
	if a.lost.Why == "" {
		a.lost = Loss{e.Order, e.Time, why + " (event " + e.ID + ")"}
	}
}

// touch keeps what a principal has become, if it bears on AWS KMS.
func (w *World) touch(a *account, e *Event, name who) {
	p := a.principals[name]
	if p == nil {
		p = &principal{}
		a.principals[name] = p
	}
	v := version{order: e.Order, time: e.Time, event: e.Name, id: e.ID}
	v.caller, v.print = w.caller(a, name)
	if n := len(p.versions); n > 0 && p.versions[n-1].print == v.print || n == 0 && v.caller == nil {
		return
	}
	if w.versions++; w.versions > maxVersions {
		w.Lose(e.Order, e.Time, "more changes of principals than this report can hold; ask for a shorter period")
		return
	}
	p.versions = append(p.versions, v)
}

// at is what a principal was when a record had been written.
func (p *principal) at(order uint64) *identity.Caller {
	i, found := slices.BinarySearchFunc(p.versions, order, func(v version, o uint64) int { return cmp.Compare(v.order, o) })
	if !found {
		i--
	}
	if i < 0 {
		return nil
	}
	return p.versions[i].caller
}

// resolve says which principal a name means now: its unique id, as
// identity.Directory's Resolve does.
func (w *World) resolve(name string) (id string, exists bool) {
	p := arn.ParsePrincipal(name)
	a := w.accounts[p.Account]
	switch {
	case p.Kind == arn.NoPrincipal:
		return "", true // a service, or it would have been refused
	case a == nil || p.Partition != "" && p.Partition != w.partition:
		return "", false
	case p.Kind == arn.AccountPrincipal:
		return p.Account, true
	case p.Kind == arn.User:
		if u := a.users[strings.ToLower(p.Name)]; u != nil && u.Name == p.Name && u.Path == p.Path {
			return u.ID, true
		}
	default:
		if r := a.roles[strings.ToLower(p.Name)]; r != nil && r.Name == p.Name && (p.Kind == arn.RoleSession || r.Path == p.Path) {
			return r.ID, true
		}
	}
	return "", false
}
