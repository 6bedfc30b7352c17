package proto

import "encoding/binary"

// Further limits that both decoders enforce.
const (
	MaxAccount     = 12
	MaxSecret      = 128  // secret access key, service key
	MaxBlob        = 6144 // AWS's limit for a CiphertextBlob; ours are shorter
	MaxDomainToken = 60 << 10
	MaxService     = 32 // SigV4 service name
	DayKeySize     = 32 // the answer to CmdDeriveDayKey
	ServiceKeySize = 32 // the answer to CmdReleaseServiceKey
	dateLength     = 8
	maxVersionText = 128
	maxDomains     = 512
)

// FlagMultiRegion is bit 0 of a key's flags.
const FlagMultiRegion uint16 = 1

// The messages of the rare commands.
type (
	// HelloRequest is the first message on every connection.
	HelloRequest struct{ Version uint16 }
	// MoveClockRequest: the module's time is from now on its clock's and so
	// many seconds more.
	MoveClockRequest struct{ AheadSeconds uint32 }
	// CreateDomainRequest: a development domain is marked so for ever.
	CreateDomainRequest struct {
		Region string
		Dev    bool
	}
	// LoadDomainRequest carries a domain token, as does the answer to
	// CmdCreateDomain and CmdRotateDomain.
	LoadDomainRequest struct{ Token []byte }
	// RotateDomainRequest names a loaded domain.
	RotateDomainRequest struct{ Region string }
	// CreateServiceKeyRequest names the new service key.
	CreateServiceKeyRequest struct{ Region, Name string }
	// CreateAuditKeyRequest names the new signing key and its spec, a number of
	// docs/formats.md; it belongs to the Region "global". The answer is an
	// AuditKeyResponse.
	CreateAuditKeyRequest struct {
		Name string
		Spec uint16
	}
	// AuditKeyResponse carries a signing key's token and its public key, SPKI.
	AuditKeyResponse struct {
		Token      []byte
		Generation uint32
		PublicKey  []byte
	}
	// SealSecretRequest wraps a secret access key that was made elsewhere.
	SealSecretRequest struct {
		Account, AccessKeyID string
		Secret               []byte
	}
	// CreateSecretRequest asks for a new secret access key.
	CreateSecretRequest struct{ Account, AccessKeyID string }
	// CreateSecretResponse carries the secret access key itself, once.
	CreateSecretResponse struct {
		Secret, Token []byte
		Generation    uint32
	}
	// GenerateDataKeyResponse carries the data key and its ciphertext blob.
	GenerateDataKeyResponse struct{ DataKey, Blob []byte }
	// GenerateRandomRequest: Bytes is 1..1024.
	GenerateRandomRequest struct{ Bytes uint32 }
)

// Append appends the message's encoding to dst.
func (m *HelloRequest) Append(dst []byte) []byte {
	return binary.BigEndian.AppendUint16(dst, m.Version)
}

// Decode sets m from b, strictly: its error is ErrMalformed.
func (m *HelloRequest) Decode(b []byte) error {
	r := reader{b: b}
	m.Version = r.u16()
	return r.done()
}

// Append appends the message's encoding to dst.
func (m *MoveClockRequest) Append(dst []byte) []byte {
	return binary.BigEndian.AppendUint32(dst, m.AheadSeconds)
}

// Decode sets m from b, strictly: its error is ErrMalformed.
func (m *MoveClockRequest) Decode(b []byte) error {
	r := reader{b: b}
	m.AheadSeconds = r.u32()
	return r.done()
}

// Append appends the message's encoding to dst.
func (m *CreateDomainRequest) Append(dst []byte) []byte {
	return appendBool(appendString(dst, m.Region), m.Dev)
}

// Decode sets m from b, strictly: its error is ErrMalformed.
func (m *CreateDomainRequest) Decode(b []byte) error {
	r := reader{b: b}
	m.Region, m.Dev = r.str(1, MaxRegion), r.bool()
	return r.done()
}

// Append appends the message's encoding to dst.
func (m *LoadDomainRequest) Append(dst []byte) []byte { return appendBytes(dst, m.Token) }

// Decode sets m from b, strictly: its error is ErrMalformed.
func (m *LoadDomainRequest) Decode(b []byte) error {
	r := reader{b: b}
	m.Token = r.bytes(1, MaxDomainToken)
	return r.done()
}

// Append appends the message's encoding to dst.
func (m *RotateDomainRequest) Append(dst []byte) []byte { return appendString(dst, m.Region) }

// Decode sets m from b, strictly: its error is ErrMalformed.
func (m *RotateDomainRequest) Decode(b []byte) error {
	r := reader{b: b}
	m.Region = r.str(1, MaxRegion)
	return r.done()
}

// Append appends the message's encoding to dst.
func (m *RewrapRequest) Append(dst []byte) []byte { return m.Key.append(append(dst, m.Kind)) }

// Decode sets m from b, strictly: its error is ErrMalformed.
func (m *RewrapRequest) Decode(b []byte) error {
	r := reader{b: b}
	m.Kind = r.u8()
	m.Key.decode(&r)
	return r.done()
}

// Append appends the message's encoding to dst.
func (m *CreateServiceKeyRequest) Append(dst []byte) []byte {
	return appendString(appendString(dst, m.Region), m.Name)
}

// Decode sets m from b, strictly: its error is ErrMalformed.
func (m *CreateServiceKeyRequest) Decode(b []byte) error {
	r := reader{b: b}
	m.Region, m.Name = r.str(1, MaxRegion), r.str(1, MaxID)
	return r.done()
}

// Append appends the message's encoding to dst.
func (m *CreateAuditKeyRequest) Append(dst []byte) []byte {
	return binary.BigEndian.AppendUint16(appendString(dst, m.Name), m.Spec)
}

// Decode sets m from b, strictly: its error is ErrMalformed.
func (m *CreateAuditKeyRequest) Decode(b []byte) error {
	r := reader{b: b}
	m.Name, m.Spec = r.str(1, MaxID), r.u16()
	return r.done()
}

// Append appends the message's encoding to dst.
func (m *AuditKeyResponse) Append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint32(appendBytes(dst, m.Token), m.Generation)
	return appendBytes(dst, m.PublicKey)
}

// Decode sets m from b, strictly: its error is ErrMalformed.
func (m *AuditKeyResponse) Decode(b []byte) error {
	r := reader{b: b}
	m.Token, m.Generation = r.bytes(1, MaxToken), r.u32()
	m.PublicKey = r.bytes(1, MaxPublicKey)
	return r.done()
}

// Append appends the message's encoding to dst.
func (m *SealSecretRequest) Append(dst []byte) []byte {
	return appendBytes(appendString(appendString(dst, m.Account), m.AccessKeyID), m.Secret)
}

// Decode sets m from b, strictly: its error is ErrMalformed.
func (m *SealSecretRequest) Decode(b []byte) error {
	r := reader{b: b}
	m.Account, m.AccessKeyID = r.str(1, MaxAccount), r.str(1, MaxID)
	m.Secret = r.bytes(1, MaxSecret)
	return r.done()
}

// Append appends the message's encoding to dst.
func (m *CreateSecretRequest) Append(dst []byte) []byte {
	return appendString(appendString(dst, m.Account), m.AccessKeyID)
}

// Decode sets m from b, strictly: its error is ErrMalformed.
func (m *CreateSecretRequest) Decode(b []byte) error {
	r := reader{b: b}
	m.Account, m.AccessKeyID = r.str(1, MaxAccount), r.str(1, MaxID)
	return r.done()
}

// Append appends the message's encoding to dst.
func (m *CreateSecretResponse) Append(dst []byte) []byte {
	dst = appendBytes(appendBytes(dst, m.Secret), m.Token)
	return binary.BigEndian.AppendUint32(dst, m.Generation)
}

// Decode sets m from b, strictly: its error is ErrMalformed.
func (m *CreateSecretResponse) Decode(b []byte) error {
	r := reader{b: b}
	m.Secret, m.Token = r.bytes(1, MaxSecret), r.bytes(1, MaxToken)
	m.Generation = r.u32()
	return r.done()
}

// Append appends the message's encoding to dst.
func (m *TokenResponse) Append(dst []byte) []byte {
	return binary.BigEndian.AppendUint32(appendBytes(dst, m.Token), m.Generation)
}

// Decode sets m from b, strictly: its error is ErrMalformed.
func (m *TokenResponse) Decode(b []byte) error {
	r := reader{b: b}
	m.Token = r.bytes(1, MaxToken)
	m.Generation = r.u32()
	return r.done()
}

// Append appends the message's encoding to dst.
func (m *GenerateRandomRequest) Append(dst []byte) []byte {
	return binary.BigEndian.AppendUint32(dst, m.Bytes)
}

// Decode sets m from b, strictly: its error is ErrMalformed.
func (m *GenerateRandomRequest) Decode(b []byte) error {
	r := reader{b: b}
	m.Bytes = r.u32()
	r.require(m.Bytes >= 1 && m.Bytes <= MaxRandom)
	return r.done()
}

const (
	flagMute = 1 << iota
	flagFIPS
	flagDev
	flagFIPSOnly
)

// Append appends the message's encoding to dst.
func (m *Info) Append(dst []byte) []byte {
	dst = binary.BigEndian.AppendUint16(dst, m.Version)
	var flags uint8
	for i, set := range [...]bool{m.Mute, m.FIPS, m.Dev, m.FIPSOnly} {
		if set {
			flags |= 1 << i
		}
	}
	dst = append(dst, flags)
	dst = appendString(appendString(dst, m.FIPSVersion), m.Build)
	for _, n := range [...]uint64{m.FramesRead, m.Reads, m.FramesWritten, m.Writes} {
		dst = binary.BigEndian.AppendUint64(dst, n)
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(m.Domains)))
	for i := range m.Domains {
		d := &m.Domains[i]
		dst = append(appendString(dst, d.Region), d.ID[:]...)
		dst = binary.BigEndian.AppendUint64(dst, d.Epoch)
		dst = binary.BigEndian.AppendUint32(dst, d.Active)
		dst = binary.BigEndian.AppendUint32(dst, d.Generations)
	}
	return dst
}

// Decode sets m from b, strictly: its error is ErrMalformed. Unlike the hot
// messages it allocates its domains; their strings point into b.
func (m *Info) Decode(b []byte) error {
	r := reader{b: b}
	m.Version = r.u16()
	flags := r.u8()
	r.require(flags <= flagMute|flagFIPS|flagDev|flagFIPSOnly)
	m.Mute, m.FIPS, m.Dev = flags&flagMute != 0, flags&flagFIPS != 0, flags&flagDev != 0
	m.FIPSOnly = flags&flagFIPSOnly != 0
	m.FIPSVersion, m.Build = r.str(0, maxVersionText), r.str(0, maxVersionText)
	m.FramesRead, m.Reads, m.FramesWritten, m.Writes = r.u64(), r.u64(), r.u64(), r.u64()
	n := int(r.u16())
	r.require(n <= maxDomains)
	m.Domains = nil
	for i := 0; i < n && !r.bad; i++ {
		d := DomainInfo{Region: r.str(1, MaxRegion)}
		r.array(d.ID[:])
		d.Epoch, d.Active, d.Generations = r.u64(), r.u32(), r.u32()
		m.Domains = append(m.Domains, d)
	}
	return r.done()
}
