package audit

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// benchRecord has the size of a common record.
func benchRecord() []byte {
	e := encryptEvent()
	return e.AppendJSON(nil)[:900] // the trail does not look into it
}

// cpuTime is the process's user and system time in nanoseconds.
func cpuTime(b *testing.B) int64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return r.Utime.Nano() + r.Stime.Nano()
}

// BenchmarkAppend: besides the time an append takes, the CPU time of it,
// everything counted, and how many records shared a write and a sync.
func BenchmarkAppend(b *testing.B) {
	record := benchRecord()
	for _, mode := range allModes {
		for _, appenders := range []int{1, 16, 64} {
			b.Run(fmt.Sprintf("%v/appenders=%d", mode, appenders), func(b *testing.B) {
				trail, err := Open(b.Context(), filepath.Join(b.TempDir(), "audit"), Options{Node: testNode, Mode: mode})
				if err != nil {
					b.Fatal(err)
				}
				start := trail.Stats()
				cpu := cpuTime(b)
				var left atomic.Int64
				left.Store(int64(b.N))
				b.SetBytes(int64(len(record)))
				b.ReportAllocs()
				b.ResetTimer()
				var all sync.WaitGroup
				for range appenders {
					all.Go(func() {
						for left.Add(-1) >= 0 {
							if err := trail.Append(context.Background(), record); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				all.Wait()
				b.StopTimer()
				cpu = cpuTime(b) - cpu
				if err := trail.Close(); err != nil {
					b.Fatal(err)
				}
				s := trail.Stats()
				b.ReportMetric(float64(cpu)/float64(b.N), "cpu-ns/op")
				b.ReportMetric(float64(s.Records)/float64(s.Writes), "records/write")
				b.ReportMetric(float64(s.Syncs-start.Syncs), "syncs")
			})
		}
	}
}

// BenchmarkAppendThink is what a server does: each appender works about 50 µs
// between its appends. It reports the CPU time of a record, that work included,
// how many records shared a sync, and the median time of an append.
func BenchmarkAppendThink(b *testing.B) {
	record, work := benchRecord(), make([]byte, 96<<10)
	for _, mode := range []Mode{Relaxed, Strict} {
		for _, appenders := range []int{1, 4, 16, 64} {
			b.Run(fmt.Sprintf("%v/appenders=%d", mode, appenders), func(b *testing.B) {
				trail, err := Open(b.Context(), filepath.Join(b.TempDir(), "audit"), Options{Node: testNode, Mode: mode})
				if err != nil {
					b.Fatal(err)
				}
				start, cpu := trail.Stats(), cpuTime(b)
				waits := make([]time.Duration, b.N)
				var next atomic.Int64
				var all sync.WaitGroup
				for range appenders {
					all.Go(func() {
						for i := next.Add(1); i <= int64(b.N); i = next.Add(1) {
							sha256.Sum256(work)
							before := time.Now()
							if err := trail.Append(context.Background(), record); err != nil {
								b.Error(err)
								return
							}
							waits[i-1] = time.Since(before)
						}
					})
				}
				all.Wait()
				b.StopTimer()
				cpu = cpuTime(b) - cpu
				syncs := trail.Stats().Syncs - start.Syncs
				if err := trail.Close(); err != nil {
					b.Fatal(err)
				}
				slices.Sort(waits)
				b.ReportMetric(float64(cpu)/float64(b.N), "cpu-ns/op")
				b.ReportMetric(float64(b.N)/float64(max(syncs, 1)), "records/sync")
				b.ReportMetric(float64(waits[b.N/2].Nanoseconds()), "p50-ns")
				b.ReportMetric(float64(waits[b.N*99/100].Nanoseconds()), "p99-ns")
			})
		}
	}
}

// BenchmarkSync is one write of a record and one fdatasync, alone.
func BenchmarkSync(b *testing.B) {
	f, err := os.OpenFile(filepath.Join(b.TempDir(), "file"), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		b.Fatal(err)
	}
	record := benchRecord()
	cpu := cpuTime(b)
	for b.Loop() {
		if _, err := f.Write(record); err != nil {
			b.Fatal(err)
		}
		if err := (&osFile{File: f}).Sync(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpuTime(b)-cpu)/float64(b.N), "cpu-ns/op")
	if err := f.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkAppendJSON is the making of a record from its event.
func BenchmarkAppendJSON(b *testing.B) {
	e, buf := encryptEvent(), make([]byte, 0, 2048)
	b.ReportAllocs()
	for b.Loop() {
		buf = e.AppendJSON(buf[:0])
	}
	b.SetBytes(int64(len(buf)))
}

func BenchmarkEventID(b *testing.B) {
	var ids IDs
	var buf [eventIDBytes]byte
	for b.Loop() {
		ids.Append(buf[:0])
	}
}

// BenchmarkOpen is a start after a full segment: it is read and verified.
func BenchmarkOpen(b *testing.B) {
	dir := filepath.Join(b.TempDir(), "audit")
	o := Options{Node: testNode, Mode: NoWait}
	trail, err := Open(b.Context(), dir, o)
	if err != nil {
		b.Fatal(err)
	}
	record := benchRecord()
	for range o.segmentRecords(len(record)) {
		if err := trail.Append(b.Context(), record); err != nil {
			b.Fatal(err)
		}
	}
	if err := trail.Close(); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(trail.Stats().Bytes))
	cpu := cpuTime(b)
	for b.Loop() {
		trail, err := Open(b.Context(), dir, o)
		if err != nil {
			b.Fatal(err)
		}
		if err := trail.Close(); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpuTime(b)-cpu)/float64(b.N), "cpu-ns/op")
}

// segmentRecords is how many records of n bytes fill a default segment.
func (Options) segmentRecords(n int) int { return (64<<20 - headerBytes) / (n + frameBytes) }
