package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// What `load audit` measures, and its bounds, × the CPU time of the build that
// discards (build tag auditdiscard).
const (
	relaxedBound = 1.10 // at 16 and 64 connections
	commitBound  = 2.0  // p99 of a mutation, × that of a bare commit of its rows
)

// strictBounds are by number of connections.
func strictBounds(conns int) float64 {
	if conns < 64 {
		return 1.40
	}
	return 1.20
}

// An auditReport is what `load audit` measured.
type auditReport struct {
	Machine string         `json:"machine"`
	Rounds  int            `json:"rounds"`
	Seconds float64        `json:"seconds_per_phase"`
	Rows    []auditRow     `json:"rows"`
	Sync    []syncCost     `json:"fsync"`
	Commits []commitReport `json:"commits"`
}

// An auditRow is the rounds of one operation over so many connections: CPU time
// per operation of both programs, in µs.
type auditRow struct {
	Operation string    `json:"operation"`
	Conns     int       `json:"connections"`
	Discard   []float64 `json:"discard_cpu_us"`
	Relaxed   []float64 `json:"relaxed_cpu_us"`
	Strict    []float64 `json:"strict_cpu_us"`
	PerSync   []float64 `json:"strict_records_per_sync"`
	PerWrite  []float64 `json:"relaxed_records_per_write"`
}

// An audited is a server, and where its metrics are.
type audited struct {
	*server
	metrics  string
	requests map[string]request
}

// audit is the command: CPU per operation with audit records, beside a build that
// throws them away, and a mutation beside a bare commit.
func audit(args []string) error {
	fs := flag.NewFlagSet("audit", flag.ExitOnError)
	bin := fs.String("bin", "bin", "folder with trent and trent-hsm")
	discard := fs.String("discard", "bin/discard", "folder with trent, built with the tag auditdiscard, and trent-hsm")
	seconds := fs.Float64("seconds", 1, "measured time of each phase")
	rounds := fs.Int("rounds", 15, "rounds; each measures every server in turn")
	conns := fs.String("conns", "16,64", "numbers of connections")
	ops := fs.String("ops", strings.Join(operations, ","), "operations; none: only mutations")
	mutations := fs.Int("mutations", 300, "mutations, and bare commits, of each round; 0: none")
	output := fs.String("json", "", "write everything that was measured to this file")
	fs.Parse(args)
	folder, err := os.MkdirTemp("", "trent-audit-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(folder)
	r := &auditReport{Machine: machine(), Rounds: *rounds, Seconds: *seconds}
	l := load{warmup: 200 * time.Millisecond, duration: time.Duration(*seconds * float64(time.Second)), poolSize: 64}
	if *ops != "" {
		if err := r.measure(l, *bin, *discard, folder, strings.Split(*ops, ","), *conns); err != nil {
			return err
		}
	}
	if *mutations > 0 {
		if err := r.measureCommits(*bin, folder, *mutations); err != nil {
			return fmt.Errorf("mutations: %w", err)
		}
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

// startAudited starts a server that tells its metrics.
func startAudited(ctx context.Context, name, bin, data, mode string) (audited, error) {
	port, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return audited{}, err
	}
	a := audited{metrics: port.Addr().String()}
	port.Close() // it is free for the server now
	if a.server, err = startTrent(name, bin, data, "--audit", mode, "--metrics", a.metrics); err != nil {
		return a, err
	}
	a.requests, err = requestsFor(ctx, a.host)
	return a, err
}

// measure starts the three servers and measures every operation.
func (r *auditReport) measure(l load, bin, discard, folder string, ops []string, conns string) error {
	ctx := context.Background()
	var servers []audited
	defer func() {
		for _, s := range servers {
			s.stop()
		}
	}()
	for _, row := range [...]struct{ name, bin, mode string }{{"discard", discard, "relaxed"}, {"relaxed", bin, "relaxed"}, {"strict", bin, "strict"}} {
		s, err := startAudited(ctx, row.name, row.bin, filepath.Join(folder, row.name), row.mode)
		if s.server != nil {
			servers = append(servers, s)
		}
		if err != nil {
			return err
		}
	}
	for _, operation := range ops {
		for text := range strings.SplitSeq(conns, ",") {
			n, err := strconv.Atoi(text)
			if err != nil || n < 1 {
				return fmt.Errorf("-conns %q", conns)
			}
			row := auditRow{Operation: operation, Conns: n}
			if err := row.measure(l, servers, r.Rounds); err != nil {
				return err
			}
			r.Rows = append(r.Rows, row)
			fmt.Fprintf(os.Stderr, "measured %s over %d connections\n", operation, n)
		}
	}
	var err error
	r.Sync, err = syncCosts(folder)
	return err
}

// measure measures the servers in turn; every other round goes the other way, so
// that what comes and goes on the machine befalls each alike.
func (row *auditRow) measure(l load, servers []audited, rounds int) error {
	into := []*[]float64{&row.Discard, &row.Relaxed, &row.Strict}
	for round := range rounds {
		for i := range servers {
			if round%2 == 1 {
				i = len(servers) - 1 - i
			}
			s := servers[i]
			before, err := s.counts()
			if err != nil {
				return err
			}
			p, err := l.measure(s.server, s.requests[row.Operation], row.Conns)
			if err != nil {
				return fmt.Errorf("%s, %s, %d connections: %w", s.name, row.Operation, row.Conns, errors.Join(err, s.ended()))
			}
			after, err := s.counts()
			if err != nil {
				return err
			}
			*into[i] = append(*into[i], p.CPU)
			switch records := after["records_total"] - before["records_total"]; s.name {
			case "discard":
				if records > 1 { // a digest key's or a job's own may come
					return fmt.Errorf("%s wrote %.0f audit records: it is not built with the tag auditdiscard", s.name, records)
				}
			case "relaxed":
				row.PerWrite = append(row.PerWrite, records/max(1, after["write_records_count"]-before["write_records_count"]))
			case "strict":
				row.PerSync = append(row.PerSync, records/max(1, after["sync_duration_seconds_count"]-before["sync_duration_seconds_count"]))
			}
		}
	}
	return nil
}

// counts reads the trail's counters off the metrics.
func (a *audited) counts() (map[string]float64, error) {
	res, err := http.Get("http://" + a.metrics + "/metrics")
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	counts := map[string]float64{}
	for line := range strings.Lines(string(text)) {
		if name, value, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			if name, ok = strings.CutPrefix(name, "trent_audit_"); ok {
				counts[name], _ = strconv.ParseFloat(value, 64)
			}
		}
	}
	if len(counts) == 0 {
		err = errors.Join(err, fmt.Errorf("%s has no metrics of the audit trail", a.metrics))
	}
	return counts, err
}
