package main

import (
	"os"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
)

// A syncCost is what one write of so many bytes and its fdatasync take, the way
// that the trail does it with strict: into zeros that were written before.
type syncCost struct {
	Bytes  int     `json:"bytes"`
	CPU    float64 `json:"cpu_us"`  // of the thread, medians
	Median float64 `json:"wall_us"` //
	P99    float64 `json:"wall_p99_us"`
}

// syncCosts measures batches of 1, 8 and 32 records' size.
func syncCosts(folder string) (costs []syncCost, err error) {
	const recordBytes, syncs = 800, 400
	f, err := os.Create(filepath.Join(folder, "sync"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	for _, records := range []int{1, 8, 32} {
		batch := make([]byte, records*recordBytes)
		if _, err := f.WriteAt(make([]byte, syncs*len(batch)), 0); err != nil {
			return nil, err
		}
		if err := f.Sync(); err != nil {
			return nil, err
		}
		var cpu, wall []float64
		for i := range syncs {
			began, used := time.Now(), threadCPUTime()
			if _, err := f.WriteAt(batch, int64(i*len(batch))); err != nil {
				return nil, err
			}
			if err := unix.Fdatasync(int(f.Fd())); err != nil {
				return nil, err
			}
			cpu, wall = append(cpu, micros(threadCPUTime()-used)), append(wall, micros(time.Since(began)))
		}
		costs = append(costs, syncCost{Bytes: len(batch), CPU: median(cpu), Median: median(wall), P99: quantile(wall, 0.99)})
	}
	return costs, nil
}

// threadCPUTime is what the calling thread has used.
func threadCPUTime() time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}
