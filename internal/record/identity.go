package record

// User is the record of an IAM user, with all that belongs to it: every list is
// bounded by a quota.
type User struct {
	ID         string            `cbor:"1,keyasint"` // AIDA…
	Name       string            `cbor:"2,keyasint"` // as given; the store key has it in lower case
	Path       string            `cbor:"3,keyasint"`
	CreatedMs  int64             `cbor:"4,keyasint"`
	Inline     map[string]string `cbor:"5,keyasint,omitempty"` // policy name → document
	Attached   []string          `cbor:"6,keyasint,omitempty"` // ARNs of managed policies, in the order of their attaching
	Boundary   string            `cbor:"7,keyasint,omitempty"` // ARN of a managed policy
	Tags       map[string]string `cbor:"8,keyasint,omitempty"`
	Groups     []string          `cbor:"9,keyasint,omitempty"`  // names in lower case, in the order of joining
	AccessKeys []string          `cbor:"10,keyasint,omitempty"` // ids, oldest first
}

// Group is the record of an IAM group. Who is in it stands in its users'
// records, and in an index.
type Group struct {
	ID        string            `cbor:"1,keyasint"` // AGPA…
	Name      string            `cbor:"2,keyasint"`
	Path      string            `cbor:"3,keyasint"`
	CreatedMs int64             `cbor:"4,keyasint"`
	Inline    map[string]string `cbor:"5,keyasint,omitempty"`
	Attached  []string          `cbor:"6,keyasint,omitempty"`
}

// Role is the record of an IAM role.
type Role struct {
	ID                string            `cbor:"1,keyasint"` // AROA…
	Name              string            `cbor:"2,keyasint"`
	Path              string            `cbor:"3,keyasint"`
	CreatedMs         int64             `cbor:"4,keyasint"`
	Inline            map[string]string `cbor:"5,keyasint,omitempty"`
	Attached          []string          `cbor:"6,keyasint,omitempty"`
	Boundary          string            `cbor:"7,keyasint,omitempty"`
	Tags              map[string]string `cbor:"8,keyasint,omitempty"`
	Description       string            `cbor:"9,keyasint,omitempty"`
	MaxSessionSeconds int               `cbor:"10,keyasint"`
	Trust             Policy            `cbor:"11,keyasint"` // who may assume it
}

// Managed is the record of a managed policy of a customer's.
type Managed struct {
	ID          string            `cbor:"1,keyasint"` // ANPA…
	Name        string            `cbor:"2,keyasint"`
	Path        string            `cbor:"3,keyasint"`
	CreatedMs   int64             `cbor:"4,keyasint"`
	UpdatedMs   int64             `cbor:"5,keyasint"`
	Description string            `cbor:"6,keyasint,omitempty"`
	Default     int               `cbor:"7,keyasint"` // number of the version in force
	Latest      int               `cbor:"8,keyasint"` // number of the last version that was made
	Versions    []ManagedVersion  `cbor:"9,keyasint"` // oldest first
	Tags        map[string]string `cbor:"10,keyasint,omitempty"`
}

// ManagedVersion is a version of a managed policy: v1, v2, ….
type ManagedVersion struct {
	Number    int    `cbor:"1,keyasint"`
	Document  string `cbor:"2,keyasint"`
	CreatedMs int64  `cbor:"3,keyasint"`
}

// Session is what temporary credentials carry beside their access key.
type Session struct {
	Name           string            `cbor:"1,keyasint,omitempty"` // RoleSessionName
	RoleARN        string            `cbor:"2,keyasint,omitempty"` // of an assumed role; empty for GetSessionToken
	RoleID         string            `cbor:"3,keyasint,omitempty"`
	IssuedMs       int64             `cbor:"4,keyasint"`
	Policy         string            `cbor:"5,keyasint,omitempty"` // inline session policy, a document
	PolicyARNs     []string          `cbor:"6,keyasint,omitempty"` // managed session policies
	Tags           map[string]string `cbor:"7,keyasint,omitempty"`
	Transitive     []string          `cbor:"8,keyasint,omitempty"` // keys of tags that pass on to the next role of a chain
	SourceIdentity string            `cbor:"9,keyasint,omitempty"`
	Chained        bool              `cbor:"10,keyasint,omitempty"` // the role was assumed with temporary credentials
}

// LastUsed is the record of an access key's last use. It decides nothing, and
// no cache is dropped for it.
type LastUsed struct {
	TimeMs  int64  `cbor:"1,keyasint"`
	Service string `cbor:"2,keyasint"`
	Region  string `cbor:"3,keyasint"`
}

// Grant is the record of a grant.
type Grant struct {
	Name            string            `cbor:"1,keyasint,omitempty"`
	CreatedMs       int64             `cbor:"2,keyasint"`
	Grantee         string            `cbor:"3,keyasint,omitempty"` // ARN or account id, as given
	GranteeID       string            `cbor:"4,keyasint,omitempty"` // unique id of a user or role, as of the making
	GranteeService  string            `cbor:"5,keyasint,omitempty"` // GranteeServicePrincipal
	Retiring        string            `cbor:"6,keyasint,omitempty"`
	RetiringID      string            `cbor:"7,keyasint,omitempty"`
	RetiringService string            `cbor:"8,keyasint,omitempty"`
	IssuingAccount  string            `cbor:"9,keyasint"` // of who made it, 12 digits
	Operations      []string          `cbor:"10,keyasint"`
	Constraint      string            `cbor:"11,keyasint,omitempty"` // EncryptionContextEquals, EncryptionContextSubset
	Context         map[string]string `cbor:"12,keyasint,omitempty"`
	SourceARN       string            `cbor:"13,keyasint,omitempty"`
	ForAWSResource  bool              `cbor:"14,keyasint,omitempty"`
}
