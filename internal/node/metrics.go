package node

import (
	"context"
	"fmt"
	"net"
	"time"

	"trent/internal/audit"
	"trent/internal/domains"
	"trent/internal/hsm/client"
	"trent/internal/jobs"
	"trent/internal/keydir"
	"trent/internal/keyuse"
	"trent/internal/obs"
	"trent/internal/store/sqlite"
)

// countTimeout is how long a scrape waits for the number of keys, the first time.
const countTimeout = 5 * time.Second

// openMetrics answers GET /metrics, /healthz and /readyz on a listener of its
// own until Close: from the start on, so that whoever watches sees it.
func (n *Node) openMetrics() error {
	if n.MetricsAddress == "" {
		return nil
	}
	l, err := net.Listen("tcp", n.MetricsAddress)
	if err != nil {
		return fmt.Errorf("metrics listener: %w", err)
	}
	n.metricsAt = l.Addr()
	n.Log.Info("metrics listener", "address", l.Addr().String())
	n.start(func(ctx context.Context) {
		if err := obs.Serve(ctx, l, n.Metrics, &n.Health, n.Log); err != nil {
			n.Log.Error("metrics listener", "error", err)
		}
	})
	return nil
}

// checks are what must hold for requests to be answered.
func (n *Node) checks() []obs.Check {
	return []obs.Check{
		{Name: "module", State: func() string { return obs.State(n.module.Ready(), n.module.State().String()) }},
		{Name: "store", State: func() string { return obs.State(n.store.Err() == nil, "refuses writes") }},
		{Name: "audit", State: func() string { return obs.State(n.trail.Err() == nil, "refuses records") }},
	}
}

// storeHooks, auditHooks and watchModule join what happens all the time to its
// histograms; measure adds everything that is read when it is asked for.

func (n *Node) storeHooks() sqlite.Hooks {
	return sqlite.Hooks{
		Txn:   n.Metrics.Seconds("store_transaction_duration_seconds", "Time of a store transaction, from its call to its durable outcome."),
		Group: n.Metrics.Sizes("store_group_transactions", "Transactions that shared one commit, and its sync."),
	}
}

func (n *Node) auditHooks() audit.Hooks {
	return audit.Hooks{
		Wrote:  n.Metrics.Sizes("audit_write_records", "Records that shared one write of the audit trail."),
		Synced: n.Metrics.Seconds("audit_sync_duration_seconds", "Time of a sync of the audit trail to the disk."),
		Closed: n.segmentEnded,
	}
}

func (n *Node) watchModule() {
	lanes := n.Metrics.SecondsBy("module_round_trip_duration_seconds", "Time of a command to the crypto module, from the request to its answer, by lane.", "lane", "fast", "slow")
	n.module.RoundTrip = func(slow bool, took time.Duration) {
		if slow {
			lanes[1](took)
		} else {
			lanes[0](took)
		}
	}
}

func (n *Node) measure() {
	n.measureModule()
	n.measureStore()
	n.measureAudit()
	n.measureExports()
	n.measureCaches()
	n.measureJobs()
	n.measureDisks()
	n.measureQuotas()
	m := n.Metrics
	m.Gauges("connections", "Open connections, by listener.", []string{"listener"}, func(emit obs.Emit) {
		open := map[string]int64{}
		for _, l := range n.Listeners {
			if l.Config.Connections != nil {
				open[l.Config.Listener] += l.Config.Connections.Load()
			}
		}
		for name, count := range open {
			emit(float64(count), name)
		}
	})
	m.Counters("key_refused_uses_total", "Uses that keys have refused because they wait for their deletion, or are browned out, by reason.", []string{"reason"}, func(emit obs.Emit) {
		for _, why := range keyuse.Reasons() {
			emit(float64(n.uses.TotalRefused(why)), why.String())
		}
	})
	m.Counter("key_uses_lost_total", "Uses that were not noted as a key's last for want of memory.", n.uses.Lost)
	m.Gauge("ready", "1 if this process can answer requests, as /readyz says.", func() float64 { return oneIf(n.Health.Ready().Ready) })
	m.Counter("log_lines_dropped_total", "Log lines lost because whoever reads them is too slow, or gone.", func() uint64 {
		if n.DroppedLines == nil {
			return 0
		}
		return n.DroppedLines()
	})
}

func (n *Node) measureModule() {
	m := n.Metrics
	m.Gauges("module_state", "1 for the state that the crypto module is in, 0 for the others.", []string{"state"}, func(emit obs.Emit) {
		now := n.module.State()
		for _, s := range client.States() {
			emit(oneIf(s == now), s.String())
		}
	})
	m.Gauges("module_requests_in_flight", "Commands sent to the crypto module and not answered, by lane.", []string{"lane"}, func(emit obs.Emit) {
		c := n.module.Counters()
		emit(float64(c.Fast), "fast")
		emit(float64(c.Slow), "slow")
	})
	m.Counter("module_restarts_total", "Connections to the crypto module after the first: each was lost, or its module ended.", func() uint64 {
		return max(n.module.Counters().Connections, 1) - 1
	})
	m.Counter("module_frames_written_total", "Requests written to the crypto module.", func() uint64 { return n.module.Counters().FramesWritten })
	m.Counter("module_writes_total", "System calls that wrote them.", func() uint64 { return n.module.Counters().Writes })
	m.Counter("module_frames_read_total", "Answers read from the crypto module.", func() uint64 { return n.module.Counters().FramesRead })
	m.Counter("module_reads_total", "System calls that read them.", func() uint64 { return n.module.Counters().Reads })
	m.Gauges("domain_generation", "The active generation of a Region's domain key, as the crypto module holds it.", []string{"region"}, func(emit obs.Emit) {
		_, held := n.moduleStatus(context.Background())
		for region, d := range held {
			emit(float64(d.Active), region)
		}
	})
	m.Gauges("module_info", "The crypto module that answers; the value is always 1.", []string{"build", "fips_module"}, func(emit obs.Emit) {
		if m, _ := n.moduleStatus(context.Background()); m.Version != "" {
			emit(1, m.Version, m.FIPSModule)
		}
	})
}

func (n *Node) measureStore() {
	m := n.Metrics
	m.Counters("store_transactions_total", "Store transactions, by outcome.", []string{"outcome"}, func(emit obs.Emit) {
		s := n.store.Stats()
		emit(float64(s.Committed), "committed")
		emit(float64(s.Conflicts), "conflict")
		emit(float64(s.Failures), "failed")
	})
	m.Counter("store_reads_total", "Reads of the store: single keys, and ranges.", func() uint64 { return n.store.Stats().Reads })
	m.Gauge("store_revision", "Revision of the last committed transaction.", func() float64 { return float64(n.store.Stats().Revision) })
	m.Gauges("keys", "KMS keys of all accounts, in whatever state, by Region.", []string{"region"}, func(emit obs.Emit) {
		ctx, cancel := context.WithTimeout(context.Background(), countTimeout)
		defer cancel()
		for _, region := range n.Domains.Names() {
			if region == domains.Global {
				continue
			}
			if count, err := n.quota.Total(ctx, region); err == nil {
				emit(float64(count), region)
			}
		}
	})
	m.Gauge("store_file_bytes", "Size of the database.", func() float64 { return float64(n.store.Stats().FileBytes) })
	m.Gauge("store_log_bytes", "Size of the database's write-ahead log.", func() float64 { return float64(n.store.Stats().LogBytes) })
}

func (n *Node) measureAudit() {
	m := n.Metrics
	m.Counter("audit_records_total", "Records written to the audit trail.", func() uint64 { return n.trail.Stats().Records })
	m.Counter("audit_bytes_total", "Bytes written to the audit trail.", func() uint64 { return n.trail.Stats().Bytes })
	m.Gauge("audit_queue_records", "Records that wait to be written to the audit trail.", func() float64 { return float64(n.trail.Stats().Queued) })
	m.Gauge("audit_outbox_rows", "Records of committed mutations that wait in the store for the audit trail.", func() float64 { return float64(n.outbox.Depth()) })
	m.Gauge("audit_sequence", "Sequence number of the audit trail's last record.", func() float64 { return float64(n.trail.Head().Sequence) })
	n.measureProof()
	n.measureEncryption()
	m.Gauge("audit_epoch", "The audit trail's epoch: one more with each start.", func() float64 { return float64(n.trail.Head().Epoch) })
}

func (n *Node) measureCaches() {
	m := n.Metrics
	cache := []string{"cache"}
	m.Gauges("cache_entries", "Entries of a cache.", cache, func(emit obs.Emit) {
		for _, u := range n.caches() {
			emit(float64(u.Entries), u.Cache)
		}
	})
	m.Gauges("cache_bytes", "Bytes of a cache, about.", cache, func(emit obs.Emit) {
		for _, u := range n.caches() {
			emit(float64(u.Bytes), u.Cache)
		}
	})
	m.Counters("cache_lookups_total", "Lookups of a cache, by whether it had what was looked for.", []string{"cache", "result"}, func(emit obs.Emit) {
		for _, u := range n.caches() {
			emit(float64(u.Hits), u.Cache, "hit")
			emit(float64(u.Misses), u.Cache, "miss")
		}
	})
}

// caches is the usage of every cache.
func (n *Node) caches() []keydir.Usage {
	all := append(n.keys.Usage(), keydir.Usage(n.grants.Usage()))
	for _, u := range n.Identity.Usage() {
		all = append(all, keydir.Usage(u))
	}
	return all
}

func (n *Node) measureJobs() {
	m := n.Metrics
	each := func(value func(jobs.Done) uint64) func(obs.Emit) {
		return func(emit obs.Emit) {
			for _, s := range []jobs.Stats{n.due.Stats(), n.rotation.Stats()} {
				for job, done := range s.Jobs {
					emit(float64(value(done)), job)
				}
			}
		}
	}
	m.Counters("job_runs_total", "Due rows that jobs were given.", []string{"job"}, each(func(d jobs.Done) uint64 { return d.Runs }))
	m.Counters("job_failures_total", "Runs of jobs that failed, and are tried again.", []string{"job"}, each(func(d jobs.Done) uint64 { return d.Failures }))
	m.Gauge("job_lag_seconds", "How long the oldest due row has been due that its job could not finish when it was last tried; 0 if there is none.", func() float64 {
		return n.due.Stats().Lag.Seconds()
	})
}

func oneIf(b bool) float64 {
	if b {
		return 1
	}
	return 0
}
