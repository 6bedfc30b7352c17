package auditindex

import (
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"trent/internal/audit"
	"trent/internal/audit/audittest"
	"trent/internal/secret"
)

// BenchmarkFind measures a query by key and day, a page of the newest 100 of 200
// such records, in 40 segments: where each has some, and where only one has.
func BenchmarkFind(b *testing.B) {
	const segments, each = 40, 5000
	x := &Index{Trail: b.TempDir(), Folder: b.TempDir(), Log: slog.New(slog.DiscardHandler)}
	a, err := audit.Open(b.Context(), x.Trail, audit.Options{Node: nodes[0], Mode: audit.Relaxed, SegmentBytes: each * int64(len(benchRecord(0, 0))+72)})
	if err != nil {
		b.Fatal(err)
	}
	var wait sync.WaitGroup
	const writers = 100 // the order of records within a segment does not matter
	for s := range segments {
		for w := range writers {
			wait.Go(func() {
				for n := w; n < each; n += writers {
					if err := a.Append(b.Context(), []byte(benchRecord(s, n))); err != nil {
						b.Error(err)
						return
					}
				}
			})
		}
		wait.Wait()
	}
	if err := a.Close(); err != nil {
		b.Fatal(err)
	}
	if err := x.Update(b.Context()); err != nil {
		b.Fatal(err)
	}
	for name, want := range map[string]struct {
		key  string
		page int
	}{"everywhere": {"everywhere", 100}, "one segment": {"segment20", 100}, "nowhere": {"none", 0}} {
		q := Query{Terms: []Term{{Resource, "alias/" + want.key}}, NewestFirst: true, Limit: 100,
			Since: time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC), Until: time.Date(2026, 11, 20, 23, 59, 59, 0, time.UTC)}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				page, err := x.Find(b.Context(), q)
				if err != nil || len(page.Found) != want.page {
					b.Fatalf("%d records, %v", len(page.Found), err)
				}
			}
		})
	}
}

// benchRecord is a record of a segment: 5 of 5000 are about one key, and 200 about
// one that only this segment has.
func benchRecord(segment, n int) string {
	key := fmt.Sprintf("other%05d", n)
	switch {
	case n%1000 == 0:
		key = "everywhere"
	case n%25 == 1:
		key = fmt.Sprintf("segment%d", segment)
	}
	return fmt.Sprintf(`{"eventVersion":"1.11","userIdentity":{"type":"IAMUser","principalId":"AIDA","arn":"arn:aws:iam::%s:user/u","accessKeyId":"AKIA","userName":"u"},`+
		`"eventTime":"2026-11-20T%02d:%02d:%02dZ","eventSource":"kms.amazonaws.com","eventName":"Encrypt","awsRegion":"eu-west-1",`+
		`"requestParameters":{"keyId":"alias/%s"},"requestID":"r%02d-%05d","eventID":"e%02d-%05d","readOnly":true,`+
		`"resources":[{"accountId":"%s","type":"AWS::KMS::Key","ARN":"arn:aws:kms:eu-west-1:%s:key/%s"}],"recipientAccountId":"%s"}`,
		account, segment/2, n/60%60, n%60, key, segment, n, segment, n, account, account, key, account)
}

// BenchmarkBuild makes the index file of a segment as a service writes it.
func BenchmarkBuild(b *testing.B) {
	dir := b.TempDir()
	calls := audittest.Calls{Total: 45_000, Keys: 500, Users: 200, Begin: time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC), Length: 20 * time.Minute}
	a, err := audit.Open(b.Context(), dir, audit.Options{Node: nodes[0], Mode: audit.NoWait})
	if err != nil {
		b.Fatal(err)
	}
	if err := errors.Join(calls.Write(b.Context(), a, 0, calls.Total), a.Close()); err != nil {
		b.Fatal(err)
	}
	segments, err := audit.Segments(dir, nodes[0])
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(segments[0].Bytes)
	b.ReportAllocs()
	cpu, size := cpuTime(b), 0
	for b.Loop() {
		file, err := build(b.Context(), &segments[0], newHasher(secret.Bytes{}), &pacer{})
		if err != nil {
			b.Fatal(err)
		}
		size = len(file)
	}
	b.ReportMetric(float64(cpuTime(b)-cpu)/float64(b.N), "cpu-ns/op")
	b.ReportMetric(float64(size), "file-bytes")
}

// cpuTime is the process's user and system time in nanoseconds.
func cpuTime(b *testing.B) int64 {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		b.Fatal(err)
	}
	return r.Utime.Nano() + r.Stime.Nano()
}

// BenchmarkNewest asks again for the newest 100 records of a key, of a node's newest
// segment, and looks at the first question apart.
func BenchmarkNewest(b *testing.B) {
	x := &Index{Trail: b.TempDir(), Folder: filepath.Join(b.TempDir(), "index"), Wake: make(chan struct{}, 1)}
	t, err := audit.Open(b.Context(), x.Trail, audit.Options{Node: nodes[0], Mode: audit.NoWait})
	if err != nil {
		b.Fatal(err)
	}
	defer t.Close()
	calls := audittest.Calls{Total: 50_000, Keys: 500, Users: 200, Begin: time.Date(2026, 11, 20, 0, 0, 0, 0, time.UTC), Length: time.Hour}
	if err := calls.Write(b.Context(), t, 0, calls.Total); err != nil {
		b.Fatal(err)
	}
	q := Query{Terms: []Term{{Operation, "Decrypt"}}, NewestFirst: true, Limit: 100}
	find := func() {
		if page, err := x.Find(b.Context(), q); err != nil || len(page.Found) != q.Limit {
			b.Fatal(len(page.Found), err)
		}
	}
	began := cpuTime(b)
	find()
	first := cpuTime(b) - began
	began = cpuTime(b)
	for b.Loop() {
		find()
	}
	b.ReportMetric(float64(cpuTime(b)-began)/float64(b.N)/1e6, "cpu-ms/op")
	b.ReportMetric(float64(first)/1e6, "first-cpu-ms")
}
