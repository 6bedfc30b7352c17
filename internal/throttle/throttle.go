// Package throttle owns the request quotas: which class of quota a request counts
// in, AWS's number of each class, and the buckets that count, one for each account,
// Region and class.
//
// A bucket holds one second's worth of requests and is filled evenly: in any time t
// an account gets through at most its number and number × t, and who waits gets
// exactly that. Buckets that are full again and idle are dropped, which nobody can
// tell: memory is bounded by what was asked for in the last minutes.
//
// It must never refuse by anything but the numbers, read a clock, wait, or tell one
// account of another. Resource quotas are internal/quota's. The pipeline, the
// configuration and the wiring import it. Source: the AWS KMS Developer Guide,
// "Request quotas".
package throttle

import (
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	shards = 16
	// leastSweep is how many buckets a shard has before idle ones are looked for.
	leastSweep = 1024
)

// Limiter counts requests. It is for any number of goroutines.
type Limiter struct {
	numbers   *Numbers
	epoch     time.Time // times are nanoseconds since then, of the monotonic clock
	seed      maphash.Seed
	shards    [shards]shard
	throttled [NumClasses + 1]atomic.Uint64
}

type shard struct {
	mu      sync.Mutex
	buckets map[place]*bucket
	sweepAt int // so many buckets
}

// place is what has a quota of its own.
type place struct {
	account, region string
	class           Class
}

// request is what one request takes out of a bucket: whole numbers, so that a second
// has exactly as many as its number says.
const request = 1e12

// bucket is the state of one quota.
type bucket struct {
	rate     int64 // that comes in in a nanosecond
	capacity int64
	level    int64 // at the time last
	last     int64 // nanoseconds since epoch

	second    int64  // since epoch, of the last request
	count     uint32 // got through in that second
	minute    int64
	peak      uint32 // the most in one second of that minute
	before    uint32 // and of the minute before
	throttled uint64
}

// New makes a limiter. Times that Take is given are not before epoch.
func New(numbers *Numbers, epoch time.Time) *Limiter {
	l := &Limiter{numbers: numbers, epoch: epoch, seed: maphash.MakeSeed()}
	for i := range l.shards {
		l.shards[i].buckets, l.shards[i].sweepAt = make(map[place]*bucket), leastSweep
	}
	return l
}

// Take counts one request and reports whether it may go on. One that was received
// before another and comes later gains nothing by it.
func (l *Limiter) Take(received time.Time, account, region string, class Class) bool {
	now := int64(received.Sub(l.epoch))
	p := place{account, region, class}
	s := &l.shards[maphash.String(l.seed, account)%shards]
	s.mu.Lock()
	b := s.buckets[p]
	if b == nil {
		b = s.add(l.numbers, p, now)
	}
	ok := b.take(now)
	s.mu.Unlock()
	if !ok {
		l.throttled[class].Add(1)
	}
	return ok
}

func (b *bucket) take(now int64) bool {
	if second := now / int64(time.Second); second > b.second {
		b.tick(second)
	}
	if b.fill(now); b.level < request {
		b.throttled++
		return false
	}
	b.level -= request
	b.count++
	b.peak = max(b.peak, b.count)
	return true
}

// fill lets in what has come since the last time.
func (b *bucket) fill(now int64) {
	switch since := now - b.last; {
	case since <= 0:
		return
	case since >= (b.capacity-b.level)/b.rate+1:
		b.level = b.capacity
	default:
		b.level = min(b.level+since*b.rate, b.capacity)
	}
	b.last = now
}

// tick begins another second.
func (b *bucket) tick(second int64) {
	b.second, b.count = second, 0
	if minute := second / 60; minute != b.minute {
		b.before = 0
		if minute == b.minute+1 {
			b.before = b.peak
		}
		b.minute, b.peak = minute, 0
	}
}

// add makes a bucket, which is full. The mutex is held.
func (s *shard) add(numbers *Numbers, p place, now int64) *bucket {
	if len(s.buckets) >= s.sweepAt {
		s.sweep(now)
	}
	// What a call has is used again.
	p.account, p.region = strings.Clone(p.account), strings.Clone(p.region)
	perSecond := numbers.PerSecond(p.region, p.class) // a multiple of 0.1
	b := &bucket{rate: int64(perSecond * (request / float64(time.Second))), capacity: request * max(int64(perSecond), 1), last: now, second: now / int64(time.Second)}
	b.level, b.minute = b.capacity, b.second/60
	s.buckets[p] = b
	return b
}

// sweep drops buckets that are full and have no peak to show. The mutex is held.
func (s *shard) sweep(now int64) {
	for p, b := range s.buckets {
		if b.fill(now); b.level == b.capacity && b.recent(now) == 0 {
			delete(s.buckets, p)
		}
	}
	s.sweepAt = max(leastSweep, 2*len(s.buckets))
}

// recent is the most requests that got through in one second of this minute and the
// one before.
func (b *bucket) recent(now int64) uint32 {
	switch now/int64(time.Minute) - b.minute {
	case 0:
		return max(b.peak, b.before)
	case 1:
		return b.peak
	}
	return 0
}

// Usage is what an account used of one quota.
type Usage struct {
	Account, Region string
	Class           Class
	Limit           float64 // requests a second
	Peak            int     // the most in one second of this minute and the one before
	Throttled       uint64  // refused since the account has used the quota without a pause of minutes
}

// Usage returns what was used lately, in no order.
func (l *Limiter) Usage(now time.Time) (all []Usage) {
	at := int64(now.Sub(l.epoch))
	for i := range l.shards {
		s := &l.shards[i]
		s.mu.Lock()
		for p, b := range s.buckets {
			if peak := b.recent(at); peak > 0 {
				all = append(all, Usage{Account: p.account, Region: p.region, Class: p.class, Limit: l.numbers.PerSecond(p.region, p.class), Peak: int(peak), Throttled: b.throttled})
			}
		}
		s.mu.Unlock()
	}
	return all
}

// Throttled is how many requests of a class were refused, of all accounts.
func (l *Limiter) Throttled(c Class) uint64 { return l.throttled[c].Load() }

// PerSecond is a quota in a Region.
func (l *Limiter) PerSecond(region string, c Class) float64 { return l.numbers.PerSecond(region, c) }
