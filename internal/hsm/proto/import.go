package proto

import "encoding/binary"

type (
	// ImportParametersRequest asks for a wrapping key pair of a spec, which unwraps
	// with one algorithm of keyspec.Wrappings, for the KMS key of the bind, until
	// NotAfter, Unix seconds of the module's time.
	ImportParametersRequest struct {
		Bind      Bind
		Spec      uint16
		Algorithm uint8
	}
	// ImportParametersResponse: the import token has the private key.
	ImportParametersResponse struct {
		Token     []byte
		NotAfter  uint64 // Unix seconds
		PublicKey []byte // SPKI
	}
	// ImportKeyRequest brings key material for the KMS key of the bind; the token is
	// the import token. The answer is a CreateKeyResponse.
	ImportKeyRequest struct {
		Key   KeyRef
		Spec  uint16
		Usage uint8
		Flags uint16
		// NotAfter is when the material expires, Unix seconds; 0: never. The module
		// itself refuses its token then.
		NotAfter uint64
		Wrapped  []byte
	}
)

// Append appends the message's encoding to dst.
func (m *ImportParametersRequest) Append(dst []byte) []byte {
	dst = appendString(appendString(appendString(dst, m.Bind.Region), m.Bind.Account), m.Bind.ID)
	return append(binary.BigEndian.AppendUint16(dst, m.Spec), m.Algorithm)
}

// Decode sets m from b, strictly: its error is ErrMalformed.
func (m *ImportParametersRequest) Decode(b []byte) error {
	r := reader{b: b}
	m.Bind.Region, m.Bind.Account, m.Bind.ID = r.str(1, MaxRegion), r.str(1, MaxAccount), r.str(1, MaxID)
	m.Spec, m.Algorithm = r.u16(), r.u8()
	return r.done()
}

// Append appends the message's encoding to dst.
func (m *ImportParametersResponse) Append(dst []byte) []byte {
	return appendBytes(binary.BigEndian.AppendUint64(appendBytes(dst, m.Token), m.NotAfter), m.PublicKey)
}

// Decode sets m from b, strictly: its error is ErrMalformed.
func (m *ImportParametersResponse) Decode(b []byte) error {
	r := reader{b: b}
	m.Token, m.NotAfter = r.bytes(1, MaxToken), r.u64()
	m.PublicKey = r.bytes(1, MaxPublicKey)
	return r.done()
}

// Append appends the message's encoding to dst.
func (m *ImportKeyRequest) Append(dst []byte) []byte {
	dst = append(binary.BigEndian.AppendUint16(m.Key.append(dst), m.Spec), m.Usage)
	dst = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint16(dst, m.Flags), m.NotAfter)
	return appendBytes(dst, m.Wrapped)
}

// Decode sets m from b, strictly: its error is ErrMalformed.
func (m *ImportKeyRequest) Decode(b []byte) error {
	r := reader{b: b}
	m.Key.decode(&r)
	m.Spec, m.Usage, m.Flags = r.u16(), r.u8(), r.u16()
	m.NotAfter = r.u64()
	m.Wrapped = r.bytes(1, MaxWrapped)
	return r.done()
}
