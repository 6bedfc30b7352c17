package main

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// A phase is what one stretch of load measured, or the median of several.
// Times are microseconds.
type phase struct {
	Server    string  `json:"server"`
	Operation string  `json:"operation"`
	Conns     int     `json:"connections"`
	Round     int     `json:"round,omitempty"`
	Ops       int     `json:"ops"`
	PerSecond float64 `json:"ops_per_second"`
	P50       float64 `json:"p50_us"`
	P99       float64 `json:"p99_us"`
	CPU       float64 `json:"cpu_us_per_op"` // of the server and its children
}

// A load says how each phase is made.
type load struct {
	warmup, duration time.Duration
	poolSize         int // signed requests
	// rate is how many requests a second all connections send together; 0 is as
	// many as are answered.
	rate float64
}

// pace says when a connection sends its requests. The zero pace is at once.
type pace struct {
	next  time.Time
	every time.Duration
}

// paceOf spreads the rate of a load evenly over its connections.
func (l load) paceOf(i, conns int, begin time.Time) pace {
	if l.rate == 0 {
		return pace{}
	}
	every := time.Duration(float64(time.Second) * float64(conns) / l.rate)
	return pace{next: begin.Add(every * time.Duration(i) / time.Duration(conns)), every: every}
}

// wait lasts until the next request is due. A connection that is late does
// not catch up by more than one request.
func (p *pace) wait() {
	if p.every == 0 {
		return
	}
	now := time.Now()
	if p.next.After(now) {
		time.Sleep(p.next.Sub(now))
	} else if now.Sub(p.next) > p.every {
		p.next = now
	}
	p.next = p.next.Add(p.every)
}

// maxExtra bounds how many times longer a phase without any answer becomes.
const maxExtra = 10

// A phase warms up, is measured, and is over.
const (
	warming = iota
	measuring
	over
)

// A meter is what the connections of a phase share.
type meter struct {
	state atomic.Int32
	ended atomic.Int64 // requests, in the measured time
}

// work sends requests over one connection until the phase is over, and
// returns how long each took that ended in the measured time.
func (m *meter) work(c *connection, operation string, p pace) (latencies []time.Duration, err error) {
	for p.wait(); m.state.Load() != over; p.wait() {
		begin := time.Now()
		status, body, err := c.roundTrip()
		took := time.Since(begin)
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("%s: %d: %s", operation, status, body)
		}
		if err != nil {
			return nil, err
		}
		if m.state.Load() == measuring {
			latencies = append(latencies, took)
			m.ended.Add(1)
		}
	}
	return latencies, nil
}

// measure keeps conns connections busy with a request, or sends it at the
// load's rate, for the warm-up and then for the measured time. Any answer but 200 ends the run.
func (l load) measure(s *server, r request, conns int) (phase, error) {
	connections, err := l.connect(s.host, r, conns)
	defer func() {
		for _, c := range connections {
			c.close()
		}
	}()
	if err != nil {
		return phase{}, err
	}
	var m meter
	var wg sync.WaitGroup
	latencies := make([][]time.Duration, conns)
	failures := make([]error, conns)
	start := time.Now()
	for i, c := range connections {
		wg.Go(func() { latencies[i], failures[i] = m.work(c, r.operation, l.paceOf(i, conns, start)) })
	}
	time.Sleep(l.warmup)
	cpu, begin := treeCPUTime(s.pid), time.Now()
	m.state.Store(measuring)
	time.Sleep(l.duration)
	// A disk that stalls may end no request in a short phase: it goes on.
	for extra := 0; m.ended.Load() == 0 && extra < maxExtra; extra++ {
		time.Sleep(l.duration)
	}
	m.state.Store(over)
	cpu, seconds := treeCPUTime(s.pid)-cpu, time.Since(begin).Seconds()
	wg.Wait()
	if err := errors.Join(failures...); err != nil {
		return phase{}, err
	}
	all := slices.Concat(latencies...)
	if len(all) == 0 {
		return phase{}, errors.New("no request ended in the measured time")
	}
	slices.Sort(all)
	quantile := func(q float64) float64 { return micros(all[min(int(q*float64(len(all))), len(all)-1)]) }
	return phase{
		Server: s.name, Operation: r.operation, Conns: conns, Ops: len(all),
		PerSecond: float64(len(all)) / seconds, P50: quantile(0.50), P99: quantile(0.99),
		CPU: micros(cpu) / float64(len(all)),
	}, nil
}

// connect signs a pool of requests and opens the connections, each of which
// begins at another one of them.
func (l load) connect(host string, r request, conns int) (connections []*connection, err error) {
	pool := make([][]byte, l.poolSize)
	now := time.Now()
	for i := range pool {
		if pool[i], err = r.wire(host, now); err != nil {
			return nil, err
		}
	}
	for i := range conns {
		c, err := dial(host, pool, i)
		if err != nil {
			return connections, err
		}
		connections = append(connections, c)
	}
	return connections, nil
}

func micros(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1000 }
