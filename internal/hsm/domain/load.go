package domain

import (
	"crypto/sha256"
	"crypto/subtle"
	"fmt"

	"trent/internal/hsm/domain/slab"
	"trent/internal/hsm/kdf"
	"trent/internal/hsm/unseal"
)

// Load makes token the state of its domain. The error is ErrRefused if it
// does not authenticate, is older than what is loaded or does not follow it,
// has another id than the loaded domain of its name, lacks one of its
// generations, or is not for a module of this kind. Loading the token that is
// loaded already changes nothing.
func (s *Set) Load(tok []byte) error {
	s.load.Lock()
	defer s.load.Unlock()
	parts, err := split(tok)
	if err != nil {
		return err
	}
	st, err := s.codec.decode(parts.clear)
	if err != nil {
		return err
	}
	next := &loaded{state: st, hash: sha256.Sum256(tok), active: st.activeGeneration()}
	s.mu.RLock()
	current, fits := s.domains[st.Name], s.fits(next)
	s.mu.RUnlock()
	if !fits {
		return ErrRefused
	}
	plain, err := s.open(st, &parts)
	if err != nil {
		return err
	}
	defer clear(plain)
	if err := s.store(next, plain, current); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.erased {
		return ErrRefused
	}
	s.domains[st.Name] = next
	s.ids[st.ID] = next
	return nil
}

// fits says whether next may follow what is loaded. The caller holds mu.
func (s *Set) fits(next *loaded) bool {
	st := next.state
	if st.ID.Dev() != s.cfg.Dev || s.erased {
		return false
	}
	if other := s.ids[st.ID]; other != nil && other.state.Name != st.Name {
		return false
	}
	current := s.domains[st.Name]
	switch {
	case current == nil:
		return len(s.domains) < MaxDomains
	case st.ID != current.state.ID, st.Epoch < current.state.Epoch:
		return false
	case st.Epoch == current.state.Epoch:
		return next.hash == current.hash
	case st.Epoch == current.state.Epoch+1:
		return st.Previous == current.hash
	}
	return true // this module missed epochs; store checks that no generation is gone
}

// open unseals a token and returns its domain keys, encoded; the caller wipes
// them. The error is ErrRefused.
func (s *Set) open(st *state, parts *tokenParts) ([]byte, error) {
	var tokenKey [KeySize]byte
	defer clear(tokenKey[:])
	if !s.unseal(st, &tokenKey) {
		return nil, ErrRefused
	}
	aead, err := kdf.NewAEAD(tokenKey[:])
	if err != nil {
		return nil, fmt.Errorf("domain: %w", err)
	}
	plain, err := aead.Open(make([]byte, 0, max(len(parts.sealed), gcmExtra)), nil, parts.sealed, parts.aad)
	if err != nil {
		return nil, ErrRefused
	}
	return plain, nil
}

// unseal opens the first slot that opens.
func (s *Set) unseal(st *state, tokenKey *[KeySize]byte) bool {
	for i := range st.Slots {
		for _, p := range s.cfg.Providers {
			sl := unseal.Slot(st.Slots[i])
			if p.Name() == sl.Provider && p.Unseal((*[16]byte)(&st.ID), &sl, tokenKey) == nil {
				return true
			}
		}
	}
	return false
}

// store puts the keys of a token into locked memory and sets next's references
// to them. A generation that is loaded must be there, with its key, and so must
// the replication key.
func (s *Set) store(next *loaded, plain []byte, current *loaded) error {
	var known map[uint32]slab.Ref
	if current != nil {
		known = current.refs
	}
	st := next.state
	refs, kept := make(map[uint32]slab.Ref, len(st.Generations)), 0
	var have [KeySize]byte
	defer clear(have[:])
	var scalar [ScalarSize]byte
	defer clear(scalar[:])
	err := readKeys(plain, st, &scalar, func(number uint32, key *[KeySize]byte) error {
		ref, ok := known[number]
		if !ok {
			return nil
		}
		if !s.slab.Get(ref, &have) || subtle.ConstantTimeCompare(have[:], key[:]) != 1 {
			return ErrRefused
		}
		refs[number] = ref
		kept++
		return nil
	})
	if err != nil || kept != len(known) {
		return ErrRefused
	}
	if err := s.storeScalar(next, current, &scalar); err != nil {
		return err
	}
	next.refs = refs
	return readKeys(plain, st, &scalar, func(number uint32, key *[KeySize]byte) error {
		if _, ok := refs[number]; ok {
			return nil
		}
		ref, err := s.slab.Put(key)
		refs[number] = ref
		return err
	})
}
