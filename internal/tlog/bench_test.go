package tlog

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"trent/internal/audit"
)

// BenchmarkLog is what a record costs: to read it from the trail, and to hash it into
// the tree. The first is what the index and a verification pay too.
func BenchmarkLog(b *testing.B) {
	trails, logs := b.TempDir(), b.TempDir()
	tr, err := audit.Open(b.Context(), trails, audit.Options{Node: node, Mode: audit.NoWait})
	if err != nil {
		b.Fatal(err)
	}
	const records = 100_000
	record := fmt.Appendf(nil, `{"eventName":"Encrypt","pad":"%s"}`, strings.Repeat("x", 900))
	for range records {
		if err := tr.Append(b.Context(), record); err != nil {
			b.Fatal(err)
		}
	}
	covered, err := tr.Durable(context.Background())
	if err != nil {
		b.Fatal(err)
	}
	if err := tr.Close(); err != nil {
		b.Fatal(err)
	}
	s := newSigner(b)
	for i := 0; b.Loop(); i++ {
		l := New(Config{Trail: trails, Folder: fmt.Sprintf("%s/%d", logs, i), Node: node, Signer: s, Covered: func() audit.Head { return covered }, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
		used := processor(b)
		if err := l.Update(b.Context()); err != nil {
			b.Fatal(err)
		}
		whole := processor(b) - used
		used = processor(b)
		for _, err := range audit.Records(trails) {
			if err != nil {
				b.Fatal(err)
			}
		}
		b.ReportMetric(float64(whole.Nanoseconds())/records, "cpu-ns/record")
		b.ReportMetric(float64(whole)/float64(processor(b)-used), "x-reading")
	}
}

// processor is the time of processors that this process has used.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
