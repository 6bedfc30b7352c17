package main

import (
	"fmt"
	"io"
)

// ratios are those of each round.
func ratios(of, to []float64) []float64 {
	all := make([]float64, min(len(of), len(to)))
	for i := range all {
		all[i] = of[i] / to[i]
	}
	return all
}

// bounded writes the median of ratios, their range, and whether the bound holds.
func bounded(ratios []float64, bound float64) string {
	middle := median(ratios)
	least, greatest := spread(ratios)
	verdict := "held"
	if middle > bound {
		verdict = "**missed**"
	}
	return fmt.Sprintf("%.2f (%.2f–%.2f), %.2f %s", middle, least, greatest, bound, verdict)
}

// print writes the report in Markdown.
func (r *auditReport) print(w io.Writer) {
	fmt.Fprintf(w, "\n%s; medians of %d rounds of %.1f s, least and greatest round in brackets, the bound behind.\n\n", r.Machine, r.Rounds, r.Seconds)
	if len(r.Rows) > 0 {
		fmt.Fprintln(w, "| operation | conns | records discarded: CPU µs | relaxed: CPU µs | × discarded, bound | strict: CPU µs | × discarded, bound | records a write (relaxed) | records an fsync (strict) |")
		fmt.Fprintln(w, "|---|--:|--:|--:|---|--:|---|--:|--:|")
	}
	for i := range r.Rows {
		row := &r.Rows[i]
		fmt.Fprintf(w, "| %s | %d | %.1f | %.1f | %s | %.1f | %s | %.1f | %.1f |\n", row.Operation, row.Conns, median(row.Discard),
			median(row.Relaxed), bounded(ratios(row.Relaxed, row.Discard), relaxedBound),
			median(row.Strict), bounded(ratios(row.Strict, row.Discard), strictBounds(row.Conns)), median(row.PerWrite), median(row.PerSync))
	}
	for _, s := range r.Sync {
		fmt.Fprintf(w, "\nOne write of %d bytes and its fdatasync: %.0f µs of CPU; it takes %.0f µs, p99 %.0f.\n", s.Bytes, s.CPU, s.Median, s.P99)
	}
	if len(r.Commits) > 0 {
		fmt.Fprint(w, "\n| UpdateKeyDescription, one connection | p50 µs | bare commit p50 µs | p99 µs | bare commit p99 µs | p99 ×, rounds' median, bound | p99 × over all |\n|---|--:|--:|--:|--:|---|--:|\n")
	}
	for i := range r.Commits {
		c := &r.Commits[i]
		all, bare := quantile(c.all, 0.99), quantile(c.bare, 0.99)
		fmt.Fprintf(w, "| %s | %.0f | %.0f | %.0f | %.0f | %s | %.2f |\n", c.Mode, median(c.P50), median(c.BareP50), all, bare,
			bounded(ratios(c.P99, c.BareP99), commitBound), all/bare)
	}
}

// print writes the report in Markdown.
func (r *trailReport) print(w io.Writer) {
	fmt.Fprintf(w, "\n%s; a query is by key and day, the newest 100.\n\n", r.Machine)
	fmt.Fprintln(w, "| records | trail MB | segments | index MB | CPU ms to index a segment | cold query ms | query ms | that finds nothing ms | by day, operation, principal ms | verified, MB/s | MB per s of CPU |")
	fmt.Fprintln(w, "|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
	for _, s := range r.Sizes {
		fmt.Fprintf(w, "| %d | %.0f | %d | %.1f | %.0f | %.1f | %.1f | %.1f | %.1f | %.0f | %.0f |\n", s.Records, s.TrailMB, s.Segments, s.IndexMB, s.BuildCPU,
			s.ColdMs, s.WarmMs, s.NothingMs, s.DayMs, s.Verify, s.VerifyCPU)
	}
	fmt.Fprintf(w, "\nBounds: a query %.0f ms, verification %.0f MB/s, an index %.0f ms.\n", queryBound, verifyBound, buildBound)
}
