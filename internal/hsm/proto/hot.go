package proto

import "encoding/binary"

func (k *KeyRef) append(dst []byte) []byte {
	dst = appendString(appendString(appendString(dst, k.Bind.Region), k.Bind.Account), k.Bind.ID)
	return appendBytes(append(dst, uint8(k.Origin)), k.Token)
}

// decode takes a key from r. Service keys have an empty account.
func (k *KeyRef) decode(r *reader) {
	k.Bind.Region, k.Bind.Account, k.Bind.ID = r.str(1, MaxRegion), r.str(0, MaxAccount), r.str(1, MaxID)
	k.Origin = Origin(r.u8())
	k.Token = r.bytes(1, MaxToken)
}

// Append appends the message's encoding to dst: the request of
// CmdReleaseServiceKey is a key alone.
func (k *KeyRef) Append(dst []byte) []byte { return k.append(dst) }

// Decode sets k from b, strictly: its error is ErrMalformed.
func (k *KeyRef) Decode(b []byte) error {
	r := reader{b: b}
	k.decode(&r)
	return r.done()
}

// Append appends the message's encoding to dst.
func (m *EncryptRequest) Append(dst []byte) []byte {
	return appendBytes(append(m.Key.append(dst), m.ContextHash[:]...), m.Plaintext)
}

// Decode sets m from b, strictly: its error is ErrMalformed.
func (m *EncryptRequest) Decode(b []byte) error {
	r := reader{b: b}
	m.Key.decode(&r)
	r.array(m.ContextHash[:])
	m.Plaintext = r.bytes(1, MaxPlaintext)
	return r.done()
}

// Append appends the message's encoding to dst.
func (m *DecryptRequest) Append(dst []byte) []byte {
	return appendBytes(append(m.Key.append(dst), m.ContextHash[:]...), m.Blob)
}

// Decode sets m from b, strictly: its error is ErrMalformed.
func (m *DecryptRequest) Decode(b []byte) error {
	r := reader{b: b}
	m.Key.decode(&r)
	r.array(m.ContextHash[:])
	m.Blob = r.bytes(1, MaxBlob)
	return r.done()
}

// Append appends the message's encoding to dst.
func (m *ReEncryptRequest) Append(dst []byte) []byte {
	dst = m.Destination.append(m.Source.append(dst))
	dst = append(append(dst, m.SourceHash[:]...), m.DestinationHash[:]...)
	return appendBytes(dst, m.Blob)
}

// Decode sets m from b, strictly: its error is ErrMalformed.
func (m *ReEncryptRequest) Decode(b []byte) error {
	r := reader{b: b}
	m.Source.decode(&r)
	m.Destination.decode(&r)
	r.array(m.SourceHash[:])
	r.array(m.DestinationHash[:])
	m.Blob = r.bytes(1, MaxBlob)
	return r.done()
}

// Append appends the message's encoding to dst.
func (m *GenerateDataKeyRequest) Append(dst []byte) []byte {
	return binary.BigEndian.AppendUint32(append(m.Key.append(dst), m.ContextHash[:]...), m.Bytes)
}

// Decode sets m from b, strictly: its error is ErrMalformed.
func (m *GenerateDataKeyRequest) Decode(b []byte) error {
	r := reader{b: b}
	m.Key.decode(&r)
	r.array(m.ContextHash[:])
	m.Bytes = r.u32()
	r.require(m.Bytes >= 1 && m.Bytes <= MaxRandom)
	return r.done()
}

// Append appends the message's encoding to dst.
func (m *GenerateDataKeyResponse) Append(dst []byte) []byte {
	return append(appendBytes(dst, m.DataKey), m.Blob...)
}

// Decode sets m from b, strictly: its error is ErrMalformed.
func (m *GenerateDataKeyResponse) Decode(b []byte) error {
	r := reader{b: b}
	m.DataKey = r.bytes(1, MaxRandom)
	m.Blob = r.rest(1, MaxBlob)
	return r.done()
}

// Append appends the message's encoding to dst.
func (m *CreateKeyRequest) Append(dst []byte) []byte {
	dst = appendString(appendString(appendString(dst, m.Bind.Region), m.Bind.Account), m.Bind.ID)
	dst = append(binary.BigEndian.AppendUint16(dst, m.Spec), m.Usage)
	return binary.BigEndian.AppendUint16(dst, m.Flags)
}

// Decode sets m from b, strictly: its error is ErrMalformed.
func (m *CreateKeyRequest) Decode(b []byte) error {
	r := reader{b: b}
	m.Bind.Region, m.Bind.Account, m.Bind.ID = r.str(1, MaxRegion), r.str(1, MaxAccount), r.str(1, MaxID)
	m.Spec, m.Usage, m.Flags = r.u16(), r.u8(), r.u16()
	return r.done()
}

// Append appends the message's encoding to dst.
func (m *CreateKeyResponse) Append(dst []byte) []byte {
	dst = append(appendBytes(dst, m.Token), m.MaterialID[:]...)
	return appendBytes(binary.BigEndian.AppendUint32(dst, m.Generation), m.PublicKey)
}

// Decode sets m from b, strictly: its error is ErrMalformed.
func (m *CreateKeyResponse) Decode(b []byte) error {
	r := reader{b: b}
	m.Token = r.bytes(1, MaxToken)
	r.array(m.MaterialID[:])
	m.Generation = r.u32()
	m.PublicKey = r.bytes(0, MaxPublicKey)
	return r.done()
}

// Append appends the message's encoding to dst.
func (m *DayKeyRequest) Append(dst []byte) []byte {
	return appendString(appendString(appendString(m.Key.append(dst), m.Date), m.Region), m.Service)
}

// Decode sets m from b, strictly: its error is ErrMalformed.
func (m *DayKeyRequest) Decode(b []byte) error {
	r := reader{b: b}
	m.Key.decode(&r)
	m.Date, m.Region, m.Service = r.str(dateLength, dateLength), r.str(1, MaxRegion), r.str(1, MaxService)
	return r.done()
}
