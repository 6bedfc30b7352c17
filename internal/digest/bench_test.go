package digest

import (
	"errors"
	"syscall"
	"testing"
	"time"

	"trent/internal/audit"
	"trent/internal/audit/audittest"
)

// BenchmarkVerify verifies a trail of three segments, without digests, that is in
// memory: what reading, checking and hashing take. cpu-MB/s is by CPU time.
func BenchmarkVerify(b *testing.B) {
	dir := b.TempDir()
	t, err := audit.Open(b.Context(), dir, audit.Options{Node: node, Mode: audit.NoWait})
	if err != nil {
		b.Fatal(err)
	}
	calls := audittest.Calls{Total: 60_000, Keys: 500, Users: 200, Begin: time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC), Length: time.Hour}
	if err := errors.Join(calls.Write(b.Context(), t, 0, calls.Total), t.Close()); err != nil {
		b.Fatal(err)
	}
	segments, err := audit.Segments(dir, node)
	if err != nil {
		b.Fatal(err)
	}
	total := int64(0)
	for _, s := range segments {
		total += s.Bytes
	}
	b.SetBytes(total)
	cpu := func() int64 {
		var r syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
			b.Fatal(err)
		}
		return r.Utime.Nano() + r.Stime.Nano()
	}
	used := cpu()
	for b.Loop() {
		r, err := Verify(dir, Options{})
		if err != nil || r.Nodes[0].Records != uint64(calls.Total) {
			b.Fatal(r, err)
		}
	}
	b.ReportMetric(float64(total)*float64(b.N)/1e6/(float64(cpu()-used)/1e9), "cpu-MB/s")
}
