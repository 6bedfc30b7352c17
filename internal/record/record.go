// Package record owns the service's stored records: the store keys, the
// records' CBOR, and the envelope with the record MAC (docs/formats.md, "Store
// keys" and "Records"). It must never see key material or a secret: a token
// is bytes that it carries. It reads and writes no store: it maps records to
// key-value pairs and back. Everyone on the service's side may import it.
package record

// Type says what an envelope holds.
type Type uint8

// The record types. Numbers are final.
const (
	TypeKey        Type = 1
	TypePolicy     Type = 2
	TypeMaterial   Type = 3
	TypeAlias      Type = 4
	TypeAccount    Type = 5
	TypeAccessKey  Type = 6
	TypeServiceKey Type = 7
	TypeTags       Type = 8
	TypeGrant      Type = 9
	TypeStore      Type = 10
	TypeIndex      Type = 11
	TypeOutbox     Type = 12
	TypeUser       Type = 13
	TypeGroup      Type = 14
	TypeRole       Type = 15
	TypeManaged    Type = 16
	TypeLastUsed   Type = 17
	TypeAuditKey   Type = 18
	TypeKeyUse     Type = 20
)

// Key is the key record. Members of later operations stand here, empty.
type Key struct {
	CreatedMs        int64          `cbor:"1,keyasint"`
	Spec             string         `cbor:"2,keyasint"`
	Usage            string         `cbor:"3,keyasint"`
	Origin           string         `cbor:"4,keyasint"`
	State            string         `cbor:"5,keyasint"`
	Description      string         `cbor:"6,keyasint,omitempty"`
	MultiRegion      bool           `cbor:"7,keyasint,omitempty"`
	Materials        []KeyMaterial  `cbor:"8,keyasint"` // oldest first
	CurrentMaterial  []byte         `cbor:"9,keyasint,omitempty"`
	DeletionMs       int64          `cbor:"10,keyasint,omitempty"`
	PrimaryRegion    string         `cbor:"11,keyasint,omitempty"`
	ReplicaRegions   []string       `cbor:"12,keyasint,omitempty"`
	CustomKeyStoreID string         `cbor:"13,keyasint,omitempty"`
	XksKeyID         string         `cbor:"14,keyasint,omitempty"`
	Rotation         *KeyRotation   `cbor:"15,keyasint,omitempty"`
	Expiration       *KeyExpiration `cbor:"16,keyasint,omitempty"`
	StateBefore      string         `cbor:"17,keyasint,omitempty"` // to return to, after Updating or Unavailable
	PublicKey        []byte         `cbor:"18,keyasint,omitempty"` // SPKI, DER
	PendingDays      int            `cbor:"19,keyasint,omitempty"` // waiting period that begins when the last replica is gone
	Brownout         *Brownout      `cbor:"20,keyasint,omitempty"`
}

// StateDeleting is the State of a key whose deletion has begun. It is none of
// AWS's: there is no way back from it, and the key is found nowhere any more.
const StateDeleting = "Deleting"

// KeyMaterial is a key's list entry of a material; the token has a record of its own.
type KeyMaterial struct {
	ID          []byte `cbor:"1,keyasint"` // 32 bytes
	CreatedMs   int64  `cbor:"2,keyasint,omitempty"`
	State       string `cbor:"3,keyasint,omitempty"` // AWS: KeyMaterialState, of one that was never current yet; the others' follows
	ImportState string `cbor:"4,keyasint,omitempty"` // of imported material, AWS: ImportState
	Description string `cbor:"5,keyasint,omitempty"`
	ValidToMs   int64  `cbor:"6,keyasint,omitempty"`
	RotatedMs   int64  `cbor:"7,keyasint,omitempty"`
	RotatedBy   string `cbor:"8,keyasint,omitempty"` // AWS: RotationType
}

// PendingImport is the ImportState of a material without a token: it was deleted
// or has expired.
const PendingImport = "PENDING_IMPORT"

// Imported says whether every material is there that has ever been current.
func (k *Key) Imported() bool {
	for i := range k.Materials {
		if m := &k.Materials[i]; m.State == "" && m.ImportState == PendingImport {
			return false
		}
	}
	return len(k.Materials) > 0
}

// Brownout has a share of a key's uses refused for a while.
type Brownout struct {
	Percent int   `cbor:"1,keyasint"` // 1 to 100
	SinceMs int64 `cbor:"2,keyasint"`
	UntilMs int64 `cbor:"3,keyasint"`
}

// KeyRotation and KeyExpiration are of keys that have them.
type (
	KeyRotation struct {
		Enabled    bool  `cbor:"1,keyasint"`
		PeriodDays int   `cbor:"2,keyasint"`
		NextMs     int64 `cbor:"3,keyasint"`
		OnDemand   int   `cbor:"4,keyasint"` // on-demand rotations so far
	}
	KeyExpiration struct {
		Model   string `cbor:"1,keyasint"`
		ValidMs int64  `cbor:"2,keyasint"`
	}
)

// Policy is the key policy record.
type Policy struct {
	Document string `cbor:"1,keyasint"`
	// Bound are the unique ids of the users and roles that the document names by
	// ARN, as of the time when it was stored.
	Bound map[string]string `cbor:"2,keyasint,omitempty"`
}

// Material is the record of one exported key token.
type Material struct {
	Token      []byte `cbor:"1,keyasint"`
	Generation uint32 `cbor:"2,keyasint"`
}

// Alias is the alias record.
type Alias struct {
	KeyID     string `cbor:"1,keyasint"`
	CreatedMs int64  `cbor:"2,keyasint"`
	UpdatedMs int64  `cbor:"3,keyasint"`
}

// Tags is the record of a key's tags. A key without tags has none.
type Tags struct {
	Tags map[string]string `cbor:"1,keyasint"`
}

// Account is the record of an account.
type Account struct {
	Name      string `cbor:"1,keyasint,omitempty"`
	CreatedMs int64  `cbor:"2,keyasint"`
	Disabled  bool   `cbor:"3,keyasint,omitempty"`
	Dev       bool   `cbor:"4,keyasint,omitempty"` // made by trent dev's well-known credentials
	// RootKeys are the ids of the root's access keys, oldest first, those of trent
	// dev's well-known credentials excepted.
	RootKeys []string `cbor:"5,keyasint,omitempty"`
}

// AccessKey is the record of an access key; Token seals its secret.
type AccessKey struct {
	Account      string   `cbor:"1,keyasint"`
	PrincipalARN string   `cbor:"2,keyasint"`
	PrincipalID  string   `cbor:"3,keyasint"`
	Type         string   `cbor:"4,keyasint"` // Root, IAMUser, AssumedRole
	UserName     string   `cbor:"5,keyasint,omitempty"`
	Status       string   `cbor:"6,keyasint"` // Active, Inactive
	CreatedMs    int64    `cbor:"7,keyasint"`
	Token        []byte   `cbor:"8,keyasint"`
	Generation   uint32   `cbor:"9,keyasint"`
	ExpiresMs    int64    `cbor:"10,keyasint,omitempty"`
	Session      []byte   `cbor:"11,keyasint,omitempty"` // SHA-256 of the session token, for temporary credentials
	Temporary    *Session `cbor:"12,keyasint,omitempty"`
}

// ServiceKey is the record of a service key's token.
type ServiceKey struct {
	Token      []byte `cbor:"1,keyasint"`
	Generation uint32 `cbor:"2,keyasint"`
}

// AuditKey is the record of a key that signs digests of the audit trail.
type AuditKey struct {
	Token      []byte `cbor:"1,keyasint"`
	Generation uint32 `cbor:"2,keyasint"`
	Spec       string `cbor:"3,keyasint"`
	PublicKey  []byte `cbor:"4,keyasint"` // SPKI, DER
	CreatedMs  int64  `cbor:"5,keyasint"`
}

// Index is the value of <region>/x/<material id>.
type Index struct {
	Account string `cbor:"1,keyasint"`
	KeyID   string `cbor:"2,keyasint"`
}

// Store is the record of the store itself.
type Store struct {
	ID        []byte `cbor:"1,keyasint"` // 16 random bytes
	Format    int    `cbor:"2,keyasint"` // 1
	Dev       bool   `cbor:"3,keyasint"`
	CreatedMs int64  `cbor:"4,keyasint"`
	Node      []byte `cbor:"5,keyasint"` // 16 random bytes: this node's id in the audit trail
	// AheadSeconds is how far the time of trent dev was moved ahead of the system's.
	AheadSeconds int64 `cbor:"6,keyasint,omitempty"`
	// Partition of every ARN, from the store's beginning on. Stores of release
	// 0.1 have none, and mean aws.
	Partition string `cbor:"7,keyasint,omitempty"`
	// Epoch is the last that has begun in the node's audit trail.
	Epoch uint64 `cbor:"8,keyasint,omitempty"`
	// UsageSinceMs is since when last uses of KMS keys are kept.
	UsageSinceMs int64 `cbor:"9,keyasint,omitempty"`
}

// KeyUse is the record of a key's last use, and of the uses that it refused. It
// decides nothing that a key's own record does not.
type KeyUse struct {
	TimeMs    int64  `cbor:"1,keyasint,omitempty"` // of the last use; 0: there was none
	Operation string `cbor:"2,keyasint,omitempty"`
	EventID   string `cbor:"3,keyasint,omitempty"` // of its audit record
	RequestID string `cbor:"4,keyasint,omitempty"`
	// Refused are the uses refused since a deletion was scheduled or a brown-out
	// began.
	Refused *RefusedUses `cbor:"5,keyasint,omitempty"`
}

// RefusedUses are counted from one scheduling, or one brown-out, to the next.
type RefusedUses struct {
	Period    int64  `cbor:"1,keyasint"` // what they are counted for: deletion date, or brown-out's beginning, in milliseconds
	Count     uint64 `cbor:"2,keyasint"`
	TimeMs    int64  `cbor:"3,keyasint"` // of the last
	Operation string `cbor:"4,keyasint"`
	By        string `cbor:"5,keyasint"` // principal, ARN
}

// Outbox is an event that its transaction has committed: the audit record, JSON.
type Outbox struct {
	Event []byte `cbor:"1,keyasint"`
}
