package soak

import (
	"context"
	"encoding/json"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"trent/test/harness"
)

// everyKeyIsListed walks the list of all keys: all that were acknowledged are
// there, and beyond them at most those whose answer never came.
func (r *run) everyKeyIsListed(workers []*worker) {
	listed := map[string]bool{}
	c := r.epoch.Load().clients[0]
	for marker, more := (*string)(nil), true; more; more = marker != nil {
		page, next, _, err := listPage(context.Background(), c, "ListKeys", marker)
		if err != nil {
			r.t.Fatal(err)
		}
		for _, id := range page {
			listed[id] = true
		}
		marker = next
	}
	acknowledged, perhaps := 0, 0
	for _, w := range workers {
		for id := range w.known {
			if !listed[id] {
				r.t.Errorf("key %s is acknowledged and not listed", id)
			}
		}
		if acknowledged += len(w.known); w.special != nil {
			acknowledged++
			if !listed[w.special.id] {
				r.t.Errorf("key %s is acknowledged and not listed", w.special.id)
			}
		}
		perhaps += w.made
	}
	if len(listed) > acknowledged+perhaps {
		r.t.Errorf("%d keys are listed, %d were acknowledged, %d more were asked for", len(listed), acknowledged, perhaps)
	}
}

// report says what happened, and checks that it was what the test is about.
func (r *run) report(workers []*worker) {
	calls := map[string]int{}
	refused, cutOff, compared, total := 0, 0, 0, 0
	for _, w := range workers {
		for op, n := range w.succeeded {
			calls[op] += n
			total += n
		}
		refused, cutOff, compared = refused+w.refused, cutOff+w.cutOff, compared+w.comparison
	}
	r.t.Logf("%d connections, %v: %d calls succeeded (%.0f a second), %d were refused while the module was away, %d cut off by restarts; %d reads right after a mutation; the module was killed %d times",
		r.plan.clients, r.duration, total, float64(total)/r.duration.Seconds(), refused, cutOff, compared, r.gone.Load())
	for _, op := range slices.Sorted(maps.Keys(calls)) {
		r.t.Logf("%-32s %d", op, calls[op])
	}
	if !harness.Soak() {
		return // a busy machine does not come to every operation in seconds
	}
	for _, op := range []string{"Encrypt", "Decrypt", "ReEncrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateRandom",
		"Sign", "Verify", "GenerateMac", "VerifyMac", "DeriveSharedSecret", "GetPublicKey", "DescribeKey", "GetKeyPolicy", "ListKeys", "ListAliases", "ListResourceTags"} {
		if calls[op] == 0 {
			r.t.Errorf("no %s succeeded", op)
		}
	}
	for op := range mutates {
		if calls[op] == 0 {
			r.t.Errorf("no %s succeeded", op)
		}
	}
}

// checkTrail holds the audit trail against the clients: each acknowledged
// mutation has one record, and the only others are of mutations whose answer
// never came.
func (r *run) checkTrail(workers []*worker) {
	want := map[string]string{}
	for _, w := range workers {
		maps.Copy(want, w.mutations)
	}
	acknowledged, others, records := len(want), 0, 0
	seen := make(map[string]int, acknowledged)
	for record, err := range harness.AuditRecords(r.server.Data) {
		if err != nil {
			r.t.Fatal(err)
		}
		records++
		var m struct{ EventName, RequestID, ErrorCode string }
		if err := json.Unmarshal(record.JSON, &m); err != nil {
			r.t.Fatal(err)
		}
		if !mutates[m.EventName] || m.ErrorCode != "" {
			continue
		}
		if op := want[m.RequestID]; op == "" {
			others++
		} else if op != m.EventName {
			r.t.Errorf("%s is recorded as %s", op, m.EventName)
		}
		seen[m.RequestID]++
	}
	for id, op := range want {
		if seen[id] != 1 {
			r.t.Errorf("the trail has an acknowledged %s %d times", op, seen[id])
		}
	}
	cutOff := 0
	for _, w := range workers {
		cutOff += w.cutOff
	}
	if others > cutOff {
		r.t.Errorf("the trail has %d mutations that nobody was told of, and only %d calls were cut off", others, cutOff)
	}
	r.t.Logf("the trail has %d records; of %d acknowledged mutations each once, and %d whose answer never came", records, acknowledged, others)
}

// memory is the resident memory of both programs over the lives of the
// service.
type memory struct {
	t      *testing.T
	server *harness.Server
	warm   time.Duration // after a start, before memory counts
	since  time.Time
	lives  []life
}

// A life is the memory of one life of the service, in MiB, by program.
type life struct{ peak map[string]float64 }

// begin is called when the service has started.
func (m *memory) begin() {
	m.since = time.Now()
	m.lives = append(m.lives, life{map[string]float64{}})
}

// look reads what both programs hold now.
func (m *memory) look() {
	if time.Since(m.since) < m.warm {
		return
	}
	peak := m.lives[len(m.lives)-1].peak
	peak["trent"] = max(peak["trent"], residentMiB(m.server.PID()))
	if module := m.server.Module(); module != 0 {
		peak["trent-hsm"] = max(peak["trent-hsm"], residentMiB(module))
	}
}

// residentMiB is 0 for a process that is gone.
func residentMiB(pid int) float64 {
	statm, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/statm")
	fields := strings.Fields(string(statm))
	if len(fields) < 2 {
		return 0
	}
	pages, _ := strconv.Atoi(fields[1])
	return float64(pages*os.Getpagesize()) / (1 << 20)
}

// Bounds of the memory that a program may hold.
//
// The later lives serve the same keys to as many clients as the first one and
// can differ from it only by what is kept for each request: half as much again is
// what the garbage collector's rhythm explains, and a leak of a kilobyte a
// request would be hundreds of MiB.
//
// And 256 connections with some 100 KiB each for what they read, write and wait
// for, and caches of a thousand keys, are 40 MiB, which the collector lets grow to
// five times as much; the module keeps nothing but its buffers, and the garbage
// that its collector leaves to grow, 16 MiB at least.
const growth = 1.5

var mostMiB = map[string]float64{"trent": 256, "trent-hsm": 80}

// check holds each life against the first one.
func (m *memory) check(t *testing.T) {
	for program, most := range mostMiB {
		var peaks []float64
		for _, l := range m.lives {
			if p := l.peak[program]; p > 0 {
				peaks = append(peaks, p)
			}
		}
		t.Logf("%s: resident at most, in MiB, in each life of the service: %.1f", program, peaks)
		if len(peaks) < 2 {
			t.Errorf("%s was looked at in %d lives only", program, len(peaks))
			continue
		}
		for i, p := range peaks[1:] {
			if p > growth*peaks[0] || p > most {
				t.Errorf("%s holds %.1f MiB in life %d, %.1f in the first; want %.0f at most", program, p, i+2, peaks[0], most)
			}
		}
	}
}
