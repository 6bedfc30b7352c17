package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A plan is what load run was asked for.
type plan struct {
	load
	bin        string
	rounds     int
	conns      []int
	operations []string
	modes      []string // of the audit trail
	admin      string
}

func run(args []string) error {
	fs := flag.NewFlagSet("run", flag.ExitOnError)
	bin := fs.String("bin", "bin", "folder with trent and trent-hsm")
	seconds := fs.Float64("seconds", 2, "measured time of each phase")
	rounds := fs.Int("rounds", 5, "rounds; each measures every server in turn")
	conns := fs.String("conns", "1,16,64", "numbers of connections")
	ops := fs.String("ops", strings.Join(operations, ","), "operations")
	modes := fs.String("modes", "relaxed,strict", "audit modes")
	admin := fs.String("admin-socket", "", "admin socket of the first mode's server, which offers its profiles there")
	output := fs.String("json", "", "write everything that was measured to this file")
	fs.Parse(args)
	p := plan{
		load: load{warmup: 300 * time.Millisecond, duration: time.Duration(*seconds * float64(time.Second)), poolSize: 64},
		bin:  *bin, rounds: *rounds, operations: strings.Split(*ops, ","), modes: strings.Split(*modes, ","), admin: *admin,
	}
	for text := range strings.SplitSeq(*conns, ",") {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return fmt.Errorf("-conns %q", *conns)
		}
		p.conns = append(p.conns, n)
	}
	r, err := p.run(context.Background())
	if err != nil {
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

// run measures starts and memory, then every operation.
func (p *plan) run(ctx context.Context) (*report, error) {
	folder, err := os.MkdirTemp("", "trent-load-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	r := &report{Rounds: p.rounds, Seconds: p.duration.Seconds(), Machine: machine()}
	if r.Starts, err = p.starts(ctx, folder); err != nil {
		return nil, fmt.Errorf("starting: %w", err)
	}

	var servers []*server
	defer func() {
		for _, s := range servers {
			s.stop()
		}
	}()
	requests := map[*server]map[string]request{}
	for i, mode := range p.modes {
		flags := []string{"--audit", mode}
		if i == 0 && p.admin != "" {
			flags = append(flags, "--admin-socket", p.admin)
		}
		s, err := startTrent(mode, p.bin, filepath.Join(folder, mode), flags...)
		if err != nil {
			return nil, err
		}
		servers = append(servers, s)
		if requests[s], err = requestsFor(ctx, s.host); err != nil {
			return nil, err
		}
	}
	answers := map[string]string{}
	for operation, request := range requests[servers[0]] {
		answer, err := request.send(ctx, servers[0].host)
		if err != nil {
			return nil, err
		}
		answers[operation] = string(answer)
	}
	null, err := startNull(answers)
	if err != nil {
		return nil, err
	}
	// The null server gets the very requests of the first server.
	requests[null] = requests[servers[0]]
	all := append([]*server{null}, servers...)
	servers = append(servers, null)
	for _, operation := range p.operations {
		for _, conns := range p.conns {
			if err := p.alternate(r, all, requests, operation, conns); err != nil {
				return nil, err
			}
		}
	}
	const createConns = 16
	return r, p.alternate(r, all, requests, "CreateKey", createConns)
}

// alternate measures the servers in turn, round by round, and adds the
// medians to the report.
func (p *plan) alternate(r *report, servers []*server, requests map[*server]map[string]request, operation string, conns int) error {
	rounds := map[*server][]phase{}
	for round := range p.rounds {
		for _, s := range servers {
			request, ok := requests[s][operation]
			if !ok {
				return fmt.Errorf("unknown operation %q", operation)
			}
			measured, err := p.measure(s, request, conns)
			if err != nil {
				return fmt.Errorf("%s, %s, %d connections: %w", s.name, operation, conns, errors.Join(err, s.ended()))
			}
			measured.Round = round + 1
			r.Phases = append(r.Phases, measured)
			rounds[s] = append(rounds[s], measured)
		}
	}
	fmt.Fprintf(os.Stderr, "measured %s over %d connections\n", operation, conns)
	null := rounds[servers[0]]
	for _, s := range servers {
		r.Rows = append(r.Rows, newRow(rounds[s], null))
	}
	return nil
}

// starts measures five starts on a new folder, and five on one that exists.
func (p *plan) starts(ctx context.Context, folder string) ([]start, error) {
	const runs = 5
	var fresh, existing []float64
	var resident map[string]float64
	for i := range runs {
		data := filepath.Join(folder, "start"+strconv.Itoa(i))
		s, ms, err := firstAnswer(ctx, p.bin, data)
		if err != nil {
			return nil, err
		}
		fresh = append(fresh, ms)
		s.stop()
		if s, ms, err = firstAnswer(ctx, p.bin, data); err != nil {
			return nil, err
		}
		existing = append(existing, ms)
		if i == 0 {
			resident, err = residentAfter1000(ctx, s)
		}
		s.stop()
		if err != nil {
			return nil, err
		}
	}
	return []start{
		{Folder: "new", FirstAnswerMs: median(fresh)},
		{Folder: "existing", FirstAnswerMs: median(existing), ResidentMiB: resident},
	}, nil
}

func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

func medianOf(phases []phase, of func(phase) float64) float64 {
	values := make([]float64, len(phases))
	for i, p := range phases {
		values[i] = of(p)
	}
	return median(values)
}

// spread returns the least and the greatest of values.
func spread(values []float64) (least, greatest float64) {
	return slices.MinFunc(values, cmp.Compare[float64]), slices.MaxFunc(values, cmp.Compare[float64])
}
