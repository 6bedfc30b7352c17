package domain

import (
	"bytes"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/subtle"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"trent/internal/hsm/domain/slab"
)

// ScalarSize and PointSize are the sizes of a P-384 private key and of its
// uncompressed point, in bytes.
const (
	ScalarSize = 48
	PointSize  = 97
)

// spkiPrefix is what stands before the point in the SPKI of a P-384 key.
const spkiPrefix = "\x30\x76\x30\x10\x06\x07\x2a\x86\x48\xce\x3d\x02\x01\x06\x05\x2b\x81\x04\x00\x22\x03\x62\x00"

// pointOf returns the point of a P-384 key's SPKI, nil if it is none.
func pointOf(spki []byte) []byte {
	point, ok := bytes.CutPrefix(spki, []byte(spkiPrefix))
	if !ok {
		return nil
	}
	if _, err := ecdh.P384().NewPublicKey(point); err != nil {
		return nil
	}
	return point
}

func equal(a, b []byte) bool { return subtle.ConstantTimeCompare(a, b) == 1 }

// scalarRef is where a scalar is in locked memory, which has cells of a domain
// key's size. The zero one is none.
type scalarRef struct {
	refs [2]slab.Ref
	set  bool
}

// get copies the scalar to out, which stays zero if there is none. It says
// whether that worked.
func (r *scalarRef) get(s *slab.Slab, out *[ScalarSize]byte) bool {
	if !r.set {
		return true
	}
	var cell [KeySize]byte
	defer clear(cell[:])
	for i, ref := range r.refs {
		if !s.Get(ref, &cell) {
			return false
		}
		copy(out[i*KeySize:], cell[:])
	}
	return true
}

// put stores a scalar.
func (r *scalarRef) put(s *slab.Slab, scalar *[ScalarSize]byte) (err error) {
	var cell [KeySize]byte
	defer clear(cell[:])
	for i := range r.refs {
		clear(cell[:])
		copy(cell[:], scalar[i*KeySize:])
		if r.refs[i], err = s.Put(&cell); err != nil {
			return err
		}
	}
	r.set = true
	return nil
}

// storeScalar keeps the replication key of a token, which must be the loaded
// one's, if there is one, and whose public part must be the scalar's.
func (s *Set) storeScalar(next, current *loaded, scalar *[ScalarSize]byte) error {
	had := current != nil && len(current.state.ReplicationKeys) > 0
	if len(next.state.ReplicationKeys) == 0 {
		if had {
			return ErrRefused
		}
		return nil
	}
	public := next.state.ReplicationKeys[0].Public
	k, err := ecdh.P384().NewPrivateKey(scalar[:])
	if err != nil || !equal(k.PublicKey().Bytes(), pointOf(public)) {
		return ErrRefused
	}
	if !had {
		return next.scalar.put(s.slab, scalar)
	}
	if !equal(current.state.ReplicationKeys[0].Public, public) {
		return ErrRefused
	}
	next.scalar = current.scalar
	return nil
}

// AddReplicationKey returns a token of a loaded domain with a replication key,
// made at now. The state does not change until that token is loaded. The error
// is ErrUnknown, or ErrRefused if the domain has one already or is global.
func (s *Set) AddReplicationKey(name string, random io.Reader, now time.Time) ([]byte, error) {
	s.mu.RLock()
	d := s.domains[name]
	s.mu.RUnlock()
	if d == nil {
		return nil, ErrUnknown
	}
	if len(d.state.ReplicationKeys) > 0 || name == globalName {
		return nil, ErrRefused
	}
	k, err := ecdsa.GenerateKey(elliptic.P384(), random)
	if err != nil {
		return nil, fmt.Errorf("domain: make a replication key: %w", err)
	}
	private, err := k.Bytes()
	if err != nil {
		return nil, fmt.Errorf("domain: make a replication key: %w", err)
	}
	defer clear(private)
	point, err := k.PublicKey.Bytes()
	if err != nil {
		return nil, fmt.Errorf("domain: make a replication key: %w", err)
	}
	st := d.next()
	st.ReplicationKeys = []replicationKey{{Created: now.Unix(), Public: append([]byte(spkiPrefix), point...)}}
	return s.export(st, st.Generations, d, (*[ScalarSize]byte)(private), nil, random)
}

// ReplicationKey returns a loaded domain's id, and its replication key's SPKI,
// nil if it has none. The error is ErrUnknown.
func (s *Set) ReplicationKey(name string) (ID, []byte, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	d := s.domains[name]
	if d == nil {
		return ID{}, nil, ErrUnknown
	}
	return d.state.ID, d.public(), nil
}

// public is the SPKI of the replication key, nil if there is none.
func (d *loaded) public() []byte {
	if len(d.state.ReplicationKeys) == 0 {
		return nil
	}
	return slices.Clone(d.state.ReplicationKeys[0].Public)
}

// ReplicationSigner appends a loaded domain's replication key to dst: its
// scalar, which the caller wipes, and its point. The error is ErrUnknown, also
// for a domain without one.
func (s *Set) ReplicationSigner(name string, dst []byte) (ID, []byte, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	d := s.domains[name]
	if d == nil || !d.scalar.set {
		return ID{}, dst, ErrUnknown
	}
	var scalar [ScalarSize]byte
	defer clear(scalar[:])
	if !d.scalar.get(s.slab, &scalar) {
		return ID{}, dst, ErrUnknown
	}
	return d.state.ID, append(append(dst, scalar[:]...), pointOf(d.public())...), nil
}

// A Peer is a domain that exchanges keys with those of this module.
type Peer struct {
	Region string
	ID     ID
	Public []byte // SPKI of its replication key
}

// Peer returns the domain of that id whose replication messages are believed:
// one that is loaded and has a replication key, or one of those of Trust. A
// module for development believes domains for development only, and the
// others none of those. The error is ErrUnknown.
func (s *Set) Peer(id ID) (Peer, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.erased || id.Dev() != s.cfg.Dev {
		return Peer{}, ErrUnknown
	}
	if d := s.ids[id]; d != nil {
		if public := d.public(); public != nil {
			return Peer{Region: strings.Clone(d.state.Name), ID: id, Public: public}, nil
		}
		return Peer{}, ErrUnknown
	}
	for _, p := range s.peers {
		if p.ID == id {
			return p, nil
		}
	}
	return Peer{}, ErrUnknown
}

// Trust sets the domains of other modules whose replication messages are
// believed. It is called before the module serves: who speaks with it cannot add
// one.
func (s *Set) Trust(peers []Peer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.peers = slices.Clone(peers)
}
