package engine

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"trent/internal/hsm/domain"
	"trent/internal/hsm/kdf"
	"trent/internal/hsm/proto"
	"trent/internal/hsm/token"
	"trent/internal/keyspec"
)

const (
	mrkID  = "mrk-1234abcd12ab34cd56ef1234567890ab"
	mrkID2 = "mrk-00000000000000000000000000000000"
)

// replicating returns an engine whose two Regions have replication keys.
func replicating(tb testing.TB, adjust ...func(*Config)) *Engine {
	tb.Helper()
	e := newEngine(tb, adjust...)
	addReplicationKey(tb, e, region)
	addReplicationKey(tb, e, region2)
	return e
}

func addReplicationKey(tb testing.TB, e *Engine, region string) {
	tb.Helper()
	tok, _ := framed(tb, must(tb)(e.AddReplicationKey(&proto.RotateDomainRequest{Region: region}, nil)))
	must(tb)(e.LoadDomain(&proto.LoadDomainRequest{Token: tok}, nil))
}

// replicationKey is a Region's domain as others are told of it.
func replicationKey(tb testing.TB, e *Engine, region string) domain.Peer {
	tb.Helper()
	var m proto.ReplicationKeyResponse
	if err := m.Decode(must(tb)(e.ReplicationKey(&proto.RotateDomainRequest{Region: region}, nil))); err != nil {
		tb.Fatal(err)
	}
	return domain.Peer{Region: region, ID: m.DomainID, Public: m.PublicKey}
}

// multiRegionKey makes a multi-Region key of a spec and usage in region.
func multiRegionKey(tb testing.TB, e *Engine, id string, spec uint16, usage uint8) (proto.KeyRef, proto.CreateKeyResponse) {
	tb.Helper()
	bind := proto.Bind{Region: region, Account: account, ID: id}
	out := must(tb)(e.CreateKey(&proto.CreateKeyRequest{Bind: bind, Spec: spec, Usage: usage, Flags: proto.FlagMultiRegion}, nil))
	var made proto.CreateKeyResponse
	if err := made.Decode(out); err != nil {
		tb.Fatal(err)
	}
	return proto.KeyRef{Bind: bind, Origin: proto.OriginGenerated, Token: made.Token}, made
}

// A replication carries a key from one engine's Region to another's region2.
type replication struct {
	from, to *Engine
	key      proto.KeyRef
	material [32]byte

	ask     proto.OfferReplicaRequest
	offered proto.OfferReplicaResponse
	sent    []byte
}

func newReplication(tb testing.TB, from, to *Engine, key proto.KeyRef, material [32]byte) *replication {
	r := &replication{from: from, to: to, key: key, material: material}
	sender := replicationKey(tb, from, key.Bind.Region)
	r.ask = proto.OfferReplicaRequest{
		Bind:         proto.Bind{Region: region2, Account: key.Bind.Account, ID: key.Bind.ID},
		SenderRegion: key.Bind.Region, SenderDomain: sender.ID, MaterialID: material,
	}
	return r
}

func (r *replication) offer(tb testing.TB) *replication {
	tb.Helper()
	if err := r.offered.Decode(must(tb)(r.to.OfferReplica(&r.ask, nil))); err != nil {
		tb.Fatal(err)
	}
	return r
}

func (r *replication) send(tb testing.TB) *replication {
	tb.Helper()
	r.sent = must(tb)(r.trySend(r.offered.Offer))
	return r
}

func (r *replication) trySend(offer []byte) ([]byte, proto.Status) {
	return r.from.SendReplica(&proto.SendReplicaRequest{Key: r.key, Offer: offer}, nil)
}

func (r *replication) receive(delivery []byte) ([]byte, proto.Status) {
	return r.to.ReceiveReplica(&proto.ReceiveReplicaRequest{Key: proto.KeyRef{Bind: r.ask.Bind, Token: r.offered.Token}, Delivery: delivery}, nil)
}

// received is the replica.
func (r *replication) received(tb testing.TB) (proto.KeyRef, proto.CreateKeyResponse) {
	tb.Helper()
	var made proto.CreateKeyResponse
	if err := made.Decode(must(tb)(r.receive(r.sent))); err != nil {
		tb.Fatal(err)
	}
	return proto.KeyRef{Bind: r.ask.Bind, Origin: proto.OriginGenerated, Token: made.Token}, made
}

// header is a token's, opened.
func header(tb testing.TB, tok []byte) token.Header {
	tb.Helper()
	var h token.Header
	if err := h.Parse(tok); err != nil {
		tb.Fatal(err)
	}
	return h
}

// TestReplication: a key of every spec and usage has the same material in the
// other Region, and nothing but domain, generation and bind differs.
func TestReplication(t *testing.T) {
	t.Parallel()
	e := replicating(t)
	for _, row := range keyspec.All() {
		if row.Family == keyspec.RSA && row.Parameter > 2048 {
			continue // seconds each, and no other code
		}
		for _, use := range row.Uses {
			key, made := multiRegionKey(t, e, mrkID, row.Number, use.Usage.Number())
			replica, got := newReplication(t, e, e, key, made.MaterialID).offer(t).send(t).received(t)
			if got.MaterialID != made.MaterialID || !bytes.Equal(got.PublicKey, made.PublicKey) {
				t.Errorf("%s: material %x, want %x", row.Spec, got.MaterialID, made.MaterialID)
			}
			had, has := header(t, key.Token), header(t, replica.Token)
			if has.DomainID == had.DomainID || has.Bind == had.Bind {
				t.Errorf("%s: the replica's token is of the same domain, or key", row.Spec)
			}
			has.DomainID, has.Bind, has.Generation = had.DomainID, had.Bind, had.Generation
			if has != had {
				t.Errorf("%s: %+v, want %+v", row.Spec, has, had)
			}
			if got.Generation != 1 {
				t.Errorf("%s: generation %d", row.Spec, got.Generation)
			}
		}
	}
	key, made := multiRegionKey(t, e, mrkID, 1, 1)
	replica, _ := newReplication(t, e, e, key, made.MaterialID).offer(t).send(t).received(t)
	plain := []byte("one text, two Regions")
	for _, way := range [][2]proto.KeyRef{{key, replica}, {replica, key}} {
		blob := encrypt(t, e, way[0], [32]byte{1}, plain)
		if got := must(t)(e.Decrypt(&proto.DecryptRequest{Key: way[1], ContextHash: [32]byte{1}, Blob: blob}, nil)); !bytes.Equal(got, plain) {
			t.Errorf("%s does not decrypt what %s has encrypted", way[1].Bind.Region, way[0].Bind.Region)
		}
	}
}

// TestReplicaOfReplica: what a replica got it can hand on, as after a change of
// the primary Region, and across a rotation of the domain keys.
func TestReplicaOfReplica(t *testing.T) {
	t.Parallel()
	e := replicating(t)
	key, made := multiRegionKey(t, e, mrkID, 1, 1)
	first := newReplication(t, e, e, key, made.MaterialID).offer(t)
	rotated, _ := framed(t, must(t)(e.RotateDomain(&proto.RotateDomainRequest{Region: region2}, nil)))
	must(t)(e.LoadDomain(&proto.LoadDomainRequest{Token: rotated}, nil))
	replica, got := first.send(t).received(t)
	if got.Generation != 2 {
		t.Errorf("wrapped by generation %d", got.Generation)
	}
	back := newReplication(t, e, e, replica, made.MaterialID)
	back.ask.Bind.Region = region
	again, got := back.offer(t).send(t).received(t)
	if got.MaterialID != made.MaterialID {
		t.Error("another material")
	}
	blob := encrypt(t, e, again, [32]byte{}, []byte("p"))
	must(t)(e.Decrypt(&proto.DecryptRequest{Key: key, Blob: blob}, nil))
}

// TestTwoModules: domains of two modules exchange keys if each was told of the
// other's replication key, and not otherwise.
func TestTwoModules(t *testing.T) {
	t.Parallel()
	strangers := [2]*Engine{replicating(t), replicating(t)}
	key, made := multiRegionKey(t, strangers[0], mrkID, 1, 1)
	r := newReplication(t, strangers[0], strangers[1], key, made.MaterialID)
	refused(t, proto.StatusReplicaRefused)(r.to.OfferReplica(&r.ask, nil))

	a, b := newSet(t, false), newSet(t, false)
	from := replicating(t, func(c *Config) { c.Domains = a })
	to := replicating(t, func(c *Config) { c.Domains = b })
	key, made = multiRegionKey(t, from, mrkID, 1, 1)
	r = newReplication(t, from, to, key, made.MaterialID)
	refused(t, proto.StatusReplicaRefused)(r.to.OfferReplica(&r.ask, nil))
	b.Trust([]domain.Peer{replicationKey(t, from, region)})
	r.offer(t)
	refused(t, proto.StatusReplicaRefused)(r.trySend(r.offered.Offer)) // the sender knows nobody
	wrong := replicationKey(t, to, region2)
	wrong.Public = replicationKey(t, from, region2).Public
	a.Trust([]domain.Peer{wrong})
	refused(t, proto.StatusReplicaRefused)(r.trySend(r.offered.Offer)) // another's signature
	wrong = replicationKey(t, to, region2)
	wrong.Region = "eu-north-1"
	a.Trust([]domain.Peer{wrong})
	refused(t, proto.StatusReplicaRefused)(r.trySend(r.offered.Offer)) // another's Region
	a.Trust([]domain.Peer{replicationKey(t, to, region2)})
	replica, _ := r.send(t).received(t)
	blob := encrypt(t, from, key, [32]byte{}, []byte("p"))
	must(t)(to.Decrypt(&proto.DecryptRequest{Key: replica, Blob: blob}, nil))
	b.Trust(nil)
	refused(t, proto.StatusReplicaRefused)(r.receive(r.sent))
}

// TestDevelopmentAndProduction never exchange keys, whatever they are told.
func TestDevelopmentAndProduction(t *testing.T) {
	t.Parallel()
	a, b := newSet(t, false), newSet(t, true)
	from := replicating(t, func(c *Config) { c.Domains = a })
	to := replicating(t, func(c *Config) { c.Domains = b })
	a.Trust([]domain.Peer{replicationKey(t, to, region2)})
	b.Trust([]domain.Peer{replicationKey(t, from, region)})
	key, made := multiRegionKey(t, from, mrkID, 1, 1)
	r := newReplication(t, from, to, key, made.MaterialID)
	refused(t, proto.StatusReplicaRefused)(r.to.OfferReplica(&r.ask, nil))
	for _, p := range []struct {
		set *domain.Set
		of  domain.Peer
	}{{a, replicationKey(t, to, region2)}, {b, replicationKey(t, from, region)}} {
		if _, err := p.set.Peer(p.of.ID); err == nil {
			t.Error("believed")
		}
	}
}

// TestOfferRefused: an offer that is not for this key, not for this domain, too
// old, or changed.
func TestOfferRefused(t *testing.T) {
	t.Parallel()
	now := testTime
	e := replicating(t, func(c *Config) { c.Now = func() time.Time { return now } })
	key, made := multiRegionKey(t, e, mrkID, 1, 1)
	r := newReplication(t, e, e, key, made.MaterialID).offer(t)
	genuine := r.offered.Offer
	for i := range genuine {
		flipped := bytes.Clone(genuine)
		flipped[i] ^= 1 << (i % 8)
		refused(t, proto.StatusReplicaRefused)(r.trySend(flipped))
	}
	for n := range genuine {
		refused(t, proto.StatusReplicaRefused)(r.trySend(genuine[:n]))
	}
	refused(t, proto.StatusReplicaRefused)(r.trySend(append(bytes.Clone(genuine), 0)))
	other, otherMade := multiRegionKey(t, e, mrkID2, 1, 1)
	second, _ := multiRegionKey(t, e, mrkID, 1, 1) // another material of the same key
	foreign := proto.Bind{Region: region, Account: "444455556666", ID: mrkID}
	for name, try := range map[string]*replication{
		"another key":      {from: e, key: other},
		"another material": {from: e, key: second},
		"another account": {from: e, key: forge(t, e, token.KindKey, foreign, bytes.Repeat([]byte{7}, 32), func(h *token.Header) {
			h.Flags, h.MaterialID = token.FlagMultiRegion, made.MaterialID
		})},
	} {
		_, status := try.trySend(genuine)
		if status != proto.StatusReplicaRefused {
			t.Errorf("%s: %v", name, status)
		}
	}
	// The sender's own Region, and another sender's domain, are refused as well.
	for name, change := range map[string]func(*proto.OfferReplicaRequest){
		"to itself":       func(m *proto.OfferReplicaRequest) { m.Bind.Region = region },
		"no account":      func(m *proto.OfferReplicaRequest) { m.Bind.Account = "" },
		"unknown Region":  func(m *proto.OfferReplicaRequest) { m.SenderRegion = "eu-north-1" },
		"unknown domain":  func(m *proto.OfferReplicaRequest) { m.SenderDomain[5] ^= 1 },
		"to global":       func(m *proto.OfferReplicaRequest) { m.Bind.Region = proto.GlobalRegion },
		"to an unknown":   func(m *proto.OfferReplicaRequest) { m.Bind.Region = "eu-north-1" },
		"no such account": func(m *proto.OfferReplicaRequest) { m.Bind.Account = "1111222233334" },
	} {
		ask := r.ask
		change(&ask)
		if out, status := e.OfferReplica(&ask, nil); status == proto.StatusOK || len(out) != 0 {
			t.Errorf("%s: an offer", name)
		}
	}
	replica := newReplication(t, e, e, other, otherMade.MaterialID)
	replica.key.Bind.Region = region2 // a token of the one Region, offered as the other's
	refused(t, proto.StatusTokenRefused)(replica.trySend(genuine))
	now = testTime.Add(offerSeconds * time.Second)
	must(t)(r.trySend(genuine))
	now = now.Add(time.Second)
	refused(t, proto.StatusReplicaRefused)(r.trySend(genuine))
}

// TestSendRefused: only a multi-Region key that was made in a module goes.
func TestSendRefused(t *testing.T) {
	t.Parallel()
	e := replicating(t)
	bind := proto.Bind{Region: region, Account: account, ID: mrkID}
	hbk := bytes.Repeat([]byte{7}, 32)
	var d kdf.Deriver
	id := d.MaterialID(hbk, mrkID)
	for name, c := range map[string]struct {
		want   proto.Status
		change func(*token.Header)
	}{
		"multi-Region":  {proto.StatusOK, func(h *token.Header) { h.Flags = token.FlagMultiRegion }},
		"single-Region": {proto.StatusTokenRefused, func(h *token.Header) { h.Flags = 0 }},
		"imported": {proto.StatusTokenRefused, func(h *token.Header) {
			h.Flags, h.Origin = token.FlagMultiRegion, token.OriginImported
		}},
		"expired": {proto.StatusTokenRefused, func(h *token.Header) {
			h.Flags, h.NotAfter = token.FlagMultiRegion, testTime.Unix()-1
		}},
	} {
		key := forge(t, e, token.KindKey, bind, hbk, func(h *token.Header) {
			h.MaterialID = id
			c.change(h)
		})
		if _, status := newReplication(t, e, e, key, id).offer(t).trySend(nil); c.want != proto.StatusOK && status != c.want {
			t.Errorf("%s: %v, want %v", name, status, c.want)
		}
		r := newReplication(t, e, e, key, id).offer(t)
		if _, status := r.trySend(r.offered.Offer); status != c.want {
			t.Errorf("%s: %v, want %v", name, status, c.want)
		}
	}
}

// TestDeliveryRefused: a delivery that was changed, that answers another offer,
// or that is for another key or domain, is refused, and so is one whose key is
// not what its material id says.
func TestDeliveryRefused(t *testing.T) {
	t.Parallel()
	now := testTime
	e := replicating(t, func(c *Config) { c.Now = func() time.Time { return now } })
	key, made := multiRegionKey(t, e, mrkID, 1, 1)
	r := newReplication(t, e, e, key, made.MaterialID).offer(t).send(t)
	for i := range r.sent {
		flipped := bytes.Clone(r.sent)
		flipped[i] ^= 1 << (i % 8)
		refused(t, proto.StatusReplicaRefused)(r.receive(flipped))
	}
	for n := range r.sent {
		refused(t, proto.StatusReplicaRefused)(r.receive(r.sent[:n]))
	}
	refused(t, proto.StatusReplicaRefused)(r.receive(append(bytes.Clone(r.sent), 0)))
	refused(t, proto.StatusReplicaRefused)(r.receive(r.offered.Offer))
	again := newReplication(t, e, e, key, made.MaterialID).offer(t)
	refused(t, proto.StatusReplicaRefused)(again.receive(r.sent)) // replayed: it answers the offer before
	other, otherMade := multiRegionKey(t, e, mrkID2, 1, 1)
	crossed := newReplication(t, e, e, other, otherMade.MaterialID).offer(t).send(t)
	refused(t, proto.StatusReplicaRefused)(r.receive(crossed.sent))
	refused(t, proto.StatusReplicaRefused)(crossed.receive(r.sent))

	stolen := *r
	stolen.ask.Bind.ID = mrkID2 // the offer's token is this key's, and no other's
	refused(t, proto.StatusTokenRefused)(stolen.receive(r.sent))
	stolen.ask.Bind = r.ask.Bind
	stolen.ask.Bind.Account = "444455556666"
	refused(t, proto.StatusTokenRefused)(stolen.receive(r.sent))
	stolen.ask.Bind = r.ask.Bind
	stolen.ask.Bind.Region = region
	refused(t, proto.StatusTokenRefused)(stolen.receive(r.sent))

	// A key under a material id that it does not have, genuine otherwise.
	lying := forge(t, e, token.KindKey, key.Bind, bytes.Repeat([]byte{7}, 32), func(h *token.Header) {
		h.Flags, h.MaterialID = token.FlagMultiRegion, made.MaterialID
	})
	liar := newReplication(t, e, e, lying, made.MaterialID).offer(t).send(t)
	refused(t, proto.StatusReplicaRefused)(liar.receive(liar.sent))
	for _, size := range []int{0, 16, 31, 33, 64} {
		secret := bytes.Repeat([]byte{7}, size)
		var d kdf.Deriver
		id := d.MaterialID(secret, mrkID)
		short := forge(t, e, token.KindKey, key.Bind, secret, func(h *token.Header) { h.Flags, h.MaterialID = token.FlagMultiRegion, id })
		sent := newReplication(t, e, e, short, id).offer(t).send(t)
		refused(t, proto.StatusReplicaRefused)(sent.receive(sent.sent))
	}

	must(t)(r.receive(r.sent)) // twice gives the same key twice: the module keeps nothing
	must(t)(r.receive(r.sent))
	now = testTime.Add((offerSeconds + 1) * time.Second)
	refused(t, proto.StatusTokenRefused)(r.receive(r.sent))
}

// TestReplicationKeyStays: it outlives rotations of the domain keys, is never
// made twice, and global has none.
func TestReplicationKeyStays(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	if k := replicationKey(t, e, region); len(k.Public) != 0 || k.ID[0] != token.DomainProduction {
		t.Fatalf("before it was made: %+v", k)
	}
	key, made := multiRegionKey(t, e, mrkID, 1, 1)
	r := &replication{from: e, to: e, key: key, ask: proto.OfferReplicaRequest{
		Bind: proto.Bind{Region: region2, Account: account, ID: mrkID}, SenderRegion: region, SenderDomain: replicationKey(t, e, region).ID, MaterialID: made.MaterialID,
	}}
	refused(t, proto.StatusReplicaRefused)(e.OfferReplica(&r.ask, nil)) // the sender has none
	addReplicationKey(t, e, region)
	refused(t, proto.StatusUnknownDomain)(e.OfferReplica(&r.ask, nil)) // nor has the receiver
	addReplicationKey(t, e, region2)
	was := replicationKey(t, e, region)
	for range 3 {
		rotated, _ := framed(t, must(t)(e.RotateDomain(&proto.RotateDomainRequest{Region: region}, nil)))
		must(t)(e.LoadDomain(&proto.LoadDomainRequest{Token: rotated}, nil))
	}
	if k := replicationKey(t, e, region); !bytes.Equal(k.Public, was.Public) || k.ID != was.ID {
		t.Error("a rotation changed it")
	}
	r.offer(t).send(t).received(t)
	refused(t, proto.StatusDomainRefused)(e.AddReplicationKey(&proto.RotateDomainRequest{Region: region}, nil))
	refused(t, proto.StatusDomainRefused)(e.AddReplicationKey(&proto.RotateDomainRequest{Region: proto.GlobalRegion}, nil))
	refused(t, proto.StatusUnknownDomain)(e.AddReplicationKey(&proto.RotateDomainRequest{Region: "mars-1"}, nil))
	refused(t, proto.StatusUnknownDomain)(e.ReplicationKey(&proto.RotateDomainRequest{Region: "mars-1"}, nil))
}

// FuzzReplication: of all messages only the genuine ones are taken.
func FuzzReplication(f *testing.F) {
	e := replicating(f)
	key, made := multiRegionKey(f, e, mrkID, 1, 1)
	r := newReplication(f, e, e, key, made.MaterialID).offer(f).send(f)
	f.Add(r.offered.Offer)
	f.Add(r.sent)
	f.Add([]byte(fmt.Sprintf("TRREP\x01\x01%032d", 0)))
	f.Fuzz(func(t *testing.T, message []byte) {
		if out, status := r.trySend(message); (status == proto.StatusOK) != bytes.Equal(message, r.offered.Offer) || status != proto.StatusOK && len(out) != 0 {
			t.Fatalf("send: %v", status)
		}
		if out, status := r.receive(message); (status == proto.StatusOK) != bytes.Equal(message, r.sent) || status != proto.StatusOK && len(out) != 0 {
			t.Fatalf("receive: %v", status)
		}
	})
}
