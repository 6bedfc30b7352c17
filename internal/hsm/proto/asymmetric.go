package proto

import "encoding/binary"

// Further limits, of the commands for asymmetric and HMAC keys.
const (
	MaxPublicKey  = 8192
	MaxMessage    = 4096
	MaxSignature  = 6144 // signatures, MACs and ciphertexts
	MaxPrivateKey = 4096 // PKCS #8, to be encrypted as a plaintext
)

// The messages of the commands that take an algorithm: its number, and that of
// a message type, are those of docs/formats.md. Slices of a decoded message
// point into the frame. A PublicKey is SPKI, which the token's material id
// commits to: the module takes no other.
type (
	// SignRequest asks for a signature, or with CmdGenerateMac for a MAC, whose
	// MessageType is 1.
	SignRequest struct {
		Key                    KeyRef
		Algorithm, MessageType uint8
		Message                []byte
	}
	// VerifyRequest is also CmdVerifyMac's, without a PublicKey then.
	VerifyRequest struct {
		Key                    KeyRef
		PublicKey              []byte
		Algorithm, MessageType uint8
		Message, Signature     []byte
	}
	// AgreeRequest is CmdDeriveSharedSecret's.
	AgreeRequest struct {
		Key           KeyRef
		PeerPublicKey []byte
	}
	// EncapsulateRequest: the answer is an EncapsulateResponse.
	EncapsulateRequest struct {
		Key       KeyRef
		PublicKey []byte
	}
	// EncapsulateResponse carries the shared secret and its ciphertext.
	EncapsulateResponse struct{ Secret, Ciphertext []byte }
	// DecapsulateRequest: the answer is the shared secret.
	DecapsulateRequest struct {
		Key        KeyRef
		Ciphertext []byte
	}
	// PublicEncryptRequest encrypts with an asymmetric key.
	PublicEncryptRequest struct {
		Key       KeyRef
		PublicKey []byte
		Algorithm uint8
		Plaintext []byte
	}
	// PrivateDecryptRequest is also CmdCheckPrivateCiphertext's.
	PrivateDecryptRequest struct {
		Key        KeyRef
		Algorithm  uint8
		Ciphertext []byte
	}
	// A Side is one key of ReEncryptAnyRequest: its context hash counts for
	// symmetric keys, its PublicKey for asymmetric destinations.
	Side struct {
		Key         KeyRef
		Algorithm   uint8
		ContextHash [32]byte
		PublicKey   []byte
	}
	// ReEncryptAnyRequest is ReEncryptRequest where one key is asymmetric.
	ReEncryptAnyRequest struct {
		Source, Destination Side
		Blob                []byte
	}
	// DataKeyPairRequest: Spec is the pair's; the answer has the private key
	// only if Plaintext says so.
	DataKeyPairRequest struct {
		Key         KeyRef
		ContextHash [32]byte
		Spec        uint16
		Plaintext   bool
	}
	// DataKeyPairResponse: PrivateKey is PKCS #8, empty if it was not asked for.
	DataKeyPairResponse struct{ PrivateKey, PublicKey, Blob []byte }
)

// Append appends the message's encoding to dst.
func (m *SignRequest) Append(dst []byte) []byte {
	return appendBytes(append(m.Key.append(dst), m.Algorithm, m.MessageType), m.Message)
}

// Decode sets m from b, strictly: its error is ErrMalformed.
func (m *SignRequest) Decode(b []byte) error {
	r := reader{b: b}
	m.Key.decode(&r)
	m.Algorithm, m.MessageType = r.u8(), r.u8()
	m.Message = r.bytes(1, MaxMessage)
	return r.done()
}

// Append appends the message's encoding to dst.
func (m *VerifyRequest) Append(dst []byte) []byte {
	dst = append(appendBytes(m.Key.append(dst), m.PublicKey), m.Algorithm, m.MessageType)
	return appendBytes(appendBytes(dst, m.Message), m.Signature)
}

// Decode sets m from b, strictly: its error is ErrMalformed.
func (m *VerifyRequest) Decode(b []byte) error {
	r := reader{b: b}
	m.Key.decode(&r)
	m.PublicKey = r.bytes(0, MaxPublicKey)
	m.Algorithm, m.MessageType = r.u8(), r.u8()
	m.Message, m.Signature = r.bytes(1, MaxMessage), r.bytes(1, MaxSignature)
	return r.done()
}

// Append appends the message's encoding to dst.
func (m *AgreeRequest) Append(dst []byte) []byte {
	return appendBytes(m.Key.append(dst), m.PeerPublicKey)
}

// Decode sets m from b, strictly: its error is ErrMalformed.
func (m *AgreeRequest) Decode(b []byte) error {
	r := reader{b: b}
	m.Key.decode(&r)
	m.PeerPublicKey = r.bytes(1, MaxPublicKey)
	return r.done()
}

// Append appends the message's encoding to dst.
func (m *EncapsulateRequest) Append(dst []byte) []byte {
	return appendBytes(m.Key.append(dst), m.PublicKey)
}

// Decode sets m from b, strictly: its error is ErrMalformed.
func (m *EncapsulateRequest) Decode(b []byte) error {
	r := reader{b: b}
	m.Key.decode(&r)
	m.PublicKey = r.bytes(1, MaxPublicKey)
	return r.done()
}

// Append appends the message's encoding to dst.
func (m *EncapsulateResponse) Append(dst []byte) []byte {
	return append(appendBytes(dst, m.Secret), m.Ciphertext...)
}

// Decode sets m from b, strictly: its error is ErrMalformed.
func (m *EncapsulateResponse) Decode(b []byte) error {
	r := reader{b: b}
	m.Secret = r.bytes(1, MaxRandom)
	m.Ciphertext = r.rest(1, MaxSignature)
	return r.done()
}

// Append appends the message's encoding to dst.
func (m *DecapsulateRequest) Append(dst []byte) []byte {
	return appendBytes(m.Key.append(dst), m.Ciphertext)
}

// Decode sets m from b, strictly: its error is ErrMalformed.
func (m *DecapsulateRequest) Decode(b []byte) error {
	r := reader{b: b}
	m.Key.decode(&r)
	m.Ciphertext = r.bytes(1, MaxSignature)
	return r.done()
}

// Append appends the message's encoding to dst.
func (m *PublicEncryptRequest) Append(dst []byte) []byte {
	return appendBytes(append(appendBytes(m.Key.append(dst), m.PublicKey), m.Algorithm), m.Plaintext)
}

// Decode sets m from b, strictly: its error is ErrMalformed.
func (m *PublicEncryptRequest) Decode(b []byte) error {
	r := reader{b: b}
	m.Key.decode(&r)
	m.PublicKey = r.bytes(1, MaxPublicKey)
	m.Algorithm = r.u8()
	m.Plaintext = r.bytes(1, MaxPlaintext)
	return r.done()
}

// Append appends the message's encoding to dst.
func (m *PrivateDecryptRequest) Append(dst []byte) []byte {
	return appendBytes(append(m.Key.append(dst), m.Algorithm), m.Ciphertext)
}

// Decode sets m from b, strictly: its error is ErrMalformed.
func (m *PrivateDecryptRequest) Decode(b []byte) error {
	r := reader{b: b}
	m.Key.decode(&r)
	m.Algorithm = r.u8()
	m.Ciphertext = r.bytes(1, MaxSignature)
	return r.done()
}

func (s *Side) append(dst []byte) []byte {
	dst = append(append(s.Key.append(dst), s.Algorithm), s.ContextHash[:]...)
	return appendBytes(dst, s.PublicKey)
}

func (s *Side) decode(r *reader) {
	s.Key.decode(r)
	s.Algorithm = r.u8()
	r.array(s.ContextHash[:])
	s.PublicKey = r.bytes(0, MaxPublicKey)
}

// Append appends the message's encoding to dst.
func (m *ReEncryptAnyRequest) Append(dst []byte) []byte {
	return appendBytes(m.Destination.append(m.Source.append(dst)), m.Blob)
}

// Decode sets m from b, strictly: its error is ErrMalformed.
func (m *ReEncryptAnyRequest) Decode(b []byte) error {
	r := reader{b: b}
	m.Source.decode(&r)
	m.Destination.decode(&r)
	m.Blob = r.bytes(1, MaxBlob)
	return r.done()
}

// Append appends the message's encoding to dst.
func (m *DataKeyPairRequest) Append(dst []byte) []byte {
	dst = append(m.Key.append(dst), m.ContextHash[:]...)
	return appendBool(binary.BigEndian.AppendUint16(dst, m.Spec), m.Plaintext)
}

// Decode sets m from b, strictly: its error is ErrMalformed.
func (m *DataKeyPairRequest) Decode(b []byte) error {
	r := reader{b: b}
	m.Key.decode(&r)
	r.array(m.ContextHash[:])
	m.Spec, m.Plaintext = r.u16(), r.bool()
	return r.done()
}

// Append appends the message's encoding to dst.
func (m *DataKeyPairResponse) Append(dst []byte) []byte {
	return append(appendBytes(appendBytes(dst, m.PrivateKey), m.PublicKey), m.Blob...)
}

// Decode sets m from b, strictly: its error is ErrMalformed.
func (m *DataKeyPairResponse) Decode(b []byte) error {
	r := reader{b: b}
	m.PrivateKey, m.PublicKey = r.bytes(0, MaxPrivateKey), r.bytes(1, MaxPublicKey)
	m.Blob = r.rest(1, MaxBlob)
	return r.done()
}
