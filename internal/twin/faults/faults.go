// Package faults owns the faults that trent dev answers with because a test
// asked for them: rules, and which of them a call meets. A fault takes the place
// of an operation whose caller, request and keys were found good, so it is
// recorded as every outcome is and nothing else can tell it from a real one.
//
// It must never be reached under trent serve. Only internal/twin imports it.
package faults

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"trent/internal/api"
	"trent/internal/apierr"
	"trent/internal/arn"
	"trent/internal/call"
)

// The faults.
const (
	Throttle      = "throttle"       // ThrottlingException
	Internal      = "internal"       // KMSInternalException
	Unavailable   = "unavailable"    // ServiceUnavailableException
	Latency       = "latency"        // the operation, LatencyMs later
	ModuleRestart = "module-restart" // the crypto module is killed, and then the operation
)

// Any is the Operation of a rule for all of them.
const Any = "*"

// MaxRules is how many rules can be in force.
const MaxRules = 100

// Limits of a rule.
const (
	maxLatencyMs = 30_000 // of a rule, and of all that a call meets
	// maxRestarts is how often a module is started again in ten minutes.
	maxRestarts = 5
)

// Rule says which calls meet a fault.
type Rule struct {
	// Operation is a name such as Decrypt; "*" or "" is any.
	Operation string `json:"operation,omitempty" yaml:"operation"`
	// KeyID is the id or the ARN of a key that the call uses; "" is any.
	KeyID string `json:"keyId,omitempty" yaml:"key_id"`
	// Fault is one of the constants above.
	Fault string `json:"fault" yaml:"fault"`
	// Rate is the share of these calls that meet it, 0 to 1; nil means all.
	Rate *float64 `json:"rate,omitempty" yaml:"rate"`
	// Count is after how many hits the rule is over; 0 means never, of a
	// ModuleRestart after the first.
	Count int `json:"count,omitempty" yaml:"count"`
	// LatencyMs is a Latency's, 1 to 30,000.
	LatencyMs int `json:"latencyMs,omitempty" yaml:"latency_ms"`
}

// Status is a rule, and how many calls have met it.
type Status struct {
	Rule
	Hits int `json:"hits"`
}

// Set is the rules that are in force. It is safe for concurrent use.
type Set struct {
	// restart kills the crypto module and returns when that has been noticed.
	restart func(ctx context.Context) error

	mu      sync.Mutex
	seed    uint64
	rules   []rule
	changed chan struct{} // closed when other rules take the place of these
	ended   bool
}

// NewSet returns a set without rules. restart is nil if the module is not ours to
// kill.
func NewSet(restart func(ctx context.Context) error) *Set {
	return &Set{restart: restart, changed: make(chan struct{})}
}

// rule is one that is in force.
type rule struct {
	Status
	calls uint64 // that it was asked about
}

// Replace puts rules in force, in the place of those that are. Of the calls that
// a rule with a rate is about, equal seeds choose the same. The error says which rule is none.
func (s *Set) Replace(seed uint64, rules []Rule) error {
	if len(rules) > MaxRules {
		return fmt.Errorf("there are more than %d rules", MaxRules)
	}
	checked := make([]rule, len(rules))
	for i, r := range rules {
		if err := r.Check(s.restart != nil); err != nil {
			return fmt.Errorf("rule %d: %w", i+1, err)
		}
		if r.Fault == ModuleRestart {
			r.Count = max(r.Count, 1)
		}
		checked[i].Rule = r
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return errEnded
	}
	s.replace(seed, checked)
	return nil
}

// replace is called with the lock held.
func (s *Set) replace(seed uint64, rules []rule) {
	s.rules, s.seed = rules, seed
	close(s.changed)
	s.changed = make(chan struct{})
}

// errEnded says that no rule comes into force any more.
var errEnded = errors.New("trent dev is ending")

// End ends all rules, for good.
func (s *Set) End() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = true
	s.replace(0, nil)
}

// Status returns the rules in force.
func (s *Set) Status() []Status {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := make([]Status, len(s.rules))
	for i := range s.rules {
		status[i] = s.rules[i].Status
	}
	return status
}

// Check says what is wrong with a rule; restarts is whether a ModuleRestart can
// be.
func (r *Rule) Check(restarts bool) error {
	if _, ok := api.ParseOp(r.Operation); !ok && r.Operation != Any && r.Operation != "" {
		return fmt.Errorf("there is no operation %q; %q is all of them", r.Operation, Any)
	}
	if kind := arn.Parse(r.KeyID).Kind; r.KeyID != "" && kind != arn.KeyID && kind != arn.KeyARN {
		return fmt.Errorf("%q is neither the id nor the ARN of a key", r.KeyID)
	}
	switch r.Fault {
	case Throttle, Internal, Unavailable, Latency:
	case ModuleRestart:
		if !restarts {
			return errors.New("the crypto module was started separately (--hsm): end it yourself")
		}
		if r.Count > maxRestarts {
			return fmt.Errorf("a crypto module is started again %d times in ten minutes at most, and then trent ends", maxRestarts)
		}
	default:
		return fmt.Errorf("fault %q is none of %s, %s, %s, %s, %s", r.Fault, Throttle, Internal, Unavailable, Latency, ModuleRestart)
	}
	if r.Rate != nil && !(*r.Rate >= 0 && *r.Rate <= 1) {
		return errors.New("the rate must be from 0 to 1")
	}
	if r.Count < 0 {
		return errors.New("the count must not be negative")
	}
	if r.Fault == Latency && (r.LatencyMs < 1 || r.LatencyMs > maxLatencyMs) {
		return fmt.Errorf("a latency must be from 1 to %d ms", maxLatencyMs)
	}
	if r.Fault != Latency && r.LatencyMs != 0 {
		return fmt.Errorf("%s has no latency; give it a rule of its own", r.Fault)
	}
	return nil
}

// matches reports whether a rule is about a call.
func (r *Rule) matches(c *call.Call) bool {
	if r.Operation != Any && r.Operation != "" && r.Operation != c.Op.String() {
		return false
	}
	if r.KeyID == "" {
		return true
	}
	for _, k := range c.Keys {
		if k != nil && (k.ID == r.KeyID || k.ARN == r.KeyID) {
			return true
		}
	}
	return false
}

// chosen reports whether the next call that a rule is about is among the share
// that it is for. The choice is a hash, so it repeats for the same seed.
func (s *Set) chosen(i int) bool {
	r := &s.rules[i]
	r.calls++
	if r.Rate == nil {
		return true
	}
	var b [24]byte
	binary.BigEndian.PutUint64(b[:], s.seed)
	binary.BigEndian.PutUint64(b[8:], uint64(i))
	binary.BigEndian.PutUint64(b[16:], r.calls)
	h := sha256.Sum256(b[:])
	return float64(binary.BigEndian.Uint64(h[:])>>11)/(1<<53) < *r.Rate
}

// meets counts the rules that a call meets, in their order up to the first that
// is an error, and returns what they come to.
func (s *Set) meets(c *call.Call) (latency time.Duration, restart bool, fault string, changed <-chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.rules {
		r := &s.rules[i]
		if !r.matches(c) || r.Count > 0 && r.Hits >= r.Count || !s.chosen(i) {
			continue
		}
		r.Hits++
		switch r.Fault {
		case Latency:
			latency += time.Duration(r.LatencyMs) * time.Millisecond
		case ModuleRestart:
			restart = true
		default:
			return latency, restart, r.Fault, s.changed
		}
	}
	return latency, restart, "", s.changed
}

// errAsked is the cause that the log names.
var errAsked = errors.New("a fault that /_trent/faults asked for")

// Apply is the pipeline's hook: it waits, and returns the error that the call
// meets, if any. Whoever waits goes on when the rules change.
func (s *Set) Apply(ctx context.Context, c *call.Call) error {
	latency, restart, fault, changed := s.meets(c)
	latency = min(latency, maxLatencyMs*time.Millisecond)
	if latency > 0 {
		timer := time.NewTimer(latency)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if restart {
		if err := s.restart(ctx); err != nil {
			return err
		}
	}
	switch fault {
	case Throttle:
		return apierr.New(apierr.Throttling, "You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.")
	case Internal:
		return apierr.Internal(errAsked)
	case Unavailable:
		return apierr.New(apierr.ServiceUnavailable, "The service is temporarily unavailable. Try the request again.")
	}
	return nil
}
