package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"trent/internal/audit/audittest"
	"trent/internal/auditindex"
	"trent/internal/digest"
)

// What `load trail` measures, and its bounds.
const (
	queryBound  = 1000.0 // ms, a page by key and day
	verifyBound = 300.0  // MB a second
	buildBound  = 150.0  // ms of CPU for the index of a segment

	bytesOfRecord = 1700 // on the disk, its index and digests included: less than that
	queryRuns     = 15
	trailDays     = 30
)

// A trailReport is what `load trail` measured.
type trailReport struct {
	Machine string      `json:"machine"`
	Sizes   []trailSize `json:"sizes"`
}

// A trailSize is what was measured of a trail of so many records. Times are ms,
// the queries' medians; MB are 10^6 bytes.
type trailSize struct {
	Records   int     `json:"records"`
	TrailMB   float64 `json:"trail_mb"`
	IndexMB   float64 `json:"index_mb"`
	Segments  int     `json:"segments"`
	BuildCPU  float64 `json:"index_cpu_ms_per_segment"`
	ColdMs    float64 `json:"query_cold_ms"` // the first of a process, nothing of the files in memory
	WarmMs    float64 `json:"query_ms"`
	NothingMs float64 `json:"query_that_finds_nothing_ms"`
	DayMs     float64 `json:"query_of_a_day_by_operation_and_principal_ms"`
	Verify    float64 `json:"verify_mb_per_s"`     // of time that passed
	VerifyCPU float64 `json:"verify_mb_per_cpu_s"` // of CPU time
}

// trail is the command: a trail that grows, what a query takes at each size, and
// how fast it is verified.
func trail(args []string) error {
	fs := flag.NewFlagSet("trail", flag.ExitOnError)
	records := fs.Int("records", 2_000_000, "records of the largest trail; it is measured at a half, a quarter, … of it too")
	steps := fs.Int("steps", 5, "sizes that are measured")
	folder := fs.String("dir", "", "folder to make the trail in (default: a temporary one)")
	output := fs.String("json", "", "write everything that was measured to this file")
	fs.Parse(args)
	if *folder == "" {
		*folder = os.TempDir()
	}
	if err := room(*folder, *records); err != nil {
		return err
	}
	temporary, err := os.MkdirTemp(*folder, "trent-trail-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temporary)
	r := &trailReport{Machine: machine()}
	if err := r.measure(context.Background(), temporary, *records, *steps); err != nil {
		return err
	}
	r.print(os.Stdout)
	if *output == "" {
		return nil
	}
	encoded, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(*output, append(encoded, '\n'), 0o644)
}

// room says how much disk the records need, and refuses to begin without it.
func room(folder string, records int) error {
	var s unix.Statfs_t
	if err := unix.Statfs(folder, &s); err != nil {
		return fmt.Errorf("%s: %w", folder, err)
	}
	need, free := float64(records)*bytesOfRecord/1e9, float64(s.Bavail)*float64(s.Bsize)/1e9
	fmt.Fprintf(os.Stderr, "%d records need %.1f GB in %s, where %.1f GB are free\n", records, need, folder, free)
	if free < need*1.05 {
		return fmt.Errorf("%s has room for %.1f GB, and %d records need %.1f: name another folder with -dir", folder, free, records, need)
	}
	return nil
}

func (r *trailReport) measure(ctx context.Context, folder string, records, steps int) error {
	g := growing{
		dir: filepath.Join(folder, "audit"), index: filepath.Join(folder, "index"),
		calls: audittest.Calls{Total: records, Keys: 1000, Users: 300, Begin: time.Date(2026, 10, 1, 0, 0, 0, 0, time.UTC), Length: trailDays * 24 * time.Hour},
	}
	if err := g.makeKey(); err != nil {
		return err
	}
	for step := steps - 1; step >= 0; step-- {
		n := records >> step
		if err := g.grow(ctx, n); err != nil {
			return fmt.Errorf("writing %d records: %w", n, err)
		}
		size := trailSize{Records: n}
		if err := g.measureIndex(ctx, &size); err != nil {
			return fmt.Errorf("index of %d records: %w", n, err)
		}
		if err := g.measureQueries(ctx, &size); err != nil {
			return fmt.Errorf("queries of %d records: %w", n, err)
		}
		if err := g.measureVerify(&size); err != nil {
			return fmt.Errorf("verifying %d records: %w", n, err)
		}
		r.Sizes = append(r.Sizes, size)
		fmt.Fprintf(os.Stderr, "measured %d records: a query takes %.0f ms, cold %.0f; %.0f MB/s verified\n", n, size.WarmMs, size.ColdMs, size.Verify)
	}
	return nil
}

// measureIndex makes the index of what is new.
func (g *growing) measureIndex(ctx context.Context, size *trailSize) error {
	before, err := files(g.index)
	if err != nil {
		return err
	}
	x := g.open()
	cpu := ownCPUTime()
	if err := x.Update(ctx); err != nil {
		return err
	}
	cpu = ownCPUTime() - cpu
	after, err := files(g.index)
	if err != nil {
		return err
	}
	all, err := files(g.dir)
	if err != nil {
		return err
	}
	size.IndexMB, size.TrailMB, size.Segments = after.mb, all.mb, after.n
	size.BuildCPU = micros(cpu) / 1000 / float64(max(1, after.n-before.n))
	return nil
}

func (g *growing) open() *auditindex.Index {
	return &auditindex.Index{Trail: g.dir, Folder: g.index, Wake: make(chan struct{}, 1)}
}

// measureQueries asks for a key's records of a day, the newest 100.
func (g *growing) measureQueries(ctx context.Context, size *trailSize) error {
	const pageRecords = 100
	half := float64(size.Records) / float64(g.calls.Total) / 2
	day := g.calls.Begin.Add(time.Duration(half * float64(g.calls.Length))).Truncate(24 * time.Hour)
	ask := func(x *auditindex.Index, least int, terms ...auditindex.Term) (float64, error) {
		began := time.Now()
		page, err := x.Find(ctx, auditindex.Query{Terms: terms, Since: day, Until: day.Add(24*time.Hour - time.Second), NewestFirst: true, Limit: pageRecords})
		took := micros(time.Since(began)) / 1000
		if err == nil && (len(page.Found) < least || len(page.Damaged) > 0) {
			err = fmt.Errorf("%v finds %d records, %q", terms, len(page.Found), page.Damaged)
		}
		return took, err
	}
	key := auditindex.Term{Kind: auditindex.Resource, Value: audittest.KeyARN(7)}
	several := func(least int, terms ...auditindex.Term) (float64, error) {
		x := g.open()
		var all []float64
		for range queryRuns {
			took, err := ask(x, least, terms...)
			if err != nil {
				return 0, err
			}
			all = append(all, took)
		}
		return median(all), nil
	}
	err := forget(g.dir, g.index)
	if err == nil {
		size.ColdMs, err = ask(g.open(), 1, key)
	}
	if err == nil {
		size.WarmMs, err = several(1, key)
	}
	if err == nil {
		size.NothingMs, err = several(0, auditindex.Term{Kind: auditindex.Resource, Value: "none"})
	}
	if err == nil {
		const sure = 100_000 // records, among which a caller has some of each day
		size.DayMs, err = several(min(1, size.Records/sure), auditindex.Term{Kind: auditindex.Operation, Value: "Decrypt"}, auditindex.Term{Kind: auditindex.Principal, Value: "svc-8"})
	}
	return err
}

// measureVerify verifies the trail and its digests, read from the disk.
func (g *growing) measureVerify(size *trailSize) error {
	if err := forget(g.dir); err != nil {
		return err
	}
	cpu, began := ownCPUTime(), time.Now()
	report, err := digest.Verify(g.dir, digest.Options{Keys: [][]byte{g.public}, ApprovedOnly: true})
	took, used := time.Since(began), ownCPUTime()-cpu
	if err != nil {
		return err
	}
	if !report.Sound() || report.Nodes[0].Unsigned > 0 || int(report.Nodes[0].Records) != size.Records {
		return fmt.Errorf("the trail is not sound: %+v", report)
	}
	size.Verify, size.VerifyCPU = size.TrailMB/took.Seconds(), size.TrailMB/used.Seconds()
	return nil
}

// tally is how many files there are, and their size.
type tally struct {
	n  int
	mb float64
}

// files counts what is below a folder, which may be missing.
func files(folder string) (t tally, err error) {
	err = each(folder, func(path string, d fs.DirEntry) error {
		info, err := d.Info()
		if err != nil {
			return err
		}
		if ext := filepath.Ext(path); ext == ".idx" || ext == ".log" {
			t.n++
			t.mb += float64(info.Size()) / 1e6
		}
		return nil
	})
	return t, err
}

// each calls f for each file below a folder.
func each(folder string, f func(path string, d fs.DirEntry) error) error {
	return filepath.WalkDir(folder, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		return f(path, d)
	})
}

// forget has the system keep none of the files' content in memory.
func forget(folders ...string) error {
	return errors.Join(slices.Collect(func(yield func(error) bool) {
		for _, folder := range folders {
			yield(each(folder, func(path string, _ fs.DirEntry) error {
				f, err := os.Open(path)
				if err != nil {
					return err
				}
				return errors.Join(f.Sync(), unix.Fadvise(int(f.Fd()), 0, 0, unix.FADV_DONTNEED), f.Close())
			}))
		}
	})...)
}

// ownCPUTime is what this process has used.
func ownCPUTime() time.Duration {
	var r syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
