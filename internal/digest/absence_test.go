package digest

import (
	"fmt"
	"testing"
	"time"

	"trent/internal/audit"
)

// TestManyCalls: a record that tells of calls without their own leaves open what
// they were, unless it says.
func TestManyCalls(t *testing.T) {
	t.Parallel()
	event := func(name, rest string) string {
		return fmt.Sprintf(`{"eventName":"%s","eventTime":"2026-11-20T08:10:05Z","eventType":"AwsServiceEvent"%s}`, name, rest)
	}
	counts := func(operations string) string {
		return `,"serviceEventDetails":{"calls":7,"operations":{` + operations + `},"first":"2026-11-20T08:10:00Z","last":"2026-11-20T08:10:05Z"}`
	}
	at := func(second int) time.Time { return time.Date(2026, 11, 20, 8, 10, second, 0, time.UTC) }
	for _, test := range []struct {
		json         string
		since, until time.Time
		want         int
	}{
		{event("RefusedCalls", counts(`"kms.amazonaws.com:Decrypt":7`)), at(0), at(9), 1},
		{event("RefusedCalls", counts(`"kms.amazonaws.com:Encrypt":7`)), at(0), at(9), 0},
		{event("UnrecordedCalls", counts(`"kms.amazonaws.com:Encrypt":1,"kms.amazonaws.com:Decrypt":6`)), at(0), at(9), 1},
		{event("UnrecordedCalls", counts("")), at(0), at(9), 1},
		{event("UnrecordedCalls", ""), at(0), at(9), 1},
		{event("UnrecordedCalls", ""), at(6), at(9), 0},
		{event("UnrecordedCalls", counts("")), at(0).Add(-time.Minute), at(2), 1}, // they began then
		{event("UnrecordedCalls", counts("")), at(0).Add(-time.Minute), at(0).Add(-time.Second), 0},
		{event("Encrypt", `,"additionalEventData":{"unrecordedCallsWithoutValidSignature":"7"}`), at(0), at(9), 1},
		{event("Encrypt", `,"additionalEventData":{"unrecordedCallsWithoutCryptoModule":"7"}`), at(5), at(5), 1},
		{event("Encrypt", `,"requestParameters":{"unrecordedCalls":"7"}`), at(0), at(9), 0},
	} {
		a := Absence{Name: "Decrypt", Since: test.since, Until: test.until}
		a.Visit(audit.Record{JSON: []byte(test.json)})
		r := &Report{Nodes: []NodeReport{{First: 1, covers: span{to: time.Now()}}}}
		a.Conclude(r)
		if a.Uncounted != test.want || a.Proven != (test.want == 0) || r.Sound() != a.Proven {
			t.Errorf("%s: %+v", test.json, a)
		}
	}
}

// TestClockAhead: digests that a clock made which was ahead prove nothing of the
// time that it said, neither while it was nor after.
func TestClockAhead(t *testing.T) {
	t.Parallel()
	const ahead = 48 * time.Hour
	for _, test := range []struct {
		name   string
		behind func(*trail, *audit.Trail, *Maker) // what comes after the digest that is ahead
		now    time.Time                          // of the verification
		past   bool                               // what comes before is proven
	}{
		{"still ahead", func(*trail, *audit.Trail, *Maker) {}, time.Time{}, true},
		{"set back, verified later", func(t *trail, a *audit.Trail, m *Maker) { t.at(a, time.Now()); t.digest(m) }, time.Now().Add(2 * ahead), true},
		{"set back, no record", func(t *trail, _ *audit.Trail, m *Maker) { t.digest(m) }, time.Now().Add(2 * ahead), false},
		{"set back, no digest", func(t *trail, a *audit.Trail, _ *Maker) { t.at(a, time.Now()) }, time.Now().Add(2 * ahead), true},
	} {
		tr := newTrail(t)
		a, _ := tr.open()
		tr.at(a, time.Now().Add(-time.Hour))
		tr.behind = -ahead
		tr.digest(tr.maker(a))
		tr.behind = 0
		test.behind(tr, a, tr.maker(a))
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		for until, proven := range map[time.Time]bool{time.Now().Add(ahead / 2): false, time.Now().Add(-10 * time.Minute): test.past} {
			claim := &Absence{Name: "Event", Until: until}
			claim.Conclude(tr.verify(tr.dir, Options{Now: test.now}))
			if claim.Proven != proven {
				t.Errorf("%s: %+v", test.name, claim)
			}
		}
	}
}

// at appends a record of a time.
func (t *trail) at(a *audit.Trail, when time.Time) {
	t.Helper()
	if err := a.Append(t.Context(), fmt.Appendf(nil, `{"eventName":"Other","eventTime":"%s"}`, when.UTC().Format(time.RFC3339))); err != nil {
		t.Fatal(err)
	}
}

// maker goes on behind the last digest.
func (t *trail) maker(a *audit.Trail) *Maker {
	t.Helper()
	m, err := Open(t.Context(), t.config(a))
	if err != nil {
		t.Fatal(err)
	}
	return m
}
