// Package proto owns what crosses the socket between trent and trent-hsm: the
// commands, their messages, and the frames' bytes (docs/formats.md, "Frames").
// Hot-path frames are encoded by hand. It must never interpret a token, a blob
// or a key. internal/hsm/client and internal/hsm/server may import it, and
// internal/hsm/engine for the message types; it imports internal/secret only.
package proto

import "fmt"

// Command is the one byte that names what the module shall do.
type Command uint8

// The commands. Numbers are final; a new command takes the next free one of
// its group.
const (
	CmdHello  Command = 0x01 // version and limits; first on every connection
	CmdStatus Command = 0x02 // also answered when mute
	// CmdMoveClock: how far a development module's time stands ahead of its
	// clock. Others refuse it.
	CmdMoveClock Command = 0x03

	CmdCreateDomain Command = 0x10 // jobs: a new domain, as a domain token; nothing is loaded
	CmdLoadDomain   Command = 0x11 // jobs: load a domain token
	CmdRotateDomain Command = 0x12 // jobs: a domain token with one more generation; state unchanged until it is loaded
	CmdRewrap       Command = 0x13 // jobs: any token kind, to the active generation
	// CmdAddReplicationKey: a domain token with a replication key; state unchanged until it is loaded.
	CmdAddReplicationKey Command = 0x14

	CmdCreateServiceKey  Command = 0x18 // jobs: a new service key, as a token
	CmdReleaseServiceKey Command = 0x19 // jobs: the service key's bytes

	CmdCreateAuditKey Command = 0x1a // jobs: a new key that signs digests of the audit trail
	CmdSignDigest     Command = 0x1b // jobs: a signature by such a key, which signs nothing else

	CmdSealAccessKeySecret   Command = 0x20 // identity: wraps a given secret access key
	CmdCreateAccessKeySecret Command = 0x21 // identity: makes a secret access key, returns and wraps it
	CmdDeriveDayKey          Command = 0x22 // identity: SigV4 signing key of a date, Region and service

	CmdCreateKey       Command = 0x30 // a new backing key
	CmdEncrypt         Command = 0x31
	CmdDecrypt         Command = 0x32
	CmdCheckCiphertext Command = 0x33 // Decrypt that returns nothing but its success
	CmdReEncrypt       Command = 0x34
	CmdGenerateDataKey Command = 0x35
	// CmdGenerateDataKeyWithoutPlaintext never returns the data key.
	CmdGenerateDataKeyWithoutPlaintext Command = 0x36
	CmdGenerateRandom                  Command = 0x37

	CmdSign                   Command = 0x38
	CmdVerify                 Command = 0x39
	CmdGenerateMac            Command = 0x3a
	CmdVerifyMac              Command = 0x3b
	CmdDeriveSharedSecret     Command = 0x3c
	CmdEncapsulate            Command = 0x3d
	CmdDecapsulate            Command = 0x3e
	CmdPublicEncrypt          Command = 0x3f // with an asymmetric key
	CmdPrivateDecrypt         Command = 0x40
	CmdCheckPrivateCiphertext Command = 0x41 // its success only
	CmdReEncryptAny           Command = 0x42 // one key, or both, asymmetric
	CmdGenerateDataKeyPair    Command = 0x43

	CmdReplicationKey Command = 0x44 // jobs: the public part of a domain's replication key
	CmdOfferReplica   Command = 0x45 // jobs: a domain asks another for a multi-Region key
	CmdSendReplica    Command = 0x46 // jobs: the other answers with the key, sealed to the first
	CmdReceiveReplica Command = 0x47 // jobs: the first wraps it under its own domain key
)

// Commands of imported key material.
const (
	CmdImportParameters Command = 0x48 // a wrapping key pair: its public key, and the private one as an import token
	CmdImportKey        Command = 0x49 // a backing key of material that was wrapped with it
)

// Status is the module's answer code. It is an error except for StatusOK.
// Reasons are coarse on purpose: every way in which a decryption can fail is
// StatusInvalidCiphertext.
type Status uint8

// The statuses. Numbers are final.
const (
	StatusOK                Status = 0
	StatusMalformed         Status = 1 // the frame or message does not parse, or a length is out of range
	StatusUnknownCommand    Status = 2
	StatusMute              Status = 3 // the module has failed and answers status only
	StatusBusy              Status = 4 // the lane is full
	StatusInvalidToken      Status = 5 // the token does not parse or does not authenticate
	StatusTokenRefused      Status = 6 // a genuine token that does not fit the command: kind, bind, usage, domain, validity
	StatusInvalidCiphertext Status = 7
	StatusUnknownDomain     Status = 8  // no such domain or generation is loaded
	StatusDomainRefused     Status = 9  // a domain token that does not authenticate, or is older than what is loaded
	StatusDateRefused       Status = 10 // a day key outside the module's date ± 1 day, or of a service or Region that is not served
	StatusInternal          Status = 11
	StatusClockRefused      Status = 12 // the module is not one for development, or its time would go back
	StatusInvalidSignature  Status = 13 // a signature or MAC is not the key's for that message
	StatusInvalidPublicKey  Status = 14 // a peer's public key is not one of the key's spec
	StatusUnsupported       Status = 15 // the algorithm, or this form of it, is not available in this module
	StatusInputRefused      Status = 16 // a message, digest or plaintext of a length that the algorithm does not take
	StatusReplicaRefused    Status = 17 // a replication message that does not authenticate, of a domain that is not believed, or not the one asked for
	StatusTokenExpired      Status = 18 // a genuine import token whose time is over
)

var statusNames = [...]string{"ok", "malformed", "unknown command", "mute", "busy", "invalid token", "token refused",
	"invalid ciphertext", "unknown domain", "domain refused", "date refused", "internal", "clock refused",
	"invalid signature", "invalid public key", "unsupported", "input refused", "replica refused", "token expired"}

func (s Status) Error() string {
	if int(s) < len(statusNames) {
		return "crypto module: " + statusNames[s]
	}
	return fmt.Sprintf("crypto module: status %d", uint8(s))
}

// Bind is what a token belongs to. The Region is the domain's name ("global"
// for identity); ID is the key id as in its ARN, the access key id, or the
// service key's name.
type Bind struct {
	Region, Account, ID string
}

// Origin is where a KMS key's material comes from, as the key's record has it: the
// module refuses a token of another origin than the command names.
type Origin uint8

// The origins, numbered as in tokens. Numbers are final.
const (
	OriginNone      Origin = 0 // of what is no KMS key's; CmdRewrap does not ask
	OriginGenerated Origin = 1
	OriginImported  Origin = 2
)

// Limits that both sides enforce.
const (
	MaxFrame     = 64 << 10 // bytes after the length field
	MaxPlaintext = 4096
	MaxRandom    = 1024
	MaxRegion    = 32
	MaxID        = 128
	MaxToken     = 4096 // exported key token
	MaxWrapped   = 6144 // key material that was wrapped for import
)

// Domain and service-key names, and version of the protocol.
const (
	Version      = 2 // 2: a key names its origin
	GlobalRegion = "global"
)

// Info is the answer to CmdHello and CmdStatus.
type Info struct {
	Version     uint16
	Mute        bool
	FIPS        bool
	FIPSOnly    bool   // whatever FIPS 140-3 does not approve is refused
	Dev         bool   // holds domains marked as development
	FIPSVersion string // of Go's cryptographic module
	Build       string
	Domains     []DomainInfo
	// Counters since start, for the frames-per-syscall figure.
	FramesRead, Reads, FramesWritten, Writes uint64
}

// DomainInfo describes a loaded domain.
type DomainInfo struct {
	Region      string
	ID          [16]byte
	Epoch       uint64
	Active      uint32 // generation that wraps
	Generations uint32
}

// The messages of the hot commands. Slices of a decoded message point into
// the frame; whoever keeps one copies it.
type (
	// KeyRef names a backing key: its token, what the token must belong to, and
	// where the key material must come from.
	KeyRef struct {
		Bind   Bind
		Origin Origin
		Token  []byte
	}
	// EncryptRequest: AAD is bound through ContextHash, the SHA-256 of the
	// canonical encryption context.
	EncryptRequest struct {
		Key         KeyRef
		ContextHash [32]byte
		Plaintext   []byte
	}
	// DecryptRequest is also CmdCheckCiphertext's.
	DecryptRequest struct {
		Key         KeyRef
		ContextHash [32]byte
		Blob        []byte
	}
	// ReEncryptRequest decrypts under Source and encrypts under Destination.
	ReEncryptRequest struct {
		Source, Destination         KeyRef
		SourceHash, DestinationHash [32]byte
		Blob                        []byte
	}
	// GenerateDataKeyRequest is also CmdGenerateDataKeyWithoutPlaintext's.
	GenerateDataKeyRequest struct {
		Key         KeyRef
		ContextHash [32]byte
		Bytes       uint32 // 1..1024
	}
	// CreateKeyRequest: Spec and Usage are the numbers of docs/formats.md.
	CreateKeyRequest struct {
		Bind  Bind
		Spec  uint16
		Usage uint8
		Flags uint16
	}
	// CreateKeyResponse carries a new token and its material id. PublicKey is
	// SPKI, empty unless the key is asymmetric.
	CreateKeyResponse struct {
		Token      []byte
		MaterialID [32]byte
		Generation uint32
		PublicKey  []byte
	}
	// RewrapRequest: Kind is the token kind that the registry says is stored there.
	RewrapRequest struct {
		Kind uint8
		Key  KeyRef
	}
	// TokenResponse carries a token and the generation that wraps it.
	TokenResponse struct {
		Token      []byte
		Generation uint32
	}
	// DayKeyRequest: Date is YYYYMMDD.
	DayKeyRequest struct {
		Key                   KeyRef
		Date, Region, Service string
	}
)
