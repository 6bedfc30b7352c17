package obs

import (
	"io"
	"testing"
	"time"

	"trent/internal/api"
	"trent/internal/front"
)

// BenchmarkRequest is what a request pays for being counted.
func BenchmarkRequest(b *testing.B) {
	r := NewRequests(NewMetrics("test"), nil, nil)
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

// BenchmarkLoggedRequest is what a request pays whose line is logged.
func BenchmarkLoggedRequest(b *testing.B) {
	lines := NewLines(io.Discard, jsonLines)
	defer lines.Close()
	r := NewRequests(NewMetrics("test"), NewRequestLog(lines.Logger(), LogAll), nil)
	o := front.Outcome{
		Op: api.OpEncrypt, Status: 200, Took: 42 * time.Microsecond, RequestBytes: 100, AnswerBytes: 200, Region: "eu-west-1", Account: "111122223333",
		PrincipalType: "Root", KeyARN: "arn:aws:kms:eu-west-1:111122223333:key/11111111-2222-4333-8444-555555555555", Listener: "public", SourceIP: "192.0.2.7",
		RequestID: "11111111-2222-4333-8444-555555555555", EventID: "11111111-2222-4333-8444-555555555555",
	}
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			r.Began()
			r.Ended(o)
		}
	})
}
