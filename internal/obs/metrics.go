package obs

import (
	"log/slog"
	"net/http"
	"runtime"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// namespace is the first part of every name.
const namespace = "trent_"

// secondsBuckets fit what takes 50 µs, and what takes 10 s.
var secondsBuckets = []float64{
	50e-6, 100e-6, 200e-6, 500e-6, 1e-3, 2e-3, 5e-3, 10e-3, 20e-3, 50e-3, 100e-3, 200e-3, 500e-3, 1, 2, 5, 10,
}

// countBuckets fit batches, up to the largest group of the store.
var countBuckets = []float64{1, 2, 4, 8, 16, 32, 64, 128, 256}

// Metrics is a registry of this process's own. Its methods that add a metric
// are for wiring, at the start; a name must not be added twice.
type Metrics struct {
	registry *prometheus.Registry
}

// NewMetrics returns a registry with Go's and the process's own metrics, and
// trent_build_info, whose value is always 1.
func NewMetrics(version string) *Metrics {
	m := &Metrics{prometheus.NewRegistry()}
	m.registry.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.Gauges("build_info", "The running program; the value is always 1.", []string{"version", "go_version"}, func(emit Emit) {
		emit(1, version, runtime.Version())
	})
	return m
}

// Gatherer returns the metrics as they are now; for tests of what is exported.
func (m *Metrics) Gatherer() prometheus.Gatherer { return m.registry }

// Emit gives one value of a metric, with the values of its labels in their
// order.
type Emit func(value float64, labels ...string)

// Gauge adds a gauge that is read when it is scraped. The name goes without
// "trent_".
func (m *Metrics) Gauge(name, help string, read func() float64) {
	m.Gauges(name, help, nil, func(emit Emit) { emit(read()) })
}

// Gauges adds a gauge with labels.
func (m *Metrics) Gauges(name, help string, labels []string, read func(Emit)) {
	m.sampled(prometheus.GaugeValue, name, help, labels, read)
}

// Counter adds a counter that is read when it is scraped; what it reads only grows.
func (m *Metrics) Counter(name, help string, read func() uint64) {
	m.Counters(name, help, nil, func(emit Emit) { emit(float64(read())) })
}

// Counters adds a counter with labels.
func (m *Metrics) Counters(name, help string, labels []string, read func(Emit)) {
	m.sampled(prometheus.CounterValue, name, help, labels, read)
}

func (m *Metrics) sampled(kind prometheus.ValueType, name, help string, labels []string, read func(Emit)) {
	m.registry.MustRegister(&sampled{prometheus.NewDesc(namespace+name, help, labels, nil), kind, read})
}

// Seconds adds a histogram of durations and returns what observes one.
func (m *Metrics) Seconds(name, help string) func(time.Duration) {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: namespace + name, Help: help, Buckets: secondsBuckets})
	m.registry.MustRegister(h)
	return func(d time.Duration) { h.Observe(d.Seconds()) }
}

// SecondsBy adds a histogram of durations with one label, and returns what
// observes one for each of the label's values, which are all that there are.
func (m *Metrics) SecondsBy(name, help, label string, values ...string) []func(time.Duration) {
	vec := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: namespace + name, Help: help, Buckets: secondsBuckets}, []string{label})
	m.registry.MustRegister(vec)
	observe := make([]func(time.Duration), len(values))
	for i, value := range values {
		h := vec.WithLabelValues(value)
		observe[i] = func(d time.Duration) { h.Observe(d.Seconds()) }
	}
	return observe
}

// Sizes adds a histogram of how much was done at once and returns what
// observes one.
func (m *Metrics) Sizes(name, help string) func(int) {
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: namespace + name, Help: help, Buckets: countBuckets})
	m.registry.MustRegister(h)
	return func(n int) { h.Observe(float64(n)) }
}

// A sampled metric is read from where it is counted, when it is scraped.
type sampled struct {
	desc *prometheus.Desc
	kind prometheus.ValueType
	read func(Emit)
}

// Describe implements prometheus.Collector.
func (s *sampled) Describe(to chan<- *prometheus.Desc) { to <- s.desc }

// Collect implements prometheus.Collector.
func (s *sampled) Collect(to chan<- prometheus.Metric) {
	s.read(func(value float64, labels ...string) {
		to <- prometheus.MustNewConstMetric(s.desc, s.kind, value, labels...)
	})
}

// maxScrapes is how many scrapes are answered at the same time; more get 503.
const maxScrapes = 4

// handler answers scrapes.
func (m *Metrics) handler(log *slog.Logger) http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{
		MaxRequestsInFlight: maxScrapes,
		Timeout:             answerTimeout,
		ErrorLog:            slog.NewLogLogger(log.Handler(), slog.LevelError),
	})
}
