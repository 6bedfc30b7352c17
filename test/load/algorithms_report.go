package main

import (
	"cmp"
	"fmt"
	"io"
	"slices"
)

// print writes the report in Markdown.
func (r *algorithmReport) print(w io.Writer) {
	fmt.Fprintf(w, "\n%s; medians of %d rounds of %.1f s, %d connections.\n\n", r.Machine, r.Rounds, r.Seconds, algorithmConns)
	fmt.Fprintln(w, "| key spec | operation, algorithm | primitive: CPU µs | null at that rate: CPU µs | Trent: CPU µs | bound µs | ratio (least–greatest round; bound 1.00) | ops/s | p50 µs |")
	fmt.Fprintln(w, "|---|---|--:|--:|--:|--:|---|--:|--:|")
	missed := 0
	for i := range r.Rows {
		row := &r.Rows[i]
		primitive, null := median(row.Primitive), medianOf(row.Null, func(p phase) float64 { return p.CPU })
		ratio, text := ratioText(row.ratios(), 1)
		if ratio > 1 {
			missed++
		}
		fmt.Fprintf(w, "| %s | %s %s | %.1f | %.1f | %.1f | %.1f | %s | %.0f | %.0f |\n", row.Spec, row.Operation, cmp.Or(string(row.Algorithm), "–"),
			primitive, null, medianOf(row.Trent, func(p phase) float64 { return p.CPU }), primitiveTimes*primitive+nullTimes*null, text,
			medianOf(row.Trent, func(p phase) float64 { return p.PerSecond }), medianOf(row.Trent, func(p phase) float64 { return p.P50 }))
	}
	fmt.Fprintf(w, "\nMissed: %d of %d.\n", missed, len(r.Rows))
	if len(r.Creates) > 0 {
		least, greatest := spread(r.Creates)
		fmt.Fprintf(w, "\nCreateKey of RSA_4096 while keys made ahead last: median %.1f ms of %d (%.1f–%.1f; bound %.0f)\n", median(r.Creates), len(r.Creates), least, greatest, createBound)
	}
	if len(r.Fair) == 0 {
		return
	}
	fmt.Fprintf(w, "\nEncrypt of one account at %.0f requests a second, beside another account at full speed.\n\n", fairRate)
	fmt.Fprintln(w, "| the other account | alone: p50, p99 µs | disturbed: p50, p99 µs | ratio of p50 (least–greatest round) | bound | its requests |")
	fmt.Fprintln(w, "|---|--:|--:|---|--:|--:|")
	for i := range r.Fair {
		row := &r.Fair[i]
		_, text := ratioText(row.ratios(), fairBound)
		fmt.Fprintf(w, "| %s %s | %s | %s | %s | %.1f | %d |\n", row.Operation, row.Spec, latencies(row.Alone), latencies(row.Disturbed), text, fairBound, row.Done)
	}
}

// ratioText writes a median and its spread, and marks one beyond its bound.
func ratioText(ratios []float64, bound float64) (middle float64, text string) {
	middle = median(ratios)
	text = fmt.Sprintf("%.2f (%.2f–%.2f)", middle, slices.Min(ratios), slices.Max(ratios))
	if middle > bound {
		text += " **missed**"
	}
	return middle, text
}

func latencies(phases []phase) string {
	return fmt.Sprintf("%.0f, %.0f", medianOf(phases, func(p phase) float64 { return p.P50 }), medianOf(phases, func(p phase) float64 { return p.P99 }))
}
