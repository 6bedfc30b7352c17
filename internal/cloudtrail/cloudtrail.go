// Package cloudtrail owns the API of AWS CloudTrail, as far as a key management
// service has it: LookupEvents, which reads an account's event history of a
// Region from the audit trail.
//
// It must show an account nothing but its own records, and of another account's
// that name a resource of its own what CloudTrail would (owner.go). A request does
// bounded work, however little it finds: a page may be short, and goes on at its
// NextToken. It follows the API reference of 2013-11-01. The wiring imports it.
package cloudtrail

import (
	"context"
	"log/slog"
	"time"

	"trent/internal/auditindex"
	"trent/internal/call"
	"trent/internal/domains"
)

// Service is CloudTrail's name in credential scopes and actions.
const Service = "cloudtrail"

// Finder finds records in the audit trail.
type Finder interface {
	Find(ctx context.Context, q auditindex.Query) (auditindex.Page, error)
}

// Config is what the API is made of.
type Config struct {
	Records Finder
	Regions domains.Finder // whose global one seals tokens
	Log     *slog.Logger
}

// searches are how many are answered at a time, and searchWait is how long another
// one waits for its turn: requests that use keys go first.
const (
	searches   = 2
	searchWait = 5 * time.Second
)

// New makes the API.
func New(c Config) *call.JSONAPI {
	history := &history{Config: c, turns: make(chan struct{}, searches)}
	lookup := &call.JSONOperation{Name: LookupEvents, New: func() call.JSONRequest { return &lookupEvents{history: history} }}
	return &call.JSONAPI{Service: Service, Operations: map[string]*call.JSONOperation{lookup.Name: lookup}}
}

// history answers lookups.
type history struct {
	Config
	rates rates
	turns chan struct{}
}
