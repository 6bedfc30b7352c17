package domain

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"trent/internal/hsm/domain/slab"
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
	st := &state{Name: strings.Clone(name), Epoch: 1}
	if _, err := io.ReadFull(random, st.ID[:]); err != nil {
		return nil, fmt.Errorf("domain: read randomness: %w", err)
	}
	st.ID[0] = token.DomainProduction
	if dev {
		st.ID[0] = token.DomainDevelopment
	}
	return s.export(st, nil, random, now)
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
	st := &state{
		Name: d.state.Name, ID: d.state.ID, Epoch: d.state.Epoch + 1, Previous: d.hash,
		Generations: slices.Clone(d.state.Generations),
	}
	for i := range st.Generations {
		st.Generations[i].State = deactivated
	}
	return s.export(st, d.refs, random, now)
}

// export adds a new active generation to st and returns its token. refs are
// the keys of the generations that st has already.
func (s *Set) export(st *state, refs map[uint32]slab.Ref, random io.Reader, now time.Time) ([]byte, error) {
	number := uint32(1)
	if n := len(st.Generations); n > 0 {
		number = st.Generations[n-1].Number + 1
	}
	plain := appendCBORHead(make([]byte, 0, keysSize(len(st.Generations)+1)), cborMap, uint32(len(st.Generations)+1))
	defer func() { clear(plain) }()
	var key [KeySize]byte
	defer clear(key[:])
	for _, g := range st.Generations {
		ref, ok := refs[g.Number]
		if !ok || !s.slab.Get(ref, &key) {
			return nil, ErrUnknown
		}
		plain = appendKey(plain, g.Number, &key)
	}
	if _, err := io.ReadFull(random, key[:]); err != nil {
		return nil, fmt.Errorf("domain: read randomness: %w", err)
	}
	plain = appendKey(plain, number, &key)
	st.Generations = append(st.Generations, generation{number, now.Unix(), active})
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
