// Package domain owns the state of the domains that a module holds: each
// Region's domain keys in their generations, in locked memory, and the domain
// token in which that state is exported. The bytes are in docs/formats.md,
// "Domain token".
//
// It must never let a domain key out except to internal/hsm/engine, remove a
// generation, or go back to an older state. Making or rotating a domain
// returns a token and changes nothing: only Load does. Only internal/hsm/engine,
// cmd/trent-hsm and tests may import it.
package domain

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"trent/internal/hsm/domain/slab"
	"trent/internal/hsm/token"
	"trent/internal/hsm/unseal"
)

// KeySize is the size of a domain key in bytes.
const KeySize = slab.KeySize

// reservedKeys is how many keys find room without new memory: 256 KiB.
const reservedKeys = 8192

// MaxDomains is how many domains one module holds.
const MaxDomains = 512

// globalName is the domain of identity: it has no KMS keys, and replicates none.
const globalName = "global"

var (
	// ErrUnknown says that no such domain or generation is loaded.
	ErrUnknown = errors.New("domain: not loaded")
	// ErrRefused says that a domain token does not authenticate, is older
	// than what is loaded, or does not belong in this module.
	ErrRefused = errors.New("domain: refused")
)

// ID names a domain for ever. Its first byte says whether it is a production
// or a development domain, the others are random.
type ID [16]byte

// Dev says whether the domain was made for development.
func (id ID) Dev() bool { return id[0] == token.DomainDevelopment }

func (id ID) valid() bool { return id.Dev() || id[0] == token.DomainProduction }

// Config is what a Set needs.
type Config struct {
	// Dev modules hold development domains only, others none.
	Dev bool
	// Providers seal the tokens that the set makes, one slot each, and
	// unseal those that it loads: one slot that opens is enough. There must
	// be one at least.
	Providers []unseal.Provider
}

// Set holds the domains of one module. It is safe for concurrent use.
type Set struct {
	cfg   Config
	codec codec
	slab  *slab.Slab

	load    sync.Mutex // held by Load, which works long before it swaps
	mu      sync.RWMutex
	domains map[string]*loaded // by name
	ids     map[ID]*loaded
	peers   []Peer // of other modules
	erased  bool
}

// loaded is the state of one domain. It never changes: Load replaces it.
type loaded struct {
	state  *state
	hash   [hashSize]byte // of the token
	active uint32
	refs   map[uint32]slab.Ref
	scalar scalarRef // of the replication key, if it has one
}

// NewSet returns a set without domains. The error says that memory could not
// be locked or that there is no provider.
func NewSet(cfg Config) (*Set, error) {
	if len(cfg.Providers) == 0 {
		return nil, errors.New("domain: no unseal provider")
	}
	codec, err := newCodec()
	if err != nil {
		return nil, fmt.Errorf("domain: %w", err)
	}
	slab, err := slab.New(reservedKeys)
	if err != nil {
		return nil, err
	}
	return &Set{cfg: cfg, codec: codec, slab: slab, domains: map[string]*loaded{}, ids: map[ID]*loaded{}}, nil
}

// Dev says whether the set holds development domains only.
func (s *Set) Dev() bool { return s.cfg.Dev }

// Hidden says whether the kernel hides the domain keys from other processes,
// root's included.
func (s *Set) Hidden() bool { return s.slab.Hidden() }

// Has says whether a domain of that name is loaded.
func (s *Set) Has(name string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.domains[name] != nil
}

// Active copies the domain key that wraps now to key, which the caller wipes,
// and returns its domain and generation. The error is ErrUnknown.
func (s *Set) Active(name string, key *[KeySize]byte) (ID, uint32, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	d := s.domains[name]
	if d == nil || !s.slab.Get(d.refs[d.active], key) {
		return ID{}, 0, ErrUnknown
	}
	return d.state.ID, d.active, nil
}

// Key copies the domain key of one generation to key, which the caller wipes,
// and returns the domain's name. The error is ErrUnknown.
func (s *Set) Key(id ID, generation uint32, key *[KeySize]byte) (string, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	d := s.ids[id]
	if d == nil {
		return "", ErrUnknown
	}
	if ref, ok := d.refs[generation]; !ok || !s.slab.Get(ref, key) {
		return "", ErrUnknown
	}
	return d.state.Name, nil
}

// Info describes a loaded domain. Nothing in it is secret.
type Info struct {
	Name        string
	ID          ID
	Epoch       uint64
	Active      uint32
	Generations int
}

// List returns the loaded domains, by name.
func (s *Set) List() []Info {
	s.mu.RLock()
	defer s.mu.RUnlock()
	list := make([]Info, 0, len(s.domains))
	for name, d := range s.domains {
		list = append(list, Info{name, d.state.ID, d.state.Epoch, d.active, len(d.state.Generations)})
	}
	slices.SortFunc(list, func(a, b Info) int { return strings.Compare(a.Name, b.Name) })
	return list
}

// Erase destroys all domain keys and the providers' secrets. The set answers
// ErrUnknown and loads nothing afterwards.
func (s *Set) Erase() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.erased = true
	clear(s.domains)
	clear(s.ids)
	s.slab.Erase()
	for _, p := range s.cfg.Providers {
		p.Erase()
	}
}

// Close erases the set and frees its memory.
func (s *Set) Close() error {
	s.Erase()
	return s.slab.Close()
}
