package key

import "time"

// A Brownout has a share of a key's uses refused for a while, so that who needs the
// key notices before it is deleted. The zero value refuses nothing.
type Brownout struct {
	Percent      int // 1 to 100
	Since, Until time.Time
}

// Active reports whether uses are refused at a time.
func (b *Brownout) Active(now time.Time) bool {
	return b.Percent > 0 && !now.Before(b.Since) && now.Before(b.Until)
}

// Refuses reports whether a request is among those that are refused: the same
// answer however often it is asked.
func (b *Brownout) Refuses(requestID string, now time.Time) bool {
	if !b.Active(now) {
		return false
	}
	const offset, prime = 14695981039346656037, 1099511628211 // FNV-1a
	h := uint64(offset)
	for i := range len(requestID) {
		h = (h ^ uint64(requestID[i])) * prime
	}
	h ^= h >> 32
	return h%100 < uint64(b.Percent)
}
