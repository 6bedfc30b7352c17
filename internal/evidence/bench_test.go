package evidence_test

import (
	"context"
	"fmt"
	"io"
	"runtime"
	"runtime/debug"
	"strconv"
	"syscall"
	"testing"
	"time"

	"trent/internal/admin"
	"trent/internal/audit"
	"trent/internal/evidence"
	"trent/internal/explain"
)

// BenchmarkReport makes reports of trails of keys and records that grow tenfold, and
// tells the memory that a report takes and its time for a record.
func BenchmarkReport(b *testing.B) {
	for _, size := range []struct{ keys, records int }{{100, 20_000}, {1000, 200_000}, {10_000, 2_000_000}} {
		b.Run(strconv.Itoa(size.records), func(b *testing.B) {
			w := newWorld(b)
			fill(w, size.keys, size.records)
			for b.Loop() {
				peak := make(chan uint64)
				ctx, stop := context.WithCancel(b.Context())
				go func() { peak <- highest(ctx) }()
				began := processor(b)
				c := evidence.NewCollector(b.TempDir(), evidence.Period{From: at(0, 0), To: at(23, 0)}, evidence.Scope{})
				for i := range size.keys {
					c.Key(manyKey(i))
				}
				p := w.prover()
				if err := p.Verify(c); err != nil {
					b.Fatal(err)
				}
				read := processor(b) - began
				html, js := &counting{}, &counting{}
				r := evidence.Report{Collector: c, Prover: p, Made: at(23, 0)}
				if _, err := r.Write(js, html); err != nil {
					b.Fatal(err)
				}
				stop()
				b.ReportMetric(float64(<-peak)/(1<<20), "peak-MB")
				b.ReportMetric(float64(read.Microseconds())/float64(size.records), "read-cpu-us/record")
				b.ReportMetric((processor(b) - began - read).Seconds(), "write-cpu-s")
				b.ReportMetric(float64(html.n)/(1<<20), "html-MB")
				b.ReportMetric(float64(js.n)/(1<<20), "json-MB")
				if err := c.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// fill writes uses of keys by a hundred users, a hundredth of them changes.
func fill(w *world, keys, records int) {
	w.Helper()
	for i := range records {
		w.now = at(1, 0).Add(time.Duration(i) * 20 * time.Hour / time.Duration(records))
		e := audit.Event{UserIdentity: user(fmt.Sprintf("user-%d", i%101)), Name: "Decrypt", ReadOnly: true, Resources: onKey(manyARN(i % keys)), UserAgent: "Boto3/1.43.11 md/Botocore#1.43.11"}
		if i%100 == 0 {
			e.Name, e.ReadOnly, e.RequestParameters = "CreateGrant", false, []byte(`{"granteePrincipal":"arn:aws:iam::111122223333:user/a","operations":["Decrypt"]}`)
		}
		w.record(e)
		if i%(records/20) == 0 {
			w.digest()
		}
	}
	w.digest()
}

func manyARN(i int) string {
	return fmt.Sprintf("arn:aws:kms:eu-west-1:%s:key/%08d-12ab-34cd-56ef-1234567890ab", account, i)
}

// manyKey is what the service says of a key that twenty principals can use.
func manyKey(i int) *admin.EvidenceKey {
	k := payroll()
	k.ARN = manyARN(i)
	for u := range 20 {
		k.Holders = append(k.Holders, explain.Holder{Principal: user(fmt.Sprintf("user-%d", u)).ARN, Type: explain.TypeUser, Access: []explain.Access{{
			Actions: []string{"kms:Decrypt", "kms:Encrypt"}, Use: true, Through: []string{"key policy", "use of user"}, If: []string{},
		}}})
	}
	return k
}

// processor is how much of a processor this process has taken: the time on the wall
// tells about its neighbours.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// highest is the most memory that the heap takes until the context ends.
func highest(ctx context.Context) (most uint64) {
	runtime.GC()
	debug.FreeOSMemory()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		most = max(most, m.HeapAlloc)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return most
		}
	}
}

// counting counts what is written.
type counting struct{ n int64 }

func (c *counting) Write(b []byte) (int, error) {
	c.n += int64(len(b))
	return io.Discard.Write(b)
}
