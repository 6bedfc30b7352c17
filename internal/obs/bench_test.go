package obs

import (
	"testing"
	"time"

	"trent/internal/api"
	"trent/internal/front"
)

// BenchmarkRequest is what a request pays for being counted.
func BenchmarkRequest(b *testing.B) {
	r := NewRequests(NewMetrics("test"), nil)
	o := front.Outcome{Op: api.OpEncrypt, Took: 42 * time.Microsecond, RequestBytes: 100, AnswerBytes: 200, Account: "111122223333"}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r.Began()
			r.Ended(o)
		}
	})
}

// BenchmarkSeconds is what observing a duration costs.
func BenchmarkSeconds(b *testing.B) {
	observe := NewMetrics("test").Seconds("test_seconds", "Test.")
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			observe(42 * time.Microsecond)
		}
	})
}
