package main

import (
	"fmt"
	"io"
	"maps"
	"os"
	"runtime"
	"slices"
	"strings"
)

// A report is everything that load run measured.
type report struct {
	Machine string  `json:"machine"`
	Rounds  int     `json:"rounds"`
	Seconds float64 `json:"seconds_per_phase"`
	Starts  []start `json:"starts"`
	Rows    []row   `json:"rows"`
	Phases  []phase `json:"phases"`
}

// A row is the medians of a server's rounds of one operation, and the median
// of its rounds' ratios to the null server's CPU time per operation.
type row struct {
	phase
	Ratio    float64 `json:"cpu_ratio_to_null"`
	RatioMin float64 `json:"cpu_ratio_to_null_least"`
	RatioMax float64 `json:"cpu_ratio_to_null_greatest"`
}

func newRow(rounds, null []phase) row {
	r := row{phase: rounds[0]}
	r.Round, r.Ops = 0, 0
	var ratios []float64
	for i, p := range rounds {
		r.Ops += p.Ops
		if null[i].CPU > 0 {
			ratios = append(ratios, p.CPU/null[i].CPU)
		}
	}
	r.PerSecond = medianOf(rounds, func(p phase) float64 { return p.PerSecond })
	r.P50 = medianOf(rounds, func(p phase) float64 { return p.P50 })
	r.P99 = medianOf(rounds, func(p phase) float64 { return p.P99 })
	r.CPU = medianOf(rounds, func(p phase) float64 { return p.CPU })
	if len(ratios) > 0 {
		r.Ratio = median(ratios)
		r.RatioMin, r.RatioMax = spread(ratios)
	}
	return r
}

// print writes the report in Markdown.
func (r *report) print(w io.Writer) {
	fmt.Fprintf(w, "\n%s; medians of %d rounds of %.1f s.\n\n", r.Machine, r.Rounds, r.Seconds)
	fmt.Fprintln(w, "| operation | conns | server | ops/s | p50 µs | p99 µs | CPU µs/op | × null's CPU (least–greatest round) |")
	fmt.Fprintln(w, "|---|--:|---|--:|--:|--:|--:|---|")
	for _, row := range r.Rows {
		fmt.Fprintf(w, "| %s | %d | %s | %.0f | %.0f | %.0f | %.1f | %.2f (%.2f–%.2f) |\n", row.Operation, row.Conns, row.Server,
			row.PerSecond, row.P50, row.P99, row.CPU, row.Ratio, row.RatioMin, row.RatioMax)
	}
	fmt.Fprintln(w)
	for _, s := range r.Starts {
		fmt.Fprintf(w, "Start to first answer on %s folder: %.0f ms.\n", map[string]string{"new": "a new", "existing": "an existing"}[s.Folder], s.FirstAnswerMs)
		sum := 0.0
		for _, program := range slices.Sorted(maps.Keys(s.ResidentMiB)) {
			fmt.Fprintf(w, "Resident after 1,000 requests: %s %.1f MiB.\n", program, s.ResidentMiB[program])
			sum += s.ResidentMiB[program]
		}
		if sum > 0 {
			fmt.Fprintf(w, "Both together: %.1f MiB.\n", sum)
		}
	}
}

// machine says what the figures were measured on.
func machine() string {
	model := "unknown processor"
	info, _ := os.ReadFile("/proc/cpuinfo")
	for line := range strings.Lines(string(info)) {
		if name, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(name) == "model name" {
			model = strings.TrimSpace(value)
			break
		}
	}
	return fmt.Sprintf("%s, %d CPUs, %s", model, runtime.NumCPU(), runtime.Version())
}
