// Package evidence makes the evidence report: for each KMS key who can use it and
// who did, and what was changed, between two times; for an auditor, as JSON and as
// one HTML file.
//
// Who can use a key it is told by the running service; who could at other moments
// internal/evidence/replay makes of the records of changes. All that is said of the past
// is read from the audit trail, which is verified in the same pass, so that the
// report names what proves each line: a record's number and hash, and the signed
// digest that covers it. What the trail cannot show is a part of the report.
//
// It must never state what it has not read from a verified record or been told by
// the service, and must say which of both; never leave something out without
// saying how much; never let a name, a tag or a user agent become markup. Its memory
// does not grow with the trail: rows are sorted on disk. Only the operator's command
// imports it. The JSON is docs/cli-json.md, "trent report evidence".
package evidence

import (
	"time"

	"trent/internal/admin"
	"trent/internal/digest"
)

// Type is the first member of every report, and says its version.
const Type = "trent-evidence-1"

// Period is the time that a report is about, both ends included, in whole seconds.
type Period struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
}

// Head is what stands before the keys.
type Head struct {
	Type    string    `json:"type"`
	Made    time.Time `json:"made"` // when the service was asked who can use the keys
	Period  Period    `json:"period"`
	Scope   Scope     `json:"scope"`
	Service *Service  `json:"service,omitempty"` // nil: no service was asked
	Summary Summary   `json:"summary"`
	Trail   Trail     `json:"trail"`
}

// Scope narrows a report; empty members do not.
type Scope struct {
	Region  string `json:"region,omitempty"`
	Account string `json:"account,omitempty"`
	Key     string `json:"key,omitempty"` // ARN
}

// Service is who was asked.
type Service struct {
	Version    string `json:"version"`
	Mode       string `json:"mode"`
	Node       string `json:"node"`
	Durability string `json:"durability"`
}

// Summary is what the report has, counted.
type Summary struct {
	Keys         int    `json:"keys"`
	Used         int    `json:"usedKeys"`      // keys with which a cryptographic operation succeeded in the period
	Absent       int    `json:"provenAbsent"`  // keys of which it is proven that there was none
	Uses         uint64 `json:"uses"`          // cryptographic operations that succeeded
	Refused      uint64 `json:"refusedUses"`   // that were refused or failed
	KeyChanges   int    `json:"keyChanges"`    // in the period
	OtherChanges int    `json:"otherChanges"`  // of accounts, identities and the service, in the period
	Uncounted    uint64 `json:"refusedCounts"` // refused calls that have one record together, without their keys
	Unverified   uint64 `json:"unsignedCalls"` // calls without a valid signature that have records
	Unreadable   uint64 `json:"unreadable"`    // records that are not in the form of an event
	// Strangers are names of keys that neither the service has nor a record says to
	// have existed, and StrangerCalls the calls that named them: all were refused.
	Strangers     int    `json:"unknownKeys"`
	StrangerCalls uint64 `json:"unknownKeyCalls"`
}

// Trail is what the verification of the audit trail has found.
type Trail struct {
	Sound bool `json:"sound"`
	// Complete: all records of the period are there, and digests cover them.
	Complete bool   `json:"complete"`
	Why      string `json:"why,omitempty"` // they are not
	// Until is up to when they are: the period's end, if Complete; left out if they
	// are not from the period's begin on.
	Until time.Time `json:"completeUntil,omitzero"`
	*digest.Report
	PublicKeys []PublicKey `json:"publicKeys"` // that the signatures were checked with
}

// PublicKey is a key that signs digests.
type PublicKey struct {
	ID        string `json:"id"`
	Algorithm string `json:"algorithm"`
	PEM       string `json:"publicKey"`
}

// Key is what is known of a key at the time of the report.
type Key struct {
	ARN     string              `json:"arn"`
	Region  string              `json:"region"`
	Account string              `json:"account"`
	ID      string              `json:"id"`
	Now     *admin.EvidenceKey  `json:"now,omitempty"` // nil: the service has no such key, or was not asked
	Begin   map[string]*Earlier `json:"atBegin"`       // policy and state, by the last records before the period
}

// Earlier is what a record before the period says.
type Earlier struct {
	Value string `json:"value"`
	Proof Proof  `json:"proof"`
	// Unsure is why the value may not have held any more when the period began.
	Unsure string `json:"unsure,omitempty"`
}

// Proof is where a record stands, and what holds it there.
type Proof struct {
	Node         string    `json:"node"`
	Epoch        uint64    `json:"epoch"`
	Sequence     uint64    `json:"record"`
	Time         time.Time `json:"time"`
	EventID      string    `json:"eventId"`
	PreviousHash string    `json:"previousHash"`
	Hash         string    `json:"hash"`
	// Chain, base64, is what is hashed before the record's JSON: the record's hash is
	// the SHA-256 of both.
	Chain string `json:"chain"`
	// Digest is the number of the first digest that covers the record; 0: none does,
	// or the trail is not sound.
	Digest uint64 `json:"digest"`
	// Inclusion, with the node's checkpoint behind it, is the file of a C2SP
	// tlog-proof that the record is in the transparency log; left out if the log does
	// not have it yet. Size is the checkpoint's.
	Inclusion string `json:"inclusion,omitempty"`
	Size      uint64 `json:"checkpointSize,omitempty"`
}

// Checkpoint is the newest of a node's transparency log.
type Checkpoint struct {
	Node       string `json:"node"`
	Size       uint64 `json:"size"`
	Checkpoint string `json:"checkpoint"` // the file
}

// Change is one change, with its record.
type Change struct {
	What      string `json:"operation"`
	Source    string `json:"source"`
	Principal string `json:"principal"`
	After     bool   `json:"afterPeriod"`
	Unknown   bool   `json:"outcomeUnknown"` // the commit may have happened or not
	Proof     Proof  `json:"proof"`
	Record    string `json:"record"` // its JSON as it stands in the trail, byte for byte
}

// Kinds of uses.
const (
	KindUse     = "use"     // a cryptographic operation that succeeded
	KindRefused = "refused" // one that was refused or failed
	KindRead    = "read"    // another call that changed nothing
	KindAttempt = "attempt" // a change that was refused or failed
)

// Use is what one principal did with a key, by one operation, with one result.
type Use struct {
	Kind      string    `json:"kind"`
	Principal string    `json:"principal"`
	Operation string    `json:"operation"`
	Result    string    `json:"result"` // error code, or Success
	Calls     uint64    `json:"calls"`
	First     time.Time `json:"first"`
	Last      time.Time `json:"last"`
	// FirstRecord and LastRecord are node:record.
	FirstRecord string `json:"firstRecord"`
	LastRecord  string `json:"lastRecord"`
}

// Tail is what is known of a key when its rows have been seen.
type Tail struct {
	Calls   uint64 `json:"useCalls"` // that succeeded
	Refused uint64 `json:"refusedCalls"`
	Changes int    `json:"changesInPeriod"`
	Later   int    `json:"changesAfterPeriod"`
	// Unused is the claim that no cryptographic operation with the key succeeded in
	// the period; nil if one did.
	Unused *Absence `json:"unused,omitempty"`
	// Steady: nothing that decides who can use the key was changed from the begin
	// of the period to the report, so who can now could all the time.
	Steady    bool   `json:"steady"`
	SteadyWhy string `json:"steadyWhy"`
}

// Absence is a claim that something was not recorded.
type Absence struct {
	Proven bool      `json:"proven"`               // for the whole period
	Until  time.Time `json:"provenUntil,omitzero"` // or up to this time
	Why    string    `json:"why,omitempty"`        // not for the whole period
	Nodes  []Bounds  `json:"digests"`
}

// Bounds are the digests of a node between which the records of a period stand.
type Bounds struct {
	Node  string `json:"node"`
	First uint64 `json:"first"`
	Last  uint64 `json:"last"`
}
