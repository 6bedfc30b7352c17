package digest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"trent/internal/audit"
)

// Absence is a claim about trails: that no call of a name was recorded between two
// times. It holds if the trails are sound, no record says otherwise, and their
// records of the whole time are there and covered by digests.
type Absence struct {
	Name    string    `json:"eventName"`
	Since   time.Time `json:"since,omitzero"` // zero: from the first record on
	Until   time.Time `json:"until,omitzero"` // zero: as far as digests reach; Conclude fills it in
	Records int       `json:"records"`
	// Uncounted are records in the time that tell of calls without records of their
	// own, which may have been such calls.
	Uncounted int    `json:"recordsOfManyCalls,omitempty"`
	Proven    bool   `json:"proven"`
	Why       string `json:"why,omitempty"` // it is not
}

// LongestCall is more than a call takes from its time, which its record has, to
// the writing of the record.
const LongestCall = 2 * time.Minute

// Visit counts a record that contradicts.
func (a *Absence) Visit(r audit.Record) {
	a.many(r)
	if !bytes.Contains(r.JSON, []byte(a.Name)) {
		return
	}
	var e struct {
		EventName string    `json:"eventName"`
		EventTime time.Time `json:"eventTime"`
	}
	if json.Unmarshal(r.JSON, &e) == nil && e.EventName == a.Name && a.within(e.EventTime, e.EventTime) {
		a.Records++
	}
}

// within reports whether some of the claim's time is between two, which are of
// records, and so whole seconds.
func (a *Absence) within(first, last time.Time) bool {
	return !last.Before(a.Since.Truncate(time.Second)) && (a.Until.IsZero() || !first.After(a.Until))
}

// many counts a record that tells of calls that have none of their own, if they may
// have been the claim's: of refusals and of what the trail could not take, by
// operation; and of calls of nobody who is known, of which it says how many only.
func (a *Absence) many(r audit.Record) {
	if !bytes.Contains(r.JSON, []byte(`"RefusedCalls"`)) && !bytes.Contains(r.JSON, []byte(`"UnrecordedCalls"`)) && !bytes.Contains(r.JSON, []byte(`"`+uncounted)) {
		return
	}
	var e struct {
		EventName  string                     `json:"eventName"`
		EventTime  time.Time                  `json:"eventTime"`
		Type       string                     `json:"eventType"`
		Additional map[string]json.RawMessage `json:"additionalEventData"`
		Details    struct {
			Operations  map[string]int `json:"operations"`
			First, Last time.Time
		} `json:"serviceEventDetails"`
	}
	if json.Unmarshal(r.JSON, &e) != nil {
		a.Uncounted++ // whatever it says
		return
	}
	first, last := e.EventTime, e.EventTime
	if !e.Details.First.IsZero() {
		first = e.Details.First
	}
	if e.Details.Last.After(last) {
		last = e.Details.Last
	}
	may := false
	for name := range e.Additional {
		may = may || strings.HasPrefix(name, uncounted)
	}
	if e.Type == audit.TypeServiceEvent && (e.EventName == "RefusedCalls" || e.EventName == "UnrecordedCalls") {
		may = may || len(e.Details.Operations) == 0
		for name := range e.Details.Operations { // eventSource:eventName
			_, operation, _ := strings.Cut(name, ":")
			may = may || operation == a.Name
		}
	}
	if may && a.within(first, last) {
		a.Uncounted++
	}
}

// uncounted is how the names of the members begin that say how many calls of nobody
// who is known were made since the last record of one.
const uncounted = "unrecordedCalls"

// Conclude says whether the report proves the claim, and makes one that it does
// not a finding.
func (a *Absence) Conclude(r *Report) {
	if a.Until.IsZero() {
		reach := a.Until.Add(LongestCall)
		for _, n := range r.Nodes {
			if n.covers.to.After(reach) {
				reach = n.covers.to
			}
		}
		a.Until = reach.Add(-LongestCall).Truncate(time.Second)
	}
	switch {
	case a.Records > 0:
		a.Why = fmt.Sprintf("there are %d such records", a.Records)
	case a.Uncounted > 0:
		a.Why = fmt.Sprintf("%d records of that time (RefusedCalls, UnrecordedCalls, %s…) tell of calls without records of their own, which may have been such", a.Uncounted, uncounted)
	case a.Until.Before(a.Since):
		a.Why = "digests do not reach that time yet"
	default:
		a.Why = r.Lacks(a.Since, a.Until)
	}
	if a.Proven = a.Why == ""; !a.Proven {
		r.find("", "the absence of %s is not proven: %s", a.Name, a.Why)
	}
}

// Lacks says why a report does not prove that the trails have every record of the
// calls between two times; "" if it does. A zero since is the beginning.
func (r *Report) Lacks(since, until time.Time) string {
	switch {
	case !r.Sound():
		return "the trail is not sound"
	case slices.ContainsFunc(r.Nodes, func(n NodeReport) bool { return n.Closed > 0 }):
		return "there are sealed segments that were not opened" + r.closedWhy()
	case unnamed(r) > 1:
		return "more than one trail begins with record 1 and names no other that it follows"
	case !covered(r, since, until.Add(LongestCall)):
		return "records of that time are not in the folder, or digests do not cover them yet"
	}
	return ""
}

// unnamed counts the trails that may be the first of all.
func unnamed(r *Report) (trails int) {
	for _, n := range r.Nodes {
		if n.First == 1 && n.Predecessor == "" {
			trails++
		}
	}
	return trails
}

// closedWhy is why sealed segments were not opened.
func (r *Report) closedWhy() string {
	for i := range r.Nodes {
		if why := r.Nodes[i].ClosedWhy; why != "" {
			return ": " + why
		}
	}
	return ", for want of a key"
}

// covered reports whether the trails have all records between two times. A zero
// from is the beginning, which a trail without a predecessor has.
func covered(r *Report, from, to time.Time) bool {
	spans := make([]span, 0, len(r.Nodes))
	for _, n := range r.Nodes {
		if !n.covers.to.IsZero() {
			spans = append(spans, n.covers)
		}
	}
	slices.SortFunc(spans, func(a, b span) int { return a.from.Compare(b.from) })
	for _, s := range spans {
		if s.from.After(from) {
			return false
		}
		if !s.to.Before(to) {
			return true
		}
		if s.to.After(from) {
			from = s.to
		}
	}
	return false
}

// Text is the result in a sentence.
func (a *Absence) Text() string {
	if !a.Proven {
		return "The absence of " + a.Name + " is not proven: " + a.Why + "."
	}
	since := "the trail's begin"
	if !a.Since.IsZero() {
		since = a.Since.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("Proven: no %s was recorded from %s to %s.", a.Name, since, a.Until.UTC().Format(time.RFC3339))
}
