package jobs

import (
	"bytes"
	"context"

	"trent/internal/hsm/proto"
)

// ReplicaRefused: a replication message does not authenticate, is of a domain
// that the module does not believe, or is not the one that was asked for.
const ReplicaRefused = proto.StatusReplicaRefused

// DomainID names a domain for ever.
type DomainID = [16]byte

// AddReplicationKey returns the token of a loaded domain with a replication key.
// The module's own state changes when it is loaded. DomainRefused: it has one.
func (m *Module) AddReplicationKey(ctx context.Context, region string) (domainToken []byte, err error) {
	call := m.client.Start(proto.CmdAddReplicationKey)
	defer call.Done()
	request := proto.RotateDomainRequest{Region: region}
	call.Frame = request.Append(call.Frame)
	return domainAnswer(call.Do(ctx))
}

// ReplicationKey returns a domain's id and its replication key's SPKI, nil if it
// has none.
func (m *Module) ReplicationKey(ctx context.Context, region string) (id DomainID, spki []byte, err error) {
	call := m.client.Start(proto.CmdReplicationKey)
	defer call.Done()
	request := proto.RotateDomainRequest{Region: region}
	call.Frame = request.Append(call.Frame)
	answer, err := call.Do(ctx)
	if err != nil {
		return id, nil, err
	}
	var response proto.ReplicationKeyResponse
	if err := response.Decode(answer); err != nil {
		return id, nil, err
	}
	return response.DomainID, append([]byte(nil), response.PublicKey...), nil
}

// A Replica is one material of a multi-Region key on its way to another Region.
type Replica struct {
	Bind         Bind // of the replica
	SenderRegion string
	SenderDomain DomainID
	MaterialID   [32]byte
}

// Replicated is a material in the replica's Region.
type Replicated struct {
	Token      []byte
	Generation uint32 // of the domain key that wraps Token
	PublicKey  []byte // SPKI, nil unless the key is asymmetric
}

// OfferReplica has the replica's domain ask for a material. token is of the
// offer's secret, for ReceiveReplica.
func (m *Module) OfferReplica(ctx context.Context, r *Replica) (token, offer []byte, err error) {
	call := m.client.Start(proto.CmdOfferReplica)
	defer call.Done()
	request := proto.OfferReplicaRequest{Bind: r.Bind, SenderRegion: r.SenderRegion, SenderDomain: r.SenderDomain, MaterialID: r.MaterialID}
	call.Frame = request.Append(call.Frame)
	answer, err := call.Do(ctx)
	if err != nil {
		return nil, nil, err
	}
	var response proto.OfferReplicaResponse
	if err := response.Decode(answer); err != nil {
		return nil, nil, err
	}
	return bytes.Clone(response.Token), bytes.Clone(response.Offer), nil
}

// SendReplica has the domain of a key seal it to an offer.
func (m *Module) SendReplica(ctx context.Context, bind Bind, token, offer []byte) (delivery []byte, err error) {
	call := m.client.Start(proto.CmdSendReplica)
	defer call.Done()
	request := proto.SendReplicaRequest{Key: proto.KeyRef{Bind: bind, Origin: proto.OriginGenerated, Token: token}, Offer: offer}
	call.Frame = request.Append(call.Frame)
	answer, err := call.Do(ctx)
	if err != nil {
		return nil, err
	}
	return bytes.Clone(answer), nil
}

// ReceiveReplica has the replica's domain take the delivery that answers its
// offer, whose token it is given.
func (m *Module) ReceiveReplica(ctx context.Context, bind Bind, token, delivery []byte) (Replicated, error) {
	call := m.client.Start(proto.CmdReceiveReplica)
	defer call.Done()
	request := proto.ReceiveReplicaRequest{Key: proto.KeyRef{Bind: bind, Token: token}, Delivery: delivery}
	call.Frame = request.Append(call.Frame)
	answer, err := call.Do(ctx)
	if err != nil {
		return Replicated{}, err
	}
	var response proto.CreateKeyResponse
	if err := response.Decode(answer); err != nil {
		return Replicated{}, err
	}
	return Replicated{bytes.Clone(response.Token), response.Generation, append([]byte(nil), response.PublicKey...)}, nil
}
