// Package admin owns the operator's interface: HTTP and JSON over a Unix
// socket, with its server, its client and the types that both share. The
// kernel says who is at the other end: only root, the service's own user and
// the users that the configuration lists are let in.
//
// It must never be reachable over a network, never show a secret but the one
// access key that an operator has just made, and never change anything by
// itself: what it is asked for a Node does, with its audit record. cmd/trent and
// internal/node may import it.
//
// Paths begin with the version, /v1/. Answers gain members within a version,
// and lose none.
package admin

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"trent/internal/explain"
	"trent/internal/identity"
	"trent/internal/secret"
)

// Operator is who is at the other end of a connection.
type Operator = identity.Operator

// Node is what a server asks: internal/node implements it. Errors that an
// operator can mend are of type *Error, and all others are the service's own
// failures.
type Node interface {
	// Status describes the service; it answers whatever state the crypto module
	// is in.
	Status(ctx context.Context) (Status, error)

	Accounts(ctx context.Context, q AccountQuery) (AccountPage, error)
	Account(ctx context.Context, id string) (AccountDetail, error)
	CreateAccount(ctx context.Context, by Operator, in CreateAccount) (Account, error)
	// SetAccountDisabled disables or enables an account.
	SetAccountDisabled(ctx context.Context, by Operator, id string, disabled bool) (Account, error)
	NewRootKey(ctx context.Context, by Operator, account string, in CreateRootKey) (NewRootKey, error)
	DeactivateRootKey(ctx context.Context, by Operator, account, accessKeyID string) (AccountDetail, error)

	Keys(ctx context.Context, q KeyQuery) (KeyPage, error)
	// Key finds a KMS key by its id, ARN, alias or alias ARN. An empty Region or
	// account stands for all of them.
	Key(ctx context.Context, q KeyName) (KeyDetail, error)

	// DeleteKey schedules a key's deletion.
	DeleteKey(ctx context.Context, by Operator, in DeleteKey) (Key, error)
	// BrownOutKey begins, changes or ends a key's brown-out.
	BrownOutKey(ctx context.Context, by Operator, in BrownOutKey) (KeyDetail, error)

	// Explain says why a principal may do something, or may not.
	Explain(ctx context.Context, q Question) (explain.Answer, error)
	// Who lists those who can use or administer a key.
	Who(ctx context.Context, q WhoQuery) (explain.Page, error)
	AuditRecords(ctx context.Context, q AuditQuery) (AuditPage, error)
	// Checkpoint returns the newest checkpoint of the audit trail's transparency log.
	Checkpoint(ctx context.Context, q CheckpointQuery) (SignedCheckpoint, error)

	// OpenSegment returns an encrypted segment of the audit trail in the clear.
	OpenSegment(ctx context.Context, by Operator, q SegmentQuery) ([]byte, error)
	// EvidenceKeys yields the keys of an evidence report, with who can use them.
	EvidenceKeys(ctx context.Context, by Operator, q EvidenceQuery, yield func(EvidenceKey) error) error
	// EvidenceMade records that a report was made.
	EvidenceMade(ctx context.Context, by Operator, in EvidenceReport) (Recorded, error)

	// Top looks on for some time, and says what requests did.
	Top(ctx context.Context, by Operator, q TopQuery) (Top, error)

	// Quotas says what accounts used of their request quotas.
	Quotas(ctx context.Context, q QuotaQuery) (Quotas, error)

	// Record writes what an operator has asked for into the audit trail, if that is
	// open yet: until then nothing is answered that would need it.
	Record(ctx context.Context, a Act) error

	Module(ctx context.Context) (Module, error)
	// RestartModule ends the crypto module, starts it again and waits until its
	// domains are loaded.
	RestartModule(ctx context.Context, by Operator) (Module, error)

	// Backup writes a backup; an error after the first byte leaves it incomplete,
	// which its reader sees.
	Backup(ctx context.Context, by Operator, w io.Writer) error
}

// Modes of a data folder.
const (
	ModeDev        = "dev"
	ModeProduction = "production"
)

// Status is GET /v1/status.
type Status struct {
	Version       string     `json:"version"` // of trent
	PID           int        `json:"pid"`
	Mode          string     `json:"mode"`  // dev or production
	State         string     `json:"state"` // the service's for its callers: ready or unavailable
	Started       time.Time  `json:"started"`
	UptimeSeconds int64      `json:"uptimeSeconds"`
	Node          string     `json:"node"` // this node's id in the audit trail, 32 hex digits
	Data          string     `json:"data"` // data folder
	Partition     string     `json:"partition"`
	Module        Module     `json:"module"`
	Audit         Audit      `json:"audit"`
	Regions       []Region   `json:"regions"` // by name, "global" apart
	Identity      Region     `json:"identity"`
	Accounts      Count      `json:"accounts"`
	Listeners     []Listener `json:"listeners"`
	Disks         []Disk     `json:"disks"` // of the store and of the trail
}

// Disk is how much room a file system has.
type Disk struct {
	Name          string `json:"name"` // of what is on it: store or audit
	Path          string `json:"path"`
	Bytes         uint64 `json:"bytes"`
	FreeBytes     uint64 `json:"freeBytes"`
	FullInSeconds int64  `json:"fullInSeconds,omitempty"` // at the present rate; left out if it does not fill up
	Low           bool   `json:"low"`                     // it is time to make room
}

// Module is the crypto module: GET /v1/hsm.
type Module struct {
	State       string `json:"state"`       // ready, sealed, restarting, mute or down
	Source      string `json:"source"`      // child: the service starts it; socket: somebody else does
	PID         int    `json:"pid"`         // of a child, 0 if none runs
	Restarts    int    `json:"restarts"`    // of a child in the last ten minutes, by the service itself
	MaxRestarts int    `json:"maxRestarts"` // of a child in ten minutes
	// SameUser: the service could open the module's key file itself, as its child
	// has the same user. Null if the service does not know.
	SameUser *bool `json:"sameUser"`
	// The following are the module's own words, empty if it does not answer.
	Version     string `json:"version"`
	FIPS        bool   `json:"fips"`
	FIPSOnly    bool   `json:"fipsOnly"`   // what FIPS 140-3 does not approve is refused
	FIPSModule  string `json:"fipsModule"` // version of Go's FIPS 140-3 module
	Development bool   `json:"development"`
	Error       string `json:"error,omitempty"` // why it does not answer
}

// Sources of the crypto module.
const (
	SourceChild  = "child"
	SourceSocket = "socket"
)

// Audit is the state of the audit trail.
type Audit struct {
	Durability string `json:"durability"` // strict, relaxed or nowait
	Epoch      uint64 `json:"epoch"`
	Sequence   uint64 `json:"sequence"`        // of the last record
	Hash       string `json:"hash"`            // of the last record, 64 hex digits
	Outbox     Count  `json:"outbox"`          // events on their way from the store to the trail
	Error      string `json:"error,omitempty"` // why no record can be written: every call fails
	// Digest is the last signed digest; nil before the first.
	Digest *Digest    `json:"digest,omitempty"`
	Keys   []AuditKey `json:"keys"` // that sign digests
	// Checkpoint is the last one of the transparency log; nil before the first.
	Checkpoint      *Checkpoint `json:"checkpoint,omitempty"`
	CheckpointError string      `json:"checkpointError,omitempty"` // why none could be made when one was due
	// EncryptionError is why segments that could be encrypted stay in the clear.
	EncryptionError string `json:"encryptionError,omitempty"`
	// DigestError is why no digest could be made when one was due.
	DigestError string `json:"digestError,omitempty"`
	// Exports of the trail, as they are configured.
	Exports []AuditExport `json:"exports,omitempty"`
}

// AuditExport is how an export of the audit trail stands.
type AuditExport struct {
	Name        string     `json:"name"`
	Kind        string     `json:"kind"`                // folder, syslog, webhook or s3
	Destination string     `json:"destination"`         // never with a secret
	Node        string     `json:"node"`                // whose record was delivered last, 32 hex digits
	Sequence    uint64     `json:"sequence"`            // of that record
	Delivered   *time.Time `json:"delivered,omitempty"` // the last batch of this process
	LagRecords  uint64     `json:"lagRecords"`          // that the trail has and the destination has not
	LagSeconds  int64      `json:"lagSeconds"`          // age of the oldest of these
	Skipped     uint64     `json:"skipped"`             // records that this process found missing
	Error       string     `json:"error,omitempty"`     // why the last try failed
}

// Digest is a signed digest of the audit trail.
type Digest struct {
	Number   uint64    `json:"number"`
	Time     time.Time `json:"time"`
	Sequence uint64    `json:"sequence"` // the last record that it covers
}

// Checkpoint is a signed head of the audit trail's transparency log.
type Checkpoint struct {
	Size uint64    `json:"size"` // records that it covers, from the first on
	Time time.Time `json:"time"` // when it was last known to have all that digests cover
}

// AuditKey is the public half of a key that signs digests.
type AuditKey struct {
	ID        string `json:"id"`
	Algorithm string `json:"algorithm"`
	PublicKey string `json:"publicKey"` // PEM
}

// Region is a Region that the service holds.
type Region struct {
	Name             string `json:"name"`
	DomainID         string `json:"domainId,omitempty"`    // 32 hex digits; empty if the module does not answer
	Epoch            uint64 `json:"epoch,omitempty"`       // of the domain token
	Generation       uint32 `json:"generation,omitempty"`  // active domain key
	Generations      uint32 `json:"generations,omitempty"` // domain keys that it holds
	Keys             Count  `json:"keys"`
	PendingDeletions Count  `json:"pendingDeletions"`
}

// Count is a number of things, which is not counted beyond a bound.
type Count struct {
	N    int  `json:"n"`
	More bool `json:"more"` // there are at least N
}

// Listener is where requests come in.
type Listener struct {
	Name    string `json:"name"`
	Network string `json:"network"` // tcp or unix
	Address string `json:"address"`
	TLS     bool   `json:"tls"`
}

// Account is an account.
type Account struct {
	ID      string    `json:"id"`
	Name    string    `json:"name"`
	Created time.Time `json:"created"`
	State   string    `json:"state"` // enabled or disabled
	Dev     bool      `json:"dev"`   // made by a well-known credential of trent dev
}

// States of accounts, statuses of their root access keys.
const (
	AccountEnabled  = "enabled"
	AccountDisabled = "disabled"
	RootKeyActive   = "Active"
	RootKeyInactive = "Inactive"
)

// AccountDetail is GET /v1/accounts/{id}.
type AccountDetail struct {
	Account
	RootKeys []RootKey `json:"rootKeys"` // oldest first
}

// RootKey is an access key of an account's root.
type RootKey struct {
	AccessKeyID string    `json:"accessKeyId"`
	Created     time.Time `json:"created"`
	Status      string    `json:"status"` // Active or Inactive
}

// AccountQuery asks for accounts in order of their ids, behind After.
type AccountQuery struct {
	After string // empty: from the first
	Limit int    // 1 to MaxPage, 0 for MaxPage
}

// AccountPage is GET /v1/accounts.
type AccountPage struct {
	Accounts []Account `json:"accounts"`
	Next     string    `json:"next,omitempty"` // After of the next page, empty on the last one
}

// CreateAccount is the body of POST /v1/accounts, which answers an Account.
type CreateAccount struct {
	ID   string `json:"id,omitempty"` // 12 digits; empty: a random one
	Name string `json:"name,omitempty"`
}

// CreateRootKey is the body of POST /v1/accounts/{id}/root-keys.
type CreateRootKey struct {
	KeepEarlier bool `json:"keepEarlier,omitempty"` // do not deactivate the ones before
}

// NewRootKey is its answer.
type NewRootKey struct {
	Account         string    `json:"account"`
	AccessKeyID     string    `json:"accessKeyId"`
	SecretAccessKey Secret    `json:"secretAccessKey"` // shown this once
	Created         time.Time `json:"created"`
	Deactivated     []string  `json:"deactivated"` // access key ids
}

// Wipe overwrites the secret.
func (k NewRootKey) Wipe() { k.SecretAccessKey.Wipe() }

// Secret is a secret that is on its way to the operator, whom alone it is made
// for: as JSON it is not hidden.
type Secret struct{ secret.Bytes }

// MarshalJSON writes the secret as a string.
func (s Secret) MarshalJSON() ([]byte, error) { return json.Marshal(string(s.Expose())) }

// UnmarshalJSON reads it.
func (s *Secret) UnmarshalJSON(b []byte) error {
	var text string
	err := json.Unmarshal(b, &text)
	s.Bytes = secret.Copy([]byte(text))
	return err
}

// Bounds of a page.
const (
	MaxPage = 1000
	// MaxScanned is how many keys a page of Keys looks at; one with a filter may
	// so have few or none and all the same a next one.
	MaxScanned = 10_000
)

// KeyQuery asks for keys in order of Region, account and key id, behind After.
// Empty members ask for all.
type KeyQuery struct {
	Region, Account string
	State           string // AWS's KeyState
	After           string // Next of the page before
	Limit           int    // 1 to MaxPage, 0 for MaxPage
}

// KeyPage is GET /v1/keys.
type KeyPage struct {
	Keys []Key  `json:"keys"`
	Next string `json:"next,omitempty"`
}

// Key is a KMS key. States, specs, usages and origins are AWS's.
type Key struct {
	Region       string     `json:"region"`
	Account      string     `json:"account"`
	ID           string     `json:"id"`
	ARN          string     `json:"arn"`
	State        string     `json:"state"`
	Spec         string     `json:"spec"`
	Usage        string     `json:"usage"`
	Origin       string     `json:"origin"`
	MultiRegion  bool       `json:"multiRegion"`
	Description  string     `json:"description"`
	Created      time.Time  `json:"created"`
	DeletionDate *time.Time `json:"deletionDate,omitempty"`
}

// Material is a key's material; never the material itself.
type Material struct {
	ID         string     `json:"id"` // 64 hex digits
	Current    bool       `json:"current"`
	Created    *time.Time `json:"created,omitempty"`
	Generation uint32     `json:"generation"` // of the domain key that wraps it
}

// Question is the body of POST /v1/policy/explain, which answers an
// explain.Answer.
type Question struct {
	// Principal is the ARN of a user, a role, a role's session or a root user, an
	// account id, or user/NAME or role/NAME of the key's account.
	Principal string `json:"principal"`
	Action    string `json:"action"`           // kms:Decrypt
	Key       string `json:"key,omitempty"`    // key id, key ARN, alias name or alias ARN; empty for an action without a key
	Region    string `json:"region,omitempty"` // of the key, or of the request
	Alias     string `json:"alias,omitempty"`  // alias/NAME that the action creates, updates or deletes; empty: Key, if that is one
	Account   string `json:"account,omitempty"`
	// Context is the request's encryption context, Conditions are values of
	// condition keys that it has besides.
	Context    map[string]string   `json:"context,omitempty"`
	Conditions map[string][]string `json:"conditions,omitempty"`
	// Listener that the request comes in by, by its name in the configuration;
	// empty for one that stands for no VPC endpoint.
	Listener string `json:"listener,omitempty"`
}

// WhoQuery is GET /v1/policy/who, which answers an explain.Page.
type WhoQuery struct {
	KeyName
	Action string // empty: all that a key has
	After  string // Next of the page before
	Limit  int    // principals to look at, 1 to MaxPage; 0 for MaxPage
}
