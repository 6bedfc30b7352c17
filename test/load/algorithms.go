package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sync"
	"time"
)

// What is measured, and its bounds.
const (
	algorithmConns = 16
	primitiveTimes = 1.1 // the bound of CPU time: so often the primitive's,
	nullTimes      = 2.0 // and so often the null server's
	createBound    = 50.0
	fairBound      = 2.0
	fairRate       = 200.0 // requests a second
)

// An algorithmReport is what `load algorithms` measured.
type algorithmReport struct {
	Machine string         `json:"machine"`
	Rounds  int            `json:"rounds"`
	Seconds float64        `json:"seconds_per_phase"`
	Rows    []algorithmRow `json:"rows"`
	// Creates are CreateKey of RSA_4096, one after the other, each with a key
	// made ahead.
	Creates []float64 `json:"create_rsa_4096_ms"`
	Fair    []fairRow `json:"fairness"`
}

// An algorithmRow has a case's figures round by round, CPU in µs per operation.
type algorithmRow struct {
	algorithmCase
	Primitive []float64 `json:"primitive_cpu_us"`
	Null      []phase   `json:"null_at_the_same_rate"`
	Trent     []phase   `json:"trent"`
}

// ratios are those of Trent's CPU time to what it may cost, which is 1.
func (r *algorithmRow) ratios() []float64 {
	ratios := make([]float64, len(r.Trent))
	for i := range ratios {
		ratios[i] = r.Trent[i].CPU / (primitiveTimes*r.Primitive[i] + nullTimes*r.Null[i].CPU)
	}
	return ratios
}

// An algorithmPlan is what load algorithms was asked for.
type algorithmPlan struct {
	load
	bin, admin string
	rounds     int
	creates    int
	cases      []algorithmCase
	fair       []disturbance
}

// algorithms is the command.
func algorithms(args []string) error {
	fs := flag.NewFlagSet("algorithms", flag.ExitOnError)
	bin := fs.String("bin", "bin", "folder with trent and trent-hsm")
	seconds := fs.Float64("seconds", 0.3, "measured time of each phase; those of fairness last four times as long")
	rounds := fs.Int("rounds", 3, "rounds; each measures Trent, then the primitive beside the null server at Trent's rate")
	only := fs.String("only", "", "regular `expression`: which cases, as in \"Sign RSA_2048 RSASSA_PSS_SHA_256\"")
	fills := fs.Int("fills", 3, "times that CreateKey of RSA_4096 takes all keys made ahead; 0 leaves it out")
	fair := fs.Bool("fairness", true, "measure what one account does to another")
	admin := fs.String("admin-socket", "", "admin socket of the server, which offers its profiles there")
	output := fs.String("json", "", "write everything that was measured to this file")
	fs.Parse(args)
	chosen, err := regexp.Compile(*only)
	if err != nil {
		return err
	}
	p := algorithmPlan{
		load: load{warmup: 200 * time.Millisecond, duration: time.Duration(*seconds * float64(time.Second)), poolSize: 64},
		bin:  *bin, admin: *admin, rounds: *rounds, creates: *fills * aheadKeys,
		cases: slices.DeleteFunc(allCases(), func(c algorithmCase) bool { return !chosen.MatchString(c.String()) }),
	}
	if *fair {
		p.fair = disturbances()
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

// run measures everything with one server.
func (p *algorithmPlan) run(ctx context.Context) (r *algorithmReport, err error) {
	folder, err := os.MkdirTemp("", "trent-load-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(folder)
	flags := []string{"--audit", "relaxed"}
	if p.admin != "" {
		flags = append(flags, "--admin-socket", p.admin)
	}
	trent, err := startTrent("trent", p.bin, filepath.Join(folder, "data"), flags...)
	if err != nil {
		return nil, err
	}
	defer trent.stop()
	raw, err := startPrimitives()
	if err != nil {
		return nil, err
	}
	defer raw.stop()
	r = &algorithmReport{Machine: machine(), Rounds: p.rounds, Seconds: p.duration.Seconds()}
	ring := &keyring{host: trent.host, keys: map[[2]string]string{}}
	for _, c := range p.cases {
		row, err := p.measureCase(ctx, trent, raw, ring, c)
		if err != nil {
			return nil, fmt.Errorf("%v: %w", c, errors.Join(err, trent.ended()))
		}
		r.Rows = append(r.Rows, row)
		fmt.Fprintln(os.Stderr, "measured", c)
	}
	if r.Creates, err = p.createRSA(ctx, trent, ring); err != nil {
		return nil, err
	}
	r.Fair, err = p.fairness(ctx, trent, ring)
	return r, err
}

// measureCase measures Trent, and then, side by side, the null server at the rate
// that Trent had and the primitive: as Trent's two programs they share the
// machine, its caches and the client's processor.
func (p *algorithmPlan) measureCase(ctx context.Context, trent *server, raw *primitives, ring *keyring, c algorithmCase) (row algorithmRow, err error) {
	row.algorithmCase = c
	request, err := ring.request(ctx, c)
	if err != nil {
		return row, err
	}
	answer, err := request.send(ctx, trent.host)
	if err != nil {
		return row, err
	}
	null, err := startNull(map[string]string{c.Operation: string(answer)})
	if err != nil {
		return row, err
	}
	defer null.stop()
	for range p.rounds {
		if err := waitIdle(trent.pid); err != nil {
			return row, err
		}
		measured, err := p.measure(trent, request, algorithmConns)
		if err != nil {
			return row, err
		}
		var cost float64
		var failed error
		var beside sync.WaitGroup
		beside.Go(func() { cost, failed = raw.cost(c, p.warmup+p.duration) })
		paced := p.load
		paced.rate = measured.PerSecond
		base, err := paced.measure(null, request, algorithmConns)
		beside.Wait()
		if err := errors.Join(err, failed); err != nil {
			return row, err
		}
		row.Primitive, row.Trent, row.Null = append(row.Primitive, cost), append(row.Trent, measured), append(row.Null, base)
	}
	return row, nil
}

// aheadKeys is how many RSA keys of a size the module keeps ready.
const aheadKeys = 4

// createRSA measures CreateKey of RSA_4096 while keys made ahead last, and waits
// for more.
func (p *algorithmPlan) createRSA(ctx context.Context, s *server, ring *keyring) (ms []float64, err error) {
	const spec, usage = "RSA_4096", "SIGN_VERIFY"
	for len(ms) < p.creates {
		if len(ms)%aheadKeys == 0 {
			// Asked for once, the module keeps keys of that spec ready: one of
			// production does so from its start.
			if _, err := ring.key(ctx, spec, usage); err != nil {
				return nil, err
			}
			if err := waitIdle(s.pid); err != nil {
				return nil, err
			}
		}
		begin := time.Now()
		if _, err := ring.create(ctx, spec, usage); err != nil {
			return nil, err
		}
		ms = append(ms, micros(time.Since(begin))/1000)
	}
	return ms, nil
}
