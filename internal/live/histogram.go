package live

import (
	"math"
	"math/bits"
	"time"
)

// A power of two of nanoseconds has parts buckets, so that what is read is right to
// one in parts.
const (
	partBits = 4
	parts    = 1 << partBits
	octaves  = 40 // up to 18 minutes; what takes longer counts as that
)

// Histogram counts durations. The zero value is empty.
type Histogram struct {
	buckets [octaves * parts]uint32
	count   uint64
	max     time.Duration
}

// Add counts a duration.
func (h *Histogram) Add(d time.Duration) {
	h.buckets[bucket(d)]++
	h.count++
	h.max = max(h.max, d)
}

// bucket is where a duration counts.
func bucket(d time.Duration) int {
	v := uint64(max(d, 0))
	if v < parts {
		return int(v)
	}
	shift := bits.Len64(v) - partBits - 1
	return min((shift+1)*parts+int(v>>shift)-parts, octaves*parts-1)
}

// highest is the longest duration of a bucket.
func highest(bucket int) time.Duration {
	if bucket < parts {
		return time.Duration(bucket)
	}
	shift := bucket/parts - 1
	return time.Duration(uint64(bucket%parts+parts+1)<<shift - 1)
}

// Max is the longest duration; zero if there is none.
func (h *Histogram) Max() time.Duration { return h.max }

// Quantile is a duration that the share q of all do not exceed, too long by one in
// sixteen at most; zero if there is none.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := uint64(math.Ceil(q * float64(h.count)))
	seen := uint64(0)
	for i, n := range h.buckets {
		if seen += uint64(n); n > 0 && seen >= rank {
			return min(highest(i), h.max)
		}
	}
	return 0
}
