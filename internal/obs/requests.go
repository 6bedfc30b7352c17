package obs

import (
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"

	"trent/internal/api"
	"trent/internal/front"
	"trent/internal/live"
)

// codeOK is the label of a call that succeeded; every other code is one of
// internal/apierr's.
const codeOK = "OK"

// unknownOperation is the label of requests that name no operation of AWS's.
const unknownOperation = "unknown"

// Requests counts requests, measures them, and logs them if it has a log. It is
// the pipeline's front.Observer.
type Requests struct {
	log        *RequestLog // nil: none
	live       *live.Watch // nil: none
	operations [api.NumOps + 1]atomic.Pointer[operation]
	queries    sync.Map // string → *operation: those of IAM and STS, by front.Outcome's Query

	total        *prometheus.CounterVec
	seconds      *prometheus.HistogramVec
	inFlight     atomic.Int64
	requestBytes prometheus.Counter
	answerBytes  prometheus.Counter
	strangers    prometheus.Counter
	unrecorded   prometheus.Counter
	counted      prometheus.Counter
}

// operation has an operation's series, so that no request looks them up.
type operation struct {
	ok      prometheus.Counter
	seconds prometheus.Observer
}

var _ front.Observer = (*Requests)(nil)

// NewRequests adds the metrics of requests. log and watch may be nil.
func NewRequests(m *Metrics, log *RequestLog, watch *live.Watch) *Requests {
	r := &Requests{
		log: log, live: watch,
		total: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: namespace + "requests_total", Help: "Requests answered, by operation and result code.",
		}, []string{"operation", "code"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: namespace + "request_duration_seconds", Help: "Time from the read request to its answer, by operation.", Buckets: secondsBuckets,
		}, []string{"operation"}),
		requestBytes: newCounter("request_bytes_total", "Bytes of requests' bodies."),
		answerBytes:  newCounter("answer_bytes_total", "Bytes of answers' bodies."),
		strangers:    newCounter("requests_unauthenticated_total", "Requests without a valid signature."),
		unrecorded:   newCounter("requests_unrecorded_total", "Requests that the audit trail has no record of: strangers' over its cap for them, and those that failed because it could not be written."),
		counted:      newCounter("refusals_counted_total", "Requests of principals that were refused too often for audit records of their own: they are counted in one."),
	}
	m.registry.MustRegister(r.total, r.seconds, r.requestBytes, r.answerBytes, r.strangers, r.unrecorded, r.counted)
	m.Gauge("requests_in_flight", "Requests that are being worked on.", func() float64 { return float64(r.inFlight.Load()) })
	return r
}

func newCounter(name, help string) prometheus.Counter {
	return prometheus.NewCounter(prometheus.CounterOpts{Name: namespace + name, Help: help})
}

// InFlight is how many requests are being worked on.
func (r *Requests) InFlight() int64 { return r.inFlight.Load() }

// Began implements front.Observer.
func (r *Requests) Began() { r.inFlight.Add(1) }

// Ended implements front.Observer.
func (r *Requests) Ended(o front.Outcome) {
	r.inFlight.Add(-1)
	op := r.operation(&o)
	op.seconds.Observe(o.Took.Seconds())
	if o.Code == "" {
		op.ok.Inc()
	} else {
		r.total.WithLabelValues(operationName(&o), string(o.Code)).Inc()
	}
	r.requestBytes.Add(float64(o.RequestBytes))
	r.answerBytes.Add(float64(o.AnswerBytes))
	if o.Account == "" {
		r.strangers.Inc()
	}
	if o.Unrecorded {
		r.unrecorded.Inc()
	}
	if o.Counted {
		r.counted.Inc()
	}
	if r.log != nil {
		r.log.write(o)
	}
	if r.live != nil && r.live.Watched() {
		r.live.Add(&live.Call{Operation: operationName(&o), Code: string(o.Code), Key: o.KeyARN, Principal: o.Principal, Took: o.Took})
	}
}

// operation returns an operation's series, which exist from its first request
// on: most are never asked for.
func (r *Requests) operation(o *front.Outcome) *operation {
	if o.Query != "" {
		if have, ok := r.queries.Load(o.Query); ok {
			return have.(*operation)
		}
		made := r.series(o)
		r.queries.Store(o.Query, made)
		return made
	}
	p := &r.operations[o.Op]
	if have := p.Load(); have != nil {
		return have
	}
	made := r.series(o)
	p.Store(made)
	return made
}

// series makes an operation's; two that are made at once are the same.
func (r *Requests) series(o *front.Outcome) *operation {
	name := operationName(o)
	return &operation{r.total.WithLabelValues(name, codeOK), r.seconds.WithLabelValues(name)}
}

// operationName is the label of an operation: its name, with the service before
// it unless that is KMS.
func operationName(o *front.Outcome) string {
	switch {
	case o.Query != "":
		return o.Query
	case o.Op == 0:
		return unknownOperation
	}
	return o.Op.String()
}
