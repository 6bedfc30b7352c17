package client_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"trent/internal/hsm/client"
	"trent/internal/hsm/proto"
)

// BenchmarkGenerateDataKey is the round trip through a real module in a
// process of its own, with so many callers at once. Beside the time it
// reports the processor time of both programs, and how many frames a system
// call carries.
func BenchmarkGenerateDataKey(b *testing.B) {
	for _, callers := range []int{1, 16, 64} {
		b.Run(fmt.Sprintf("callers=%d", callers), func(b *testing.B) {
			c, module := connected(b)
			request := proto.GenerateDataKeyRequest{Key: newKey(b, c), Bytes: 32}
			b.ReportAllocs()
			before, ours, theirs := c.Counters(), ownCPU(b), moduleCPU(b, module.Pid)
			each(b, callers, func() {
				if err := dataKey(b, c, &request); err != nil {
					b.Error(err)
				}
			})
			n, after := float64(b.N), c.Counters()
			b.ReportMetric(float64(ownCPU(b)-ours)/n/1e3, "client-µs/op")
			b.ReportMetric(float64(moduleCPU(b, module.Pid)-theirs)/n/1e3, "module-µs/op")
			b.ReportMetric(float64(after.FramesWritten-before.FramesWritten)/float64(after.Writes-before.Writes), "frames/write")
			b.ReportMetric(float64(after.FramesRead-before.FramesRead)/float64(after.Reads-before.Reads), "frames/read")
		})
	}
}

// each runs f in b.Loop, shared by so many goroutines.
func each(b *testing.B, callers int, f func()) {
	if callers == 1 {
		for b.Loop() {
			f()
		}
		return
	}
	var left atomic.Int64
	left.Store(int64(b.N))
	var all sync.WaitGroup
	b.ResetTimer()
	for range callers {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				f()
			}
		})
	}
	all.Wait()
	b.StopTimer()
}

func dataKey(tb testing.TB, c *client.Client, request *proto.GenerateDataKeyRequest) error {
	call := c.Start(proto.CmdGenerateDataKey)
	defer call.Done()
	call.Frame = request.Append(call.Frame)
	_, err := call.Do(tb.Context())
	return err
}

// ownCPU is this process's processor time so far, in nanoseconds.
func ownCPU(tb testing.TB) int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		tb.Fatal(err)
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}

// moduleCPU is another process's processor time so far, in nanoseconds.
func moduleCPU(tb testing.TB, pid int) int64 {
	const cpuClockSched = 2 // clock ids of other processes: ~pid<<3 | which
	var now unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|cpuClockSched), &now); err != nil {
		tb.Fatal(err)
	}
	return now.Nano()
}
