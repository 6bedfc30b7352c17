package domain

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"trent/internal/hsm/kdf"
	"trent/internal/hsm/token"
)

// Create returns the token of a new domain with one generation, made at now.
// random yields its id and keys. Nothing is loaded. The error is ErrRefused if name cannot be one, or is loaded
// already, or dev is not what this module is for.
func (s *Set) Create(name string, dev bool, random io.Reader, now time.Time) ([]byte, error) {
	if !validName(name) || dev != s.cfg.Dev || s.Has(name) {
		return nil, ErrRefused
	}
	st := &state{Name: strings.Clone(name), Epoch: 1, ReplicationKeys: []replicationKey{}}
	if _, err := io.ReadFull(random, st.ID[:]); err != nil {
		return nil, fmt.Errorf("domain: read randomness: %w", err)
	}
	st.ID[0] = token.DomainProduction
	if dev {
		st.ID[0] = token.DomainDevelopment
	}
	return s.exportNext(st, nil, random, now)
}

// Rotate returns a token of a loaded domain with one generation more, which
// is the active one, made at now; random yields its key. The state does not change until that token is loaded.
// The error is ErrUnknown, or ErrRefused when a token can hold no more
// generations.
func (s *Set) Rotate(name string, random io.Reader, now time.Time) ([]byte, error) {
	s.mu.RLock()
	d := s.domains[name]
	s.mu.RUnlock()
	if d == nil {
		return nil, ErrUnknown
	}
	if len(d.state.Generations) >= MaxGenerations {
		return nil, ErrRefused
	}
	st := d.next()
	for i := range st.Generations {
		st.Generations[i].State = deactivated
	}
	return s.exportNext(st, d, random, now)
}

// next is the state that follows: as it is, an epoch later.
func (d *loaded) next() *state {
	return &state{
		Name: d.state.Name, ID: d.state.ID, Epoch: d.state.Epoch + 1, Previous: d.hash,
		Generations: slices.Clone(d.state.Generations), ReplicationKeys: slices.Clone(d.state.ReplicationKeys),
	}
}

// exportNext adds a new active generation to st and returns its token. from has
// the keys that st has already.
func (s *Set) exportNext(st *state, from *loaded, random io.Reader, now time.Time) ([]byte, error) {
	number := uint32(1)
	if n := len(st.Generations); n > 0 {
		number = st.Generations[n-1].Number + 1
	}
	var scalar [ScalarSize]byte
	defer clear(scalar[:])
	if from != nil && !from.scalar.get(s.slab, &scalar) {
		return nil, ErrUnknown
	}
	var key [KeySize]byte
	defer clear(key[:])
	if _, err := io.ReadFull(random, key[:]); err != nil {
		return nil, fmt.Errorf("domain: read randomness: %w", err)
	}
	known := st.Generations
	st.Generations = append(st.Generations, generation{number, now.Unix(), active})
	return s.export(st, known, from, &scalar, &key, random)
}

// export returns the token of st: the generations known, whose keys from has,
// perhaps one more with its key, and the scalar of the replication key, if
// there is one.
func (s *Set) export(st *state, known []generation, from *loaded, scalar *[ScalarSize]byte, more *[KeySize]byte, random io.Reader) ([]byte, error) {
	entries := len(st.Generations) + len(st.ReplicationKeys)
	plain := appendCBORHead(make([]byte, 0, keysSize(len(st.Generations))), cborMap, uint32(entries))
	defer func() { clear(plain) }()
	if len(st.ReplicationKeys) > 0 {
		plain = appendScalar(plain, scalar)
	}
	var key [KeySize]byte
	defer clear(key[:])
	for _, g := range known {
		ref, ok := from.refs[g.Number]
		if !ok || !s.slab.Get(ref, &key) {
			return nil, ErrUnknown
		}
		plain = appendKey(plain, g.Number, &key)
	}
	if more != nil {
		plain = appendKey(plain, st.Generations[len(known)].Number, more)
	}
	return s.seal(st, plain, random)
}

// seal makes a fresh token key, a slot of it for each provider, and the token
// of st with plain, the domain keys, sealed in it.
func (s *Set) seal(st *state, plain []byte, random io.Reader) ([]byte, error) {
	var tokenKey [KeySize]byte
	defer clear(tokenKey[:])
	if _, err := io.ReadFull(random, tokenKey[:]); err != nil {
		return nil, fmt.Errorf("domain: read randomness: %w", err)
	}
	st.Slots = nil
	for _, p := range s.cfg.Providers {
		sl, err := p.Seal((*[16]byte)(&st.ID), &tokenKey)
		if err != nil {
			return nil, fmt.Errorf("domain: seal token key: %w", err)
		}
		st.Slots = append(st.Slots, slot(sl))
	}
	clearPart, err := s.codec.enc.Marshal(st)
	if err != nil {
		return nil, fmt.Errorf("domain: encode: %w", err)
	}
	aead, err := kdf.NewAEAD(tokenKey[:])
	if err != nil {
		return nil, fmt.Errorf("domain: %w", err)
	}
	sealed := aead.Seal(nil, nil, plain, append(appendHead(nil), clearPart...))
	return appendFramed(appendFramed(appendHead(nil), clearPart), sealed), nil
}
