package export

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"
)

// BenchmarkExport is what an export takes of a processor for each record, from
// segments to the destination; read: without a destination.
func BenchmarkExport(b *testing.B) {
	for _, kind := range []string{"read", "folder"} {
		b.Run(kind, func(b *testing.B) {
			w := newWorld(b)
			w.segmentBytes = 32 << 20
			w.restart()
			w.append(5_000, "111122223333")
			w.sign()
			b.ResetTimer()
			began := cpu(b)
			for i := range b.N {
				e := plainExport(fmt.Sprintf("x%d", i))
				e.MaxBytes = 0
				if kind == "folder" {
					e = Export{Name: e.Name, Folder: b.TempDir()}
				}
				x := w.exporter(e)
				if kind == "read" {
					x.deliverTo(discard{})
				}
				if err := x.round(b.Context()); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(cpu(b)-began)/float64(time.Microsecond)/float64(b.N)/5_000, "cpu-µs/record")
		})
	}
}

// cpu is the processor time that this process has used.
func cpu(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// discard is a destination that takes everything and keeps nothing.
type discard struct{}

func (discard) deliver(context.Context, *batch) error { return nil }
func (discard) close()                                {}
