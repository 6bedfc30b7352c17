package front

import (
	"context"
	"strings"
	"sync"
	"time"

	"trent/internal/audit"
	"trent/internal/call"
)

const (
	// refusalsPerSecond of a principal for one reason, no permission or no quota left,
	// have records of their own. Those beyond are
	// counted, and stand in one record together: who may do nothing cannot fill the
	// disk by asking.
	refusalsPerSecond = 100
	// refusedPrincipals are how many principals and reasons are counted at a time. Refusals of
	// more have records of their own, each.
	refusedPrincipals = 4096
	refusalWindow     = time.Second
)

// refusals counts refused calls by principal, in windows that begin with a
// refusal. The principal of a role's sessions is the role: its sessions' names
// are its callers' to choose.
type refusals struct {
	// write appends a record to the audit trail.
	write func(*audit.Event) error
	begun chan struct{} // capacity 1: a window has begun

	mu         sync.Mutex
	closed     bool
	principals map[refusedFor]*refused // of the window
}

// refusedFor is who was refused, by unique id, where, and the error's code.
type refusedFor struct{ principal, region, code string }

// refused is what is known of a principal's refusals.
type refused struct {
	recorded int            // with records of their own
	calls    map[string]int // of the others: so many of each operation
	event    audit.Event    // theirs; Time is the last one's
	first    time.Time      // of them
}

func newRefusals(write func(*audit.Event) error) *refusals {
	return &refusals{write: write, begun: make(chan struct{}, 1), principals: make(map[refusedFor]*refused)}
}

// admit reports whether a refused call, whose record would be event, has it. If
// not it is counted.
func (r *refusals) admit(c *call.Common, event *audit.Event) bool {
	principal, _, _ := strings.Cut(c.Caller.PrincipalID, ":")
	who := refusedFor{principal, event.Region, event.ErrorCode}
	r.mu.Lock()
	defer r.mu.Unlock()
	p := r.principals[who]
	switch {
	case r.closed, p == nil && len(r.principals) >= refusedPrincipals:
		return true
	case p == nil:
		p = new(refused)
		who.region = strings.Clone(who.region) // a call is used again
		r.principals[who] = p
		r.begin()
	}
	if p.recorded < refusalsPerSecond {
		p.recorded++
		return true
	}
	if p.calls == nil {
		p.calls = make(map[string]int)
		p.first, p.event = event.Time, refusalOf(event)
	}
	p.calls[event.Source+":"+event.Name]++
	p.event.ReadOnly = p.event.ReadOnly && event.ReadOnly
	if event.Time.After(p.event.Time) {
		p.event.Time = event.Time
	}
	return false
}

// begin wakes run for a window. The mutex is held.
func (r *refusals) begin() {
	select {
	case r.begun <- struct{}{}:
	default:
	}
}

// refusalOf is the record of many refusals, as far as it is known at the first:
// whose they are, without what may differ from one to the next, the access key and
// a role's session. What it keeps is its own, a call is used again.
func refusalOf(e *audit.Event) audit.Event {
	const internal = "AWS Internal"
	who := e.UserIdentity
	who.AccessKeyID, who.Session = "", nil
	if s := e.UserIdentity.Session; s != nil && s.Issuer.ARN != "" {
		who = s.Issuer
	}
	all := audit.Event{
		UserIdentity: who, Source: strings.Clone(e.Source), Name: "RefusedCalls", Region: strings.Clone(e.Region), SourceIP: internal, UserAgent: internal,
		Time: e.Time, ErrorCode: e.ErrorCode, ReadOnly: true, Type: audit.TypeServiceEvent, RecipientAccountID: e.RecipientAccountID,
	}
	return all
}

// run writes, at each window's end, the records of those who were refused too
// often. When ctx ends so does the last one. What still has no record then, since
// it could not be written, is lost.
func (r *refusals) run(ctx context.Context) (lost int) {
	for {
		select {
		case <-r.begun:
		case <-ctx.Done():
			return r.close()
		}
		select {
		case <-time.After(refusalWindow):
		case <-ctx.Done():
		}
		r.end()
	}
}

// close ends the last window: what is refused later has records of its own.
func (r *refusals) close() (lost int) {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.end()
	for _, p := range r.principals {
		lost += p.sum()
	}
	return lost
}

// end ends the window. What cannot be written counts in the next one.
func (r *refusals) end() {
	r.mu.Lock()
	ended := r.principals
	r.principals = make(map[refusedFor]*refused)
	r.mu.Unlock()
	for who, p := range ended {
		if p.calls == nil {
			continue
		}
		p.event.ServiceEventDetails = p.details()
		if r.write(&p.event) != nil {
			r.keep(who, p)
		}
	}
}

// keep has a window's count go on in the next one.
func (r *refusals) keep(who refusedFor, old *refused) {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer r.begin()
	p := r.principals[who]
	if p == nil {
		old.recorded = 0
		r.principals[who] = old
		return
	}
	if p.calls == nil {
		p.calls, p.event = old.calls, old.event
	} else {
		for name, n := range old.calls {
			p.calls[name] += n
		}
	}
	p.first = old.first
}

func (p *refused) sum() (calls int) {
	for _, n := range p.calls {
		calls += n
	}
	return calls
}

// details are what the record tells of the calls.
func (p *refused) details() []byte { return together(p.calls, p.sum(), p.first, p.event.Time) }

// Run writes the audit records of calls that have none of their own, refusals
// beyond the bound and those that the trail could not take, until ctx ends, when it
// writes what is left. The trail must be open still.
func (p *Pipeline) Run(ctx context.Context) {
	var both sync.WaitGroup
	both.Go(func() {
		if lost := p.gap.run(ctx); lost > 0 {
			p.Log.Error("calls failed because the audit trail could not be written, and have no record", "calls", lost)
		}
	})
	if lost := p.refusals.run(ctx); lost > 0 {
		p.Log.Error("refused calls have no audit record", "calls", lost)
	}
	both.Wait()
	for _, s := range [...]*sampler{p.strangers, p.unchecked} {
		if lost := s.end(p.writeTogether); lost > 0 {
			p.Log.Error("calls without a valid signature have no audit record", "calls", lost)
		}
	}
}

// writeTogether is how they are written.
func (p *Pipeline) writeTogether(e *audit.Event) error {
	e.EventID = p.ids.New()
	return p.Trail.Append(context.Background(), e.AppendJSON(nil))
}
