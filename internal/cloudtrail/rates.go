package cloudtrail

import (
	"maps"
	"sync"
	"time"
)

// The rate of lookups of an account in a Region: AWS's, and as many at once as a
// client takes who reads several pages.
const (
	perSecond = 2
	atOnce    = 10
	// maxHistories bounds how many are remembered. Those that have their whole rate
	// again are forgotten first, and then all: nobody is refused for others'.
	maxHistories = 10_000
)

// rates counts lookups. Its zero value is ready.
type rates struct {
	mu   sync.Mutex
	left map[string]budget
}

// budget is what is left to an account in a Region.
type budget struct {
	lookups float64
	at      time.Time
}

// take reports whether there may be one more lookup now.
func (r *rates) take(history string, now time.Time) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.left == nil || len(r.left) >= maxHistories {
		r.forget(now)
	}
	b, ok := r.left[history]
	if !ok {
		b = budget{atOnce, now}
	}
	b = b.later(now)
	allowed := b.lookups >= 1
	if allowed {
		b.lookups--
	}
	r.left[history] = b
	return allowed
}

// later is the budget some time later. A clock that was set back gives nothing.
func (b budget) later(now time.Time) budget {
	if passed := now.Sub(b.at); passed > 0 {
		b.lookups = min(atOnce, b.lookups+passed.Seconds()*perSecond)
	}
	b.at = now
	return b
}

func (r *rates) forget(now time.Time) {
	maps.DeleteFunc(r.left, func(_ string, b budget) bool { return b.later(now).lookups >= atOnce })
	if r.left == nil || len(r.left) >= maxHistories {
		r.left = map[string]budget{}
	}
}
