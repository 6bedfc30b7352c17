// Package domains owns the service's side of the crypto module's domains: it
// keeps each Region's domain token in the store, loads the tokens into the
// module after each of its starts, makes and fetches the service keys (record
// MACs, sealed markers), rotates domain keys and rewraps what they wrap.
//
// It cannot open a domain token and never sees a domain key. It must never
// make a new token in place of a missing one: a Region that has records but
// no domain token is an error. Wiring, jobs and whoever needs a Region's
// service keys may import it. Formats: docs/formats.md, "Domain token",
// "Store keys".
package domains

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"trent/internal/arn"
	"trent/internal/hsm/client/jobs"
	"trent/internal/record"
	"trent/internal/seal"
	"trent/internal/store"
)

// Global is the pseudo-Region of identity.
const Global = record.Global

// Names of the service keys that every Region has.
const (
	serviceKeyRecords = "record-mac"
	serviceKeySeal    = "seal"
)

// format of the store: its keys and records, docs/formats.md. A release that
// others cannot read has another one.
const format = 1

// firstPartition is that of stores which do not say theirs.
const firstPartition = "aws"

// maxDevRegions bounds how many Regions trent dev makes on demand.
const maxDevRegions = 64

// Errors.
var (
	// ErrNoRegion: this service does not hold that Region.
	ErrNoRegion = errors.New("domains: no such Region")
	// ErrMissing: the store was initialized, but a domain token or service key is gone.
	ErrMissing = errors.New("domains: a domain token or service key is missing; restore it from a backup, it is never made anew")
	// ErrWrongMode: a store of trent dev under production, or the reverse.
	ErrWrongMode = errors.New("domains: a data folder of trent dev serves dev only, and one of production never dev")
	// ErrPartition: the store's ARNs, which clients keep, are of another partition.
	ErrPartition = errors.New("domains: a data folder's partition never changes")
	// ErrFormat: the store is of a later release than this program.
	ErrFormat = errors.New("domains: the store's format is not one that this release reads")
)

// A Region is what the service needs of a Region that it holds.
type Region struct {
	Name    string
	Records *record.Sealer // checks and makes the MACs of the Region's records
	Seal    *seal.Sealer   // pagination markers
}

// Finder finds a Region's keys, and can do nothing else with the domains: it is
// what operations get of a Manager.
type Finder interface {
	Region(ctx context.Context, name string) (*Region, error)
}

// Config is what a Manager is made of.
type Config struct {
	Store  store.Store
	Module *jobs.Module
	Dev    bool
	// Partition of every ARN: a new store keeps it, and Open refuses a store of
	// another.
	Partition string
	// Regions are those that a store of production holds: Load refuses one that
	// has others, or not all. trent dev makes Regions as they are asked for.
	Regions []string
	// AddRegions has Load make those of Regions that a store of production lacks.
	AddRegions bool
	// RotateEvery is the interval of domain key rotations.
	RotateEvery time.Duration
	// Changed returns the writes of the audit record of a change of a Region's
	// domain, which are part of its transaction; nil: there are none.
	Changed func(event, region string) ([]store.Op, error)
	Now     func() time.Time
	Log     *slog.Logger
}

// The changes of domains.
const (
	EventCreate = "CreateDomain"
	EventRotate = "RotateDomainKey"
)

// changed is Changed, where it is not set too.
func (m *Manager) changed(event, region string) ([]store.Op, error) {
	if m.Changed == nil {
		return nil, nil
	}
	return m.Changed(event, region)
}

// Manager holds the Regions.
type Manager struct {
	Config
	meta  record.Store
	first bool // Open was let to create the store, so the global domain may be made

	mu      sync.RWMutex
	regions map[string]*Region

	making sync.Mutex // one change of domains at a time
	// unstored are the tokens of domains that the module holds and the store
	// does not yet: the module makes no second one of a name.
	unstored map[string][]byte
}

// makeTimeout bounds the making of a Region, which goes on when the request
// that needs it is cut off: half made, it would be of no use to anybody.
const makeTimeout = 10 * time.Second

// Open reads the store's own record, or writes it if the store is empty and
// create is set. It does not need the module.
func Open(ctx context.Context, c Config, create bool) (*Manager, error) {
	m := &Manager{Config: c, first: create, regions: map[string]*Region{}, unstored: map[string][]byte{}}
	kv, _, err := c.Store.Get(ctx, record.StorePath())
	if errors.Is(err, store.ErrNotFound) && create {
		kv, err = m.createMeta(ctx)
	}
	if errors.Is(err, store.ErrNotFound) {
		return nil, fmt.Errorf("the store has no record of its own: %w", ErrMissing)
	}
	if err != nil {
		return nil, fmt.Errorf("read the store's record: %w", err)
	}
	if _, err := record.Decode(kv.Value, record.TypeStore, &m.meta); err != nil {
		return nil, err
	}
	if m.meta.Format != format {
		return nil, fmt.Errorf("%w: %d", ErrFormat, m.meta.Format)
	}
	if len(m.meta.Node) != len(Trail{}.Node) {
		return nil, fmt.Errorf("the store's record has a node id of %d bytes: %w", len(m.meta.Node), record.ErrTampered)
	}
	if m.meta.Dev != c.Dev {
		return nil, ErrWrongMode
	}
	if own := cmp.Or(m.meta.Partition, firstPartition); own != c.Partition {
		return nil, fmt.Errorf("%w: it is %s, and the configuration says %s", ErrPartition, own, c.Partition)
	}
	return m, nil
}

func (m *Manager) createMeta(ctx context.Context) (store.KV, error) {
	meta := record.Store{ID: make([]byte, 16), Node: make([]byte, 16), Format: format, Dev: m.Dev, Partition: m.Partition, CreatedMs: m.Now().UnixMilli()}
	rand.Read(meta.ID)
	rand.Read(meta.Node)
	key := record.StorePath()
	value, err := record.Encode(record.TypeStore, 1, &meta)
	if err != nil {
		return store.KV{}, err
	}
	ok, _, err := m.Store.Txn(ctx, []store.Cmp{{Key: key}}, []store.Op{{Key: key, Value: value}})
	if err == nil && !ok {
		err = errors.New("domains: two processes initialize one store")
	}
	return store.KV{Key: key, Value: value}, err
}

// Load gives the module every domain token of the store, and fetches the
// service keys. It runs after each start of the module, before the service
// answers. In trent dev the first Load of an empty store makes the global
// domain; in production that is made in a store that Open was let to create, and
// a Region with AddRegions.
func (m *Manager) Load(ctx context.Context) error {
	m.making.Lock()
	defer m.making.Unlock()
	names, err := m.Stored(ctx)
	if err != nil {
		return err
	}
	lacking, err := m.lacking(names)
	if err != nil {
		return err
	}
	for i, name := range append(names, lacking...) {
		if i >= len(names) { // those that there are come first: theirs is the record of a new one
			if err := m.create(ctx, name); err != nil {
				return fmt.Errorf("make domain %s: %w", name, err)
			}
		}
		if err := m.load(ctx, name); err != nil {
			return fmt.Errorf("domain %s: %w", name, err)
		}
	}
	return nil
}

// Stored lists the Regions that stand in the store, none if it is new. It skips
// from Region to Region, so it costs a read for each and not for each key.
func (m *Manager) Stored(ctx context.Context) ([]string, error) {
	var names []string
	var from []byte
	for {
		kvs, _, _, err := m.Store.Range(ctx, from, nil, 1)
		if err != nil {
			return nil, err
		}
		if len(kvs) == 0 {
			break
		}
		name, _, _ := bytes.Cut(kvs[0].Key, []byte("/"))
		from = record.PrefixEnd(append(bytes.Clone(name), '/'))
		_, _, err = m.Store.Get(ctx, record.DomainTokenPath(string(name)))
		switch {
		case err == nil:
			names = append(names, string(name))
		case !errors.Is(err, store.ErrNotFound):
			return nil, err
		case string(name) == Global && bytes.Equal(kvs[0].Key, record.StorePath()) && len(names) == 0:
			// Nothing but the store's own record: a new store, if nothing follows.
		default:
			return nil, fmt.Errorf("Region %s: %w", name, ErrMissing)
		}
	}
	if len(names) > 0 && !slices.Contains(names, Global) {
		return nil, fmt.Errorf("Region %s: %w", Global, ErrMissing)
	}
	return names, nil
}

// load gives one domain token to the module and fetches its service keys.
func (m *Manager) load(ctx context.Context, name string) error {
	kv, _, err := m.Store.Get(ctx, record.DomainTokenPath(name))
	if err != nil {
		return err
	}
	if err := m.Module.LoadDomain(ctx, kv.Value); err != nil {
		return err
	}
	m.mu.RLock()
	known := m.regions[name] != nil
	m.mu.RUnlock()
	if known {
		return nil // the module restarted; our service keys are still valid
	}
	macKey, err := m.serviceKey(ctx, name, serviceKeyRecords)
	if err != nil {
		return err
	}
	sealKey, err := m.serviceKey(ctx, name, serviceKeySeal)
	if err != nil {
		return err
	}
	sealer, err := seal.New(sealKey)
	if err != nil {
		return err
	}
	records, err := record.NewSealer(macKey)
	if err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.regions[name] = &Region{Name: name, Records: records, Seal: sealer}
	return nil
}

// create makes a domain and its service keys in one transaction, so that a
// Region exists whole or not at all, and loads nothing by itself.
func (m *Manager) create(ctx context.Context, name string) error {
	token := m.unstored[name]
	if token == nil {
		var err error
		if token, err = m.Module.CreateDomain(ctx, name, m.Dev); err != nil {
			return err
		}
	}
	// The service keys are wrapped by the new domain, so it is loaded first.
	m.unstored[name] = token
	if err := m.Module.LoadDomain(ctx, token); err != nil {
		return err
	}
	domainKey := record.DomainTokenPath(name)
	cmps := []store.Cmp{{Key: domainKey}}
	ops := []store.Op{
		{Key: domainKey, Value: token},
		{Key: record.DuePath(name, m.Now().Add(m.RotateEvery), record.JobRotate, "-", "-")},
	}
	for _, service := range []string{serviceKeyRecords, serviceKeySeal} {
		wrapped, generation, err := m.Module.CreateServiceKey(ctx, name, service)
		if err != nil {
			return err
		}
		key := record.ServiceKeyPath(name, service)
		value, err := record.Encode(record.TypeServiceKey, 1, &record.ServiceKey{Token: wrapped, Generation: generation})
		if err != nil {
			return err
		}
		cmps = append(cmps, store.Cmp{Key: key})
		ops = append(ops, store.Op{Key: key, Value: value})
	}
	event, err := m.changed(EventCreate, name)
	if err != nil {
		return err
	}
	ok, _, err := m.Store.Txn(ctx, cmps, append(ops, event...))
	if err == nil && !ok {
		err = ErrMissing // some of the Region's keys exist, its domain token does not
	}
	if err == nil {
		delete(m.unstored, name)
		m.Log.Info("domain created", "region", name, "dev", m.Dev)
	}
	return err
}

// Region returns a Region that this service holds; trent dev makes it if it
// has a Region's form.
func (m *Manager) Region(ctx context.Context, name string) (*Region, error) {
	m.mu.RLock()
	r := m.regions[name]
	m.mu.RUnlock()
	if r != nil {
		return r, nil
	}
	if !m.Dev || !arn.IsRegion(name) {
		return nil, ErrNoRegion
	}
	return m.make(ctx, name)
}

// Offers reports whether Region would find, or make, a Region.
func (m *Manager) Offers(name string) bool {
	m.mu.RLock()
	r, n := m.regions[name], len(m.regions)
	m.mu.RUnlock()
	return name != Global && (r != nil || m.Dev && n <= maxDevRegions && arn.IsRegion(name))
}

// Held returns a Region that is held, nil for any other.
func (m *Manager) Held(name string) *Region {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.regions[name]
}

func (m *Manager) make(ctx context.Context, name string) (*Region, error) {
	m.making.Lock()
	defer m.making.Unlock()
	m.mu.RLock()
	r, n := m.regions[name], len(m.regions)
	m.mu.RUnlock()
	if r != nil {
		return r, nil
	}
	if n > maxDevRegions { // one of them is the global one
		return nil, ErrNoRegion
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), makeTimeout)
	defer cancel()
	_, _, err := m.Store.Get(ctx, record.DomainTokenPath(name))
	if errors.Is(err, store.ErrNotFound) {
		err = m.create(ctx, name)
	}
	if err != nil {
		return nil, err
	}
	if err := m.load(ctx, name); err != nil {
		return nil, err
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.regions[name], nil
}

// Names lists the Regions held, "global" included.
func (m *Manager) Names() []string {
	m.mu.RLock()
	defer m.mu.RUnlock()
	names := make([]string, 0, len(m.regions))
	for name := range m.regions {
		names = append(names, name)
	}
	return names
}
