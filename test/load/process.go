package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// tree is a process and its descendants: the service and its module.
func tree(pid int) []int {
	pids := []int{pid}
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, task := range tasks {
		children, _ := os.ReadFile(task)
		for _, field := range strings.Fields(string(children)) {
			if child, err := strconv.Atoi(field); err == nil {
				pids = append(pids, tree(child)...)
			}
		}
	}
	return pids
}

// treeCPUTime is the user and system time of a process and its descendants.
func treeCPUTime(pid int) (sum time.Duration) {
	for _, p := range tree(pid) {
		sum += cpuTime(p)
	}
	return sum
}

// cpuTime is the user and system time that a process has used, by its CPU
// clock, to the nanosecond: /proc counts ticks of 10 ms, which is more than a
// second of slow requests costs the null server. 0 when the process is gone.
func cpuTime(pid int) time.Duration {
	const schedClock = 2 // CPUCLOCK_SCHED of the kernel's posix-timers.h
	var t unix.Timespec
	if unix.ClockGettime(int32(^pid<<3|schedClock), &t) != nil {
		return 0
	}
	return time.Duration(t.Nano())
}

// How waitIdle looks: a process is idle if hardly a sample finds a thread of it
// running or waiting for a processor.
const (
	idleSamples  = 25
	idleInterval = 20 * time.Millisecond
	idleBusy     = 2 // samples
	idleTimeout  = 10 * time.Minute
)

// waitIdle waits until a server and its descendants have nothing to do: the
// crypto module goes on making RSA keys ahead after its last answer, on a
// thread that waits for the processor behind all others.
func waitIdle(pid int) error {
	for end := time.Now().Add(idleTimeout); time.Now().Before(end); {
		busy := 0
		for range idleSamples {
			time.Sleep(idleInterval)
			if running(pid) {
				busy++
			}
		}
		if busy <= idleBusy {
			return nil
		}
	}
	return fmt.Errorf("process %d is not idle after %v", pid, idleTimeout)
}

// running says whether a thread of a process or its descendants has work.
func running(pid int) bool {
	for _, p := range tree(pid) {
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/stat", p))
		for _, task := range tasks {
			stat, _ := os.ReadFile(task)
			// The name, in parentheses, may hold spaces; the state is the first field after.
			if _, state, ok := bytes.Cut(stat[max(0, bytes.LastIndexByte(stat, ')')):], []byte(") ")); ok && state[0] == 'R' {
				return true
			}
		}
	}
	return false
}

// residentMiB is the resident memory of a process.
func residentMiB(pid int) float64 {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(status)) {
		if value, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			kib, _ := strconv.ParseFloat(strings.Fields(value)[0], 64)
			return kib / 1024
		}
	}
	return 0
}

// processName is the name of a process's program.
func processName(pid int) string {
	name, _ := os.ReadFile(fmt.Sprintf("/proc/%d/comm", pid))
	return strings.TrimSpace(string(name))
}
