package admin

import "time"

// KeyName names a key: GET /v1/keys/{id}.
type KeyName struct{ ID, Region, Account string }

// KeyDetail is its answer.
type KeyDetail struct {
	Key
	Aliases   []string          `json:"aliases"` // with "alias/"
	Tags      map[string]string `json:"tags"`
	Policy    string            `json:"policy"` // the document, as GetKeyPolicy shows it
	Materials []Material        `json:"materials"`
	LastUse   *KeyUse           `json:"lastUse,omitempty"`  // none is known without
	UsesSince time.Time         `json:"usesSince"`          // since when uses are kept
	Refused   *RefusedUses      `json:"refused,omitempty"`  // since the deletion was scheduled or the brown-out began
	BrownOut  *BrownOut         `json:"brownOut,omitempty"` // one that goes on
	Grants    Count             `json:"grants"`
	Primary   string            `json:"primaryRegion,omitempty"` // of a multi-Region key
	Replicas  []string          `json:"replicaRegions,omitempty"`
}

// KeyUse is the last use of a key.
type KeyUse struct {
	Time      time.Time `json:"time"`
	Operation string    `json:"operation"`
	EventID   string    `json:"eventId"` // of its audit record
	RequestID string    `json:"requestId"`
}

// RefusedUses are the uses that a key has refused on its way to deletion.
type RefusedUses struct {
	Count     uint64    `json:"count"`
	Time      time.Time `json:"time"` // of the last
	Operation string    `json:"operation"`
	By        string    `json:"by"` // ARN
}

// BrownOut is a share of a key's uses that is refused for a while.
type BrownOut struct {
	Percent int       `json:"percent"`
	Since   time.Time `json:"since"`
	Until   time.Time `json:"until"`
}

// DeleteKey is the body of POST /v1/key/delete, which answers a Key.
type DeleteKey struct {
	Key     string `json:"key"` // as a KeyName's ID
	Region  string `json:"region"`
	Account string `json:"account"`
	Days    int    `json:"days"` // waiting period, 7 to 30
}

// BrownOutKey is the body of POST /v1/key/brownout, which answers a KeyDetail. 0
// percent end a brown-out.
type BrownOutKey struct {
	Key     string `json:"key"`
	Region  string `json:"region"`
	Account string `json:"account"`
	Percent int    `json:"percent"`
	Seconds int    `json:"seconds"`
}
