package front

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"trent/internal/audit"
	"trent/internal/awsjson"
	"trent/internal/identity"
	"trent/internal/record"
)

// eventUnrecorded is the record of calls that have none of their own.
const eventUnrecorded = "UnrecordedCalls"

// gapRetry is how often a gap's record is tried.
const gapRetry = time.Second

// A gap is the calls that failed because the trail could not take their records.
// That they were made stands in one record as soon as it can be written.
type gap struct {
	// write appends a record to the audit trail.
	write func(*audit.Event) error
	begun chan struct{} // capacity 1

	mu          sync.Mutex
	calls       map[string]int // so many of each operation
	first, last time.Time
}

func newGap(write func(*audit.Event) error) *gap {
	return &gap{write: write, begun: make(chan struct{}, 1), calls: map[string]int{}}
}

// add counts a call, whose record would have been e.
func (g *gap) add(e *audit.Event) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.calls) == 0 {
		g.first = e.Time
	}
	g.calls[e.Source+":"+e.Name]++
	g.last = e.Time
	select {
	case g.begun <- struct{}{}:
	default:
	}
}

// run writes the record of each gap as soon as that is possible. When ctx ends it
// tries a last time, and returns how many calls are in none.
func (g *gap) run(ctx context.Context) (lost int) {
	tick := time.NewTicker(gapRetry)
	defer tick.Stop()
	for ctx.Err() == nil {
		select {
		case <-g.begun:
		case <-ctx.Done():
		}
		for ctx.Err() == nil && g.end() > 0 {
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	}
	return g.end()
}

// end writes the record of the calls so far, if there are any, and returns of how
// many there is none.
func (g *gap) end() (left int) {
	g.mu.Lock()
	calls, first, last := g.calls, g.first, g.last
	g.calls = map[string]int{}
	g.mu.Unlock()
	total := 0
	for _, n := range calls {
		total += n
	}
	const internal = "AWS Internal"
	e := audit.Event{
		UserIdentity: audit.UserIdentity{InvokedBy: internal}, Source: identity.EventSource, Name: eventUnrecorded, Region: record.Global,
		SourceIP: internal, UserAgent: internal, Time: last, ReadOnly: true, Type: audit.TypeServiceEvent,
		ServiceEventDetails: together(calls, total, first, last),
	}
	if total == 0 || g.write(&e) == nil {
		return 0
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for name, n := range calls {
		g.calls[name] += n
	}
	g.first, g.last = first, later(g.last, last)
	return total
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// together is what a record tells of many calls: how many there were, of which
// operations, and when.
func together(calls map[string]int, total int, first, last time.Time) []byte {
	b := strconv.AppendInt([]byte(`{"calls":`), int64(total), 10)
	b = append(b, `,"operations":{`...)
	for i, name := range slices.Sorted(maps.Keys(calls)) {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(awsjson.AppendString(b, name), ':')
		b = strconv.AppendInt(b, int64(calls[name]), 10)
	}
	b = append(b, `},"first":"`...)
	b = first.UTC().AppendFormat(b, time.RFC3339)
	b = append(b, `","last":"`...)
	b = last.UTC().AppendFormat(b, time.RFC3339)
	return append(b, `"}`...)
}
