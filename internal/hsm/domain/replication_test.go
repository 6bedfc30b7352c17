package domain

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"testing"
)

// frozenReplicating is frozenToken with a replication key made at testTime, of
// the scalar 01…30, by an independent implementation.
const frozenReplicating = "5444000100000147ae016965752d776573742d310250010102030405060708090a0b0c0d0e0f0302045820c0c1c2c3c4c5c6c7c8c9cacbcccdcecfd0d1d2d3d4d5d6d7d8d9dadbdcdddedf0580068007800882a30101021a6553f1000302a30102021a6555428003010981a3016466696c650250404142434445464748494a4b4c4d4e4f03583cf0f1f2f3f4f5f6f7f8f9fafbb28b28462b4182e8e6688f7ce644fd94549eb58f348cf2de0698936492ea532c0e7d60893dfbdbccaa3fcdef90777bfb0a81a2011a69a42a400258783076301006072a8648ce3d020106052b8104002203620004c76f2283dda95cd49b0ed9e733d2904474e37216f124e13d2c9ab4cf01021c49ad9cabb3d0b97499aef2f0ab313fa02826bc1f83451b5c8962a75caff73588d4400a6296436154fb343c393e91048a6c7bcbadc83cd8a5f26feae883156f92a10b800c800d800e8000000096f0f1f2f3f4f5f6f7f8f9fafb4c489bf87a5f1ef7a3954662b7c1fd79077faff59beaf0e74e7fdec3d7683563c4c4ed5cf4f9917bf56738d6970a6de62bca8bdd1bb59d57f8460ad21a9af22d387b0fecdf0ecf041f539e47d269ccad0456b48666ea429150d6bff3c73c8045ea0be2a96a1f7ed19dd1d7e89230b352b19a43f5cfd9588deb5090a6919e2eb9669c852739a625724f3f"

func TestFrozenReplicationKey(t *testing.T) {
	t.Parallel()
	tok, err := hex.DecodeString(frozenReplicating)
	if err != nil {
		t.Fatal(err)
	}
	s := newSet(t, false)
	load(t, s, tok)
	id, private, err := s.ReplicationSigner("eu-west-1", nil)
	if err != nil || id != ID(append([]byte{1}, sequence(1, 15)...)) || !bytes.Equal(private[:ScalarSize], sequence(1, ScalarSize)) {
		t.Fatalf("%x, %x, %v", id, private, err)
	}
	_, public, err := s.ReplicationKey("eu-west-1")
	if err != nil || !bytes.Equal(public, append([]byte(spkiPrefix), private[ScalarSize:]...)) {
		t.Errorf("%x, %v", public, err)
	}
	for bit := range len(tok) * 8 {
		flipped := bytes.Clone(tok)
		flipped[bit/8] ^= 1 << (bit % 8)
		refuses(t, newSetLike(s), "flipped bit", flipped)
	}
}

// newSetLike is a set with nothing loaded that unseals with s's providers.
func newSetLike(s *Set) *Set {
	return &Set{cfg: s.cfg, codec: s.codec, slab: s.slab, domains: map[string]*loaded{}, ids: map[ID]*loaded{}}
}

// TestReplicationKeyStays: once a domain has one, a token without it, or with
// another, is refused, however authentic.
func TestReplicationKeyStays(t *testing.T) {
	t.Parallel()
	s := newSet(t, false)
	load(t, s, created(t, s, "eu-west-1"))
	without := rotated(t, s, "eu-west-1")
	add := func(s *Set) []byte {
		tok, err := s.AddReplicationKey("eu-west-1", rand.Reader, testTime)
		if err != nil {
			t.Fatal(err)
		}
		return tok
	}
	one, other := add(s), add(s)
	load(t, s, one)
	refuses(t, s, "another's", other)
	refuses(t, s, "none", without)
	if _, err := s.AddReplicationKey("eu-west-1", rand.Reader, testTime); !errors.Is(err, ErrRefused) {
		t.Errorf("a second one: %v", err)
	}

	current := s.domains["eu-west-1"]
	var key [KeySize]byte
	var scalar [ScalarSize]byte
	if !s.slab.Get(current.refs[1], &key) || !current.scalar.get(s.slab, &scalar) {
		t.Fatal("no keys")
	}
	later := func(change func(*state, *[ScalarSize]byte)) []byte {
		st, sealed := current.next(), scalar
		st.Epoch += 5
		change(st, &sealed)
		plain := appendCBORHead(nil, cborMap, uint32(1+len(st.ReplicationKeys)))
		if len(st.ReplicationKeys) > 0 {
			plain = appendScalar(plain, &sealed)
		}
		tok, err := s.seal(st, appendKey(plain, 1, &key), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return tok
	}
	refuses(t, s, "later, none", later(func(st *state, _ *[ScalarSize]byte) { st.ReplicationKeys = []replicationKey{} }))
	refuses(t, s, "later, another scalar", later(func(_ *state, scalar *[ScalarSize]byte) { scalar[47] ^= 1 }))
	refuses(t, s, "later, no scalar at all", later(func(_ *state, scalar *[ScalarSize]byte) { clear(scalar[:]) }))
	refuses(t, s, "later, another key", later(func(st *state, scalar *[ScalarSize]byte) {
		fresh := newSetLike(s)
		load(t, fresh, other)
		st.ReplicationKeys = fresh.domains["eu-west-1"].state.ReplicationKeys
		fresh.domains["eu-west-1"].scalar.get(s.slab, scalar)
	}))
	refuses(t, s, "later, two", later(func(st *state, _ *[ScalarSize]byte) {
		st.ReplicationKeys = append(st.ReplicationKeys, st.ReplicationKeys[0])
	}))
	refuses(t, s, "later, null", later(func(st *state, _ *[ScalarSize]byte) { st.ReplicationKeys = nil }))
	load(t, s, later(func(*state, *[ScalarSize]byte) {}))
	if _, private, err := s.ReplicationSigner("eu-west-1", nil); err != nil || !bytes.Equal(private[:ScalarSize], scalar[:]) {
		t.Errorf("after a later token: %v", err)
	}
	s.Erase()
	if _, private, err := s.ReplicationSigner("eu-west-1", nil); err == nil || len(private) != 0 {
		t.Error("it survives Erase")
	}
}
