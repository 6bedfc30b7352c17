package engine

import (
	"crypto/subtle"
	"encoding/binary"
	"time"

	"trent/internal/hsm/alg"
	"trent/internal/hsm/kdf"
	"trent/internal/hsm/proto"
	"trent/internal/hsm/replica"
	"trent/internal/hsm/token"
	"trent/internal/keyspec"
)

// offerSeconds is how long an offer, and the token of its secret, are good.
const offerSeconds = 15 * 60

// AddReplicationKey appends the token of a loaded domain with a replication key,
// its length before it, for proto.CmdAddReplicationKey. The domain does not
// change until that token is loaded.
func (e *Engine) AddReplicationKey(in *proto.RotateDomainRequest, dst []byte) ([]byte, proto.Status) {
	return e.command(dst, func(s *scratch, dst []byte) ([]byte, proto.Status) {
		tok, err := e.cfg.Domains.AddReplicationKey(in.Region, e.random, time.Unix(s.now, 0))
		return appendFramed(dst, tok), e.status(err)
	})
}

// ReplicationKey appends a domain's id and its replication key's SPKI, empty if
// it has none, for proto.CmdReplicationKey.
func (e *Engine) ReplicationKey(in *proto.RotateDomainRequest, dst []byte) ([]byte, proto.Status) {
	return e.command(dst, func(_ *scratch, dst []byte) ([]byte, proto.Status) {
		id, spki, err := e.cfg.Domains.ReplicationKey(in.Region)
		return appendFramed(append(dst, id[:]...), spki), e.status(err)
	})
}

// signer copies a domain's replication key to buf and returns the domain's id.
// The caller wipes the key.
func (e *Engine) signer(region string, buf []byte) (id [16]byte, signer []byte, status proto.Status) {
	domainID, signer, err := e.cfg.Domains.ReplicationSigner(region, buf)
	return domainID, signer, e.status(err)
}

// believes returns the replication key of the domain of that id and Region, if
// its messages are believed.
func (e *Engine) believes(id [16]byte, region string) (spki []byte, status proto.Status) {
	peer, err := e.cfg.Domains.Peer(id)
	if err != nil || peer.Region != region {
		return nil, proto.StatusReplicaRefused
	}
	return peer.Public, proto.StatusOK
}

// OfferReplica makes an offer for a key that another domain has, and a token of
// its secret, for proto.CmdOfferReplica.
func (e *Engine) OfferReplica(in *proto.OfferReplicaRequest, dst []byte) ([]byte, proto.Status) {
	return e.command(dst, func(s *scratch, dst []byte) ([]byte, proto.Status) {
		if !validBind(&in.Bind) || in.Bind.Account == "" || in.SenderRegion == in.Bind.Region {
			return dst, proto.StatusMalformed
		}
		if _, status := e.believes(in.SenderDomain, in.SenderRegion); status != proto.StatusOK {
			return dst, status
		}
		var buf [signerSize]byte
		defer clear(buf[:])
		id, signer, status := e.signer(in.Bind.Region, buf[:0])
		if status != proto.StatusOK {
			return dst, status
		}
		t := replica.Transfer{
			Sender: in.SenderDomain, Receiver: id, SenderRegion: in.SenderRegion, ReceiverRegion: in.Bind.Region,
			Account: in.Bind.Account, KeyID: in.Bind.ID, MaterialID: in.MaterialID,
		}
		offer, secret, err := replica.NewOffer(&t, s.now+offerSeconds, signer, e.random)
		defer clear(secret)
		if err != nil {
			return dst, e.status(err)
		}
		bind, err := token.KindReplica.Bind(s.bind[:0], in.Bind.Account, in.Bind.Region, in.Bind.ID)
		if err != nil {
			return dst, e.status(err)
		}
		s.header = token.Header{Kind: token.KindReplica, Origin: token.OriginGenerated, Bind: bind, MaterialID: in.MaterialID, NotAfter: s.now + offerSeconds}
		out, status := e.wrap(s, dst, in.Bind.Region, &s.header, secret)
		return appendFramed(out, offer), status
	})
}

// signerSize is the size of a replication key in stored form.
const signerSize = 48 + 97

// SendReplica seals a multi-Region key to an offer, for proto.CmdSendReplica.
// Only a key that was made here goes: imported material is imported in each
// Region.
func (e *Engine) SendReplica(in *proto.SendReplicaRequest, dst []byte) ([]byte, proto.Status) {
	return e.command(dst, func(s *scratch, dst []byte) ([]byte, proto.Status) {
		if status := e.take(s, proto.CmdSendReplica, &in.Key); status != proto.StatusOK {
			return dst, status
		}
		h := &s.header
		if h.Flags&token.FlagMultiRegion == 0 || h.Origin != token.OriginGenerated {
			return dst, proto.StatusTokenRefused
		}
		if status := e.status(h.CheckUse(h.Spec, h.Usage, s.now)); status != proto.StatusOK {
			return dst, status
		}
		offer, err := replica.ParseOffer(in.Offer)
		if err != nil {
			return dst, e.status(err)
		}
		var buf [signerSize]byte
		defer clear(buf[:])
		id, signer, status := e.signer(in.Key.Bind.Region, buf[:0])
		if status != proto.StatusOK {
			return dst, status
		}
		if offer.Sender != id || offer.SenderRegion != in.Key.Bind.Region || offer.Account != in.Key.Bind.Account ||
			offer.KeyID != in.Key.Bind.ID || offer.MaterialID != h.MaterialID || offer.Receiver == id ||
			offer.ReceiverRegion == offer.SenderRegion || s.now > offer.NotAfter || offer.NotAfter > s.now+2*offerSeconds {
			return dst, proto.StatusReplicaRefused
		}
		spki, status := e.believes(offer.Receiver, offer.ReceiverRegion)
		if status != proto.StatusOK {
			return dst, status
		}
		if err := offer.Verify(spki); err != nil {
			return dst, e.status(err)
		}
		delivery, err := replica.NewDelivery(offer, uint16(h.Spec), uint8(h.Usage), s.key, signer, e.random)
		return append(dst, delivery...), e.status(err)
	})
}

// ReceiveReplica opens the delivery that answers an offer and wraps the key
// under the receiver's domain key, for proto.CmdReceiveReplica.
func (e *Engine) ReceiveReplica(in *proto.ReceiveReplicaRequest, dst []byte) ([]byte, proto.Status) {
	return e.command(dst, func(s *scratch, dst []byte) ([]byte, proto.Status) {
		if status := e.open(s, proto.CmdReceiveReplica, &in.Key, 0, 0); status != proto.StatusOK {
			return dst, status
		}
		d, err := replica.ParseDelivery(in.Delivery)
		if err != nil {
			return dst, e.status(err)
		}
		b := &in.Key.Bind
		if d.Receiver != s.header.DomainID || d.ReceiverRegion != b.Region || d.Account != b.Account || d.KeyID != b.ID ||
			d.MaterialID != s.header.MaterialID || d.Sender == d.Receiver || d.SenderRegion == d.ReceiverRegion {
			return dst, proto.StatusReplicaRefused
		}
		spki, status := e.believes(d.Sender, d.SenderRegion)
		if status != proto.StatusOK {
			return dst, status
		}
		if err := d.Verify(spki); err != nil {
			return dst, e.status(err)
		}
		var opened [proto.MaxToken]byte
		defer clear(opened[:])
		key, err := d.Open(opened[:0], s.key)
		if err != nil {
			return dst, e.status(err)
		}
		return e.keepReplica(s, dst, b, d, key)
	})
}

// keepReplica wraps a key that was received, if it is what its material id
// commits to.
func (e *Engine) keepReplica(s *scratch, dst []byte, b *proto.Bind, d *replica.Delivery, key []byte) ([]byte, proto.Status) {
	row := keyspec.Numbered(d.Spec)
	if row == nil || !hasUsage(row, d.Usage) {
		return dst, proto.StatusReplicaRefused
	}
	if !e.offers(row, d.Usage) {
		return dst, proto.StatusUnsupported
	}
	id, public, ok := identify(s, row, b.ID, key)
	if !ok || subtle.ConstantTimeCompare(id[:], d.MaterialID[:]) != 1 {
		return dst, proto.StatusReplicaRefused
	}
	bind, err := token.KindKey.Bind(s.bind[:0], b.Account, b.Region, b.ID)
	if err != nil {
		return dst, e.status(err)
	}
	s.header = token.Header{
		Kind: token.KindKey, Spec: token.Spec(d.Spec), Usage: token.Usage(d.Usage), Origin: token.OriginGenerated,
		Flags: token.FlagMultiRegion, Bind: bind, MaterialID: id,
	}
	out, status := e.wrap(s, dst, b.Region, &s.header, key)
	out = append(out, id[:]...)
	out = binary.BigEndian.AppendUint32(out, s.header.Generation)
	return appendFramed(out, public), status
}

// identify returns the material id of a stored key of a spec, and its SPKI if it
// has one. ok is false if it is none.
func identify(s *scratch, row *keyspec.Row, keyID string, key []byte) (id [kdf.MaterialIDSize]byte, spki []byte, ok bool) {
	scheme := alg.Of(row)
	if scheme == nil {
		return s.ids.MaterialID(key, keyID), nil, len(key) == kdf.KeySize
	}
	spki, err := scheme.Public(key)
	if err != nil {
		return id, nil, false
	}
	if spki == nil {
		return s.ids.MaterialID(key, keyID), nil, true
	}
	return kdf.PublicMaterialID(spki, keyID), spki, true
}
