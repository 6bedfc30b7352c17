package node

import (
	"context"
	"errors"
	"sync"
	"time"

	"trent/internal/admin"
	"trent/internal/live"
)

// eventTop is the record of an operator who looks on: it shows principals and keys.
const eventTop = "WatchTop"

// topAgain is how long an operator may not have looked for his next look to have a
// record again.
const topAgain = time.Minute

// watchers are who look on, and when they last did.
type watchers struct {
	mu   sync.Mutex
	last map[uint32]time.Time
}

// begins reports whether an operator begins to look on.
func (w *watchers) begins(uid uint32, now time.Time) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.last == nil {
		w.last = map[uint32]time.Time{}
	}
	last, ok := w.last[uid]
	w.last[uid] = now
	return !ok || now.Sub(last) > topAgain
}

// Top looks on for so long as is asked for.
func (n *Node) Top(ctx context.Context, by admin.Operator, q admin.TopQuery) (admin.Top, error) {
	if err := n.errStarting(); err != nil {
		return admin.Top{}, err
	}
	if n.watchers.begins(by.UID, time.Now()) {
		e := by.Event(eventTop, "", n.Now())
		e.EventID, e.ReadOnly = n.events.New(), true
		// What is seen of a service that cannot record anything is why.
		if err := n.trail.Append(ctx, e.AppendJSON(nil)); err != nil {
			n.Log.Warn("trent top has no record", "user", by.UID, "error", err)
		}
	}
	records := n.trail.Stats().Records
	seen, err := n.live.Look(ctx, time.Duration(q.Milliseconds)*time.Millisecond)
	if errors.Is(err, live.ErrBusy) {
		return admin.Top{}, admin.Errorf(admin.Limit, "too many look on already: end another trent top")
	}
	if err != nil {
		return admin.Top{}, err
	}
	t := admin.Top{
		Time: time.Now().UTC().Truncate(time.Millisecond), Milliseconds: seen.Took.Milliseconds(), State: "unavailable", All: topCalls(&seen.All), Operations: []admin.TopCalls{},
		Errors: topCounts(seen.Codes, q.Limit), Keys: topCounts(seen.Keys, q.Limit), Principals: topCounts(seen.Principals, q.Limit),
		InFlight: n.requests.InFlight(), Audit: n.topAudit(records),
	}
	if n.module.Ready() {
		t.State = "ready"
	}
	for i := range seen.Operations[:min(q.Limit, len(seen.Operations))] {
		t.Operations = append(t.Operations, topCalls(&seen.Operations[i]))
	}
	for _, l := range n.Listeners {
		if l.Config.Connections != nil {
			t.Connections += l.Config.Connections.Load()
		}
	}
	c := n.module.Counters()
	t.Module = admin.TopModule{State: n.module.State().String(), Fast: c.Fast, Slow: c.Slow}
	return t, nil
}

// topAudit is how far the trail is, which had so many records before.
func (n *Node) topAudit(before uint64) admin.TopAudit {
	stats, head := n.trail.Stats(), n.trail.Head()
	a := admin.TopAudit{
		Sequence: head.Sequence, Records: stats.Records - before, Queued: int64(stats.Queued), Outbox: int64(n.outbox.Depth()), Unsigned: head.Sequence,
	}
	if d := n.digests.Last(); d != nil {
		a.Unsigned = head.Sequence - min(d.Sequence, head.Sequence)
		ago := int64(max(n.Now().Sub(d.Made()), 0).Seconds())
		a.DigestSeconds = &ago
	}
	if err := n.trail.Err(); err != nil {
		a.Error = err.Error()
	}
	return a
}

func topCalls(o *live.Operation) admin.TopCalls {
	return admin.TopCalls{
		Operation: o.Name, Calls: o.Calls, Failed: o.Failed, P50: o.P50.Microseconds(), P99: o.P99.Microseconds(), Max: o.Max.Microseconds(),
	}
}

func topCounts(all []live.Counted, limit int) []admin.TopCount {
	counts := []admin.TopCount{}
	for _, c := range all[:min(limit, len(all))] {
		counts = append(counts, admin.TopCount{Name: c.Name, Calls: c.Count, Over: c.Over})
	}
	return counts
}
