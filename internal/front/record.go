package front

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"time"

	"trent/internal/apierr"
	"trent/internal/audit"
	"trent/internal/call"
	"trent/internal/identity"
	"trent/internal/record"
)

// bufferBytes is the size that the pooled buffers of audit records start with.
const bufferBytes = 2 << 10

var buffers = sync.Pool{New: func() any { b := make([]byte, 0, bufferBytes); return &b }}

// A recordable is a call of any API.
type recordable interface {
	Base() *call.Common
	Event(outcome *apierr.Error) audit.Event
}

// record writes the call's audit record, unless a commit has written it
// already. Without it the call fails: Decrypt's plaintext included. recorded is
// false, without an error, for a stranger's call that is over the cap; a
// principal's refusal that is one of many is recorded with them, later.
func (p *Pipeline) record(ctx context.Context, c recordable, outcome error) (recorded bool, err error) {
	if c.Base().Recorded() {
		return true, nil
	}
	var e *apierr.Error
	if outcome != nil {
		e = apierr.From(outcome)
	}
	if err := p.Trail.Err(); err != nil {
		event := c.Event(e)
		p.gap.add(&event)
		return false, apierr.Internal(err)
	}
	skipped, strangers := 0, p.strangers
	if c.Base().Unchecked {
		strangers = p.unchecked
	}
	known := c.Base().Caller.Account != "" || c.Base().Caller.Service != nil
	if !known {
		var ok bool
		if skipped, ok = strangers.admit(); !ok {
			return false, nil
		}
	}
	event := c.Event(e)
	if e != nil && (e.Code == apierr.AccessDenied || errors.Is(e.Err, errQuota)) && c.Base().Caller.Account != "" && !p.refusals.admit(c.Base(), &event) {
		c.Base().Counted = true
		return true, nil
	}
	if errors.Is(outcome, call.ErrUnknown) {
		// The mutation may have been committed, and its own record with it,
		// which has the call's event id.
		event.EventID = p.ids.New()
		event.Additional = append(event.Additional, audit.Field{Name: "outcomeUnknown", Value: "true"})
	}
	if skipped > 0 {
		event.Additional = append(event.Additional, audit.Field{Name: strangers.name, Value: strconv.Itoa(skipped)})
	}
	b := buffers.Get().(*[]byte)
	*b = event.AppendJSON((*b)[:0])
	// The record is written although the client has gone.
	err = p.Trail.Append(context.WithoutCancel(ctx), *b)
	buffers.Put(b)
	if err != nil {
		strangers.giveBack(skipped)
		p.gap.add(&event)
		return false, apierr.Internal(err)
	}
	return true, nil
}

// A sampler caps the records of calls of nobody who is known, so that strangers
// cannot fill the disk: strangersPerSecond, and how many more there were stands in
// the next one that is recorded, or in a record of their own at the end.
type sampler struct {
	now  func() time.Time
	name string // of the member that says how many more

	mu      sync.Mutex
	second  int64
	count   int
	skipped int
}

const strangersPerSecond = 10

// The names of a sampler's member: whose signature was not valid, or was not looked
// at because the crypto module was away.
const (
	withoutSignature  = "unrecordedCallsWithoutValidSignature"
	withoutAuthorizer = "unrecordedCallsWithoutCryptoModule"
)

func newSampler(now func() time.Time, name string) *sampler { return &sampler{now: now, name: name} }

// giveBack counts again what a record was to say that could not be written.
func (s *sampler) giveBack(skipped int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.skipped += skipped
}

// end writes the record of those that stand in none, and returns how many that
// are if it cannot.
func (s *sampler) end(write func(*audit.Event) error) (lost int) {
	s.mu.Lock()
	skipped := s.skipped
	s.skipped = 0
	s.mu.Unlock()
	if skipped == 0 {
		return 0
	}
	const internal = "AWS Internal"
	e := audit.Event{
		UserIdentity: audit.UserIdentity{InvokedBy: internal}, Source: identity.EventSource, Name: eventUnrecorded, Region: record.Global,
		SourceIP: internal, UserAgent: internal, Time: s.now(), ReadOnly: true, Type: audit.TypeServiceEvent,
		Additional: []audit.Field{{Name: s.name, Value: strconv.Itoa(skipped)}},
	}
	if write(&e) != nil {
		return skipped
	}
	return 0
}

// admit reports whether a record may be written, and how many were not since
// the last one.
func (s *sampler) admit() (skipped int, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if second := s.now().Unix(); second != s.second {
		s.second, s.count = second, 0
	}
	if s.count >= strangersPerSecond {
		s.skipped++
		return 0, false
	}
	s.count++
	skipped, s.skipped = s.skipped, 0
	return skipped, true
}
