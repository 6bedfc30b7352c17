package auditindex

import (
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"trent/internal/audit"
)

// TestNewest: while records are appended, queries find what reading everything
// finds, in a segment that grows, across its end, and after a start of the service.
func TestNewest(t *testing.T) {
	t.Parallel()
	x := &Index{Trail: t.TempDir(), Folder: filepath.Join(t.TempDir(), "index"), Wake: make(chan struct{}, 1), Log: slog.New(slog.DiscardHandler)}
	terms := []Term{
		{Operation, "Encrypt"}, {Resource, "k2"}, {Principal, "u1"}, {Request, "r17"}, {Event, "e200"}, {Context, "ward=2"}, {Result, "AccessDeniedException"},
		{History, HistoryOf(account, "eu-west-1")}, {Operation, "not this"}, {Account, account},
	}
	random := rand.New(rand.NewPCG(rand.Uint64(), 0))
	n := 0
	for range 4 {
		a, err := audit.Open(t.Context(), x.Trail, audit.Options{Node: nodes[0], Mode: audit.Strict, SegmentBytes: 60_000})
		if err != nil {
			t.Fatal(err)
		}
		for range 40 {
			for range random.IntN(5) {
				if err := a.Append(t.Context(), []byte(record(n))); err != nil {
					t.Fatal(err)
				}
				n++
			}
			q := Query{NewestFirst: random.IntN(2) == 0, Limit: 1 + random.IntN(20)}
			for range random.IntN(3) {
				q.Terms = append(q.Terms, terms[random.IntN(len(terms))])
			}
			if got, want := pages(t, x, q), naive(&q, n); !slices.Equal(got, want) {
				t.Fatalf("%d records, %+v:\n got %v\nwant %v", n, q, got, want)
			}
			if random.IntN(20) == 0 {
				if err := x.Update(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// TestNewestAtOnce: queries of many at once, beside a writer, find at least what was
// there when they began and nothing that was not asked for.
func TestNewestAtOnce(t *testing.T) {
	t.Parallel()
	x := &Index{Trail: t.TempDir(), Folder: filepath.Join(t.TempDir(), "index"), Wake: make(chan struct{}, 1), Log: slog.New(slog.DiscardHandler)}
	a, err := audit.Open(t.Context(), x.Trail, audit.Options{Node: nodes[0], Mode: audit.Relaxed})
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	const records = 120
	var all sync.WaitGroup
	done := make(chan struct{})
	for range 3 {
		all.Go(func() {
			before := 0
			for ended := false; !ended; {
				select {
				case <-done:
					ended = true
				default:
				}
				page, err := x.Find(t.Context(), Query{Terms: []Term{{Operation, "Encrypt"}}, Limit: records})
				if err != nil || len(page.Damaged) > 0 || len(page.Found) < before || ended && len(page.Found) != records/2 {
					t.Errorf("%d found after %d, %v, %v", len(page.Found), before, page.Damaged, err)
				}
				before = len(page.Found)
				for i, f := range page.Found {
					if string(f.JSON) != record(2*i) {
						t.Errorf("found %s, not record %d", f.JSON, 2*i)
					}
				}
			}
		})
	}
	for n := range records {
		if err := a.Append(t.Context(), []byte(record(n))); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := a.Durable(t.Context()); err != nil {
		t.Error(err)
	}
	close(done)
	all.Wait()
}

// TestNewestWrittenAnew: what stood at the end of a segment and does not any more, as
// after a failed write, is found no longer, and what stands there is.
func TestNewestWrittenAnew(t *testing.T) {
	t.Parallel()
	x := &Index{Trail: t.TempDir(), Folder: filepath.Join(t.TempDir(), "index"), Wake: make(chan struct{}, 1), Log: slog.New(slog.DiscardHandler)}
	for _, records := range [][]int{{0}, {0, 1}, {0, 2}, {0, 2, 3}, {0, 3, 2, 1}, {0}, {4}} {
		if err := os.RemoveAll(x.Trail); err != nil {
			t.Fatal(err)
		}
		a, err := audit.Open(t.Context(), x.Trail, audit.Options{Node: nodes[0], Mode: audit.Strict})
		if err != nil {
			t.Fatal(err)
		}
		var want []string
		for _, n := range records {
			want = append(want, record(n))
			if err := a.Append(t.Context(), []byte(record(n))); err != nil {
				t.Fatal(err)
			}
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
		if got := pages(t, x, Query{Limit: 10}); !slices.Equal(got, want) {
			t.Errorf("%v: found %s", records, got)
		}
	}
}

// TestNewestIsBounded: a segment of which too much is never the same again is read
// for each query, and nothing of it is kept.
func TestNewestIsBounded(t *testing.T) {
	t.Parallel()
	x := trail(t, 9, 1<<20)
	segments, err := audit.Segments(x.Trail, nodes[0])
	if err != nil {
		t.Fatal(err)
	}
	s := &segments[len(segments)-1]
	n := x.newest(s)
	n.builder.made = maxNewestBytes
	for range 2 * stepRecords {
		n.builder.add(0, []byte(record(0)))
	}
	n.builder.places = n.builder.places[:2*stepRecords-1]
	if got, want := pages(t, x, Query{Limit: 100, Terms: []Term{{Account, account}}}), 9; len(got) != want || !n.tooMuch || len(n.builder.places) > 0 {
		t.Errorf("%d found, want %d; too much: %v, %d kept", len(got), want, n.tooMuch, len(n.builder.places))
	}
	if strings.Count(strings.Join(pages(t, x, Query{Limit: 100}), ""), "eventName\":\"") != 18 {
		t.Error("not all are found")
	}
}
