package proto

// Limits of the messages in which a key goes from domain to domain
// (docs/formats.md, "Replication messages"); both sides are blind to them.
const (
	MaxOffer    = 1 << 10
	MaxDelivery = 8 << 10
)

// The messages of replication. A RotateDomainRequest is also
// CmdAddReplicationKey's, answered with a domain token, and CmdReplicationKey's.
type (
	// ReplicationKeyResponse: PublicKey is SPKI, empty if the domain has none.
	ReplicationKeyResponse struct {
		DomainID  [16]byte
		PublicKey []byte
	}
	// OfferReplicaRequest: Bind is what the replica's token will belong to, and
	// SenderRegion and SenderDomain say where the key is.
	OfferReplicaRequest struct {
		Bind         Bind
		SenderRegion string
		SenderDomain [16]byte
		MaterialID   [32]byte
	}
	// OfferReplicaResponse carries the token of the offer's secret and the offer.
	OfferReplicaResponse struct{ Token, Offer []byte }
	// SendReplicaRequest: Key is the sender's. The answer is the delivery.
	SendReplicaRequest struct {
		Key   KeyRef
		Offer []byte
	}
	// ReceiveReplicaRequest: Key's token is the offer's. The answer is a
	// CreateKeyResponse.
	ReceiveReplicaRequest struct {
		Key      KeyRef
		Delivery []byte
	}
)

// Append appends the message's encoding to dst.
func (m *ReplicationKeyResponse) Append(dst []byte) []byte {
	return appendBytes(append(dst, m.DomainID[:]...), m.PublicKey)
}

// Decode sets m from b, strictly: its error is ErrMalformed.
func (m *ReplicationKeyResponse) Decode(b []byte) error {
	r := reader{b: b}
	r.array(m.DomainID[:])
	m.PublicKey = r.bytes(0, MaxPublicKey)
	return r.done()
}

// Append appends the message's encoding to dst.
func (m *OfferReplicaRequest) Append(dst []byte) []byte {
	for _, part := range [...]string{m.Bind.Region, m.Bind.Account, m.Bind.ID, m.SenderRegion} {
		dst = appendString(dst, part)
	}
	return append(append(dst, m.SenderDomain[:]...), m.MaterialID[:]...)
}

// Decode sets m from b, strictly: its error is ErrMalformed.
func (m *OfferReplicaRequest) Decode(b []byte) error {
	r := reader{b: b}
	m.Bind.Region, m.Bind.Account, m.Bind.ID = r.str(1, MaxRegion), r.str(1, MaxAccount), r.str(1, MaxID)
	m.SenderRegion = r.str(1, MaxRegion)
	r.array(m.SenderDomain[:])
	r.array(m.MaterialID[:])
	return r.done()
}

// Append appends the message's encoding to dst.
func (m *OfferReplicaResponse) Append(dst []byte) []byte {
	return appendBytes(appendBytes(dst, m.Token), m.Offer)
}

// Decode sets m from b, strictly: its error is ErrMalformed.
func (m *OfferReplicaResponse) Decode(b []byte) error {
	r := reader{b: b}
	m.Token, m.Offer = r.bytes(1, MaxToken), r.bytes(1, MaxOffer)
	return r.done()
}

// Append appends the message's encoding to dst.
func (m *SendReplicaRequest) Append(dst []byte) []byte {
	return appendBytes(m.Key.append(dst), m.Offer)
}

// Decode sets m from b, strictly: its error is ErrMalformed.
func (m *SendReplicaRequest) Decode(b []byte) error {
	r := reader{b: b}
	m.Key.decode(&r)
	m.Offer = r.bytes(1, MaxOffer)
	return r.done()
}

// Append appends the message's encoding to dst.
func (m *ReceiveReplicaRequest) Append(dst []byte) []byte {
	return appendBytes(m.Key.append(dst), m.Delivery)
}

// Decode sets m from b, strictly: its error is ErrMalformed.
func (m *ReceiveReplicaRequest) Decode(b []byte) error {
	r := reader{b: b}
	m.Key.decode(&r)
	m.Delivery = r.bytes(1, MaxDelivery)
	return r.done()
}
