package digest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"time"

	"trent/internal/audit"
)

// Absence is a claim about a trail: that no call of a name was recorded between
// two times. It holds if the trail is sound, no record says otherwise, and
// digests cover that time.
type Absence struct {
	Name    string    `json:"eventName"`
	Since   time.Time `json:"since"` // zero: from the trail's begin
	Until   time.Time `json:"until"` // zero: up to the last digest
	Records int       `json:"records"`
	Proven  bool      `json:"proven"`
	Why     string    `json:"why,omitempty"` // it is not
}

// Visit counts a record that contradicts.
func (a *Absence) Visit(r audit.Record) {
	if !bytes.Contains(r.JSON, []byte(a.Name)) {
		return
	}
	var e struct {
		EventName string    `json:"eventName"`
		EventTime time.Time `json:"eventTime"`
	}
	if json.Unmarshal(r.JSON, &e) != nil || e.EventName != a.Name {
		return
	}
	if !e.EventTime.Before(a.Since) && (a.Until.IsZero() || !e.EventTime.After(a.Until)) {
		a.Records++
	}
}

// Conclude says whether the report proves the claim, and makes one that it does
// not a finding.
func (a *Absence) Conclude(r *Report) {
	switch {
	case a.Records > 0:
		a.Why = fmt.Sprintf("there are %d such records", a.Records)
	case !r.Sound():
		a.Why = "the trail is not sound"
	case !a.covered(r):
		a.Why = "no digest covers the time's end yet"
	}
	if a.Proven = a.Why == ""; !a.Proven {
		r.find("", "the absence of %s is not proven: %s", a.Name, a.Why)
	}
}

// covered reports whether a node's digests reach behind the time, and those of
// nodes that another took the place of to their trails' ends.
func (a *Absence) covered(r *Report) bool {
	reach := false
	for _, n := range r.Nodes {
		at, err := time.Parse(timeLayout, n.CoveredAt)
		switch {
		case err == nil && !at.Before(a.Until):
			reach = true
		case n.Unsigned > 0:
			return false
		}
	}
	return reach
}

// Text is the result in a sentence.
func (a *Absence) Text() string {
	if !a.Proven {
		return "The absence of " + a.Name + " is not proven: " + a.Why + "."
	}
	return "Proven: no " + a.Name + " was recorded in that time."
}
