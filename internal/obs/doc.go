// Package obs owns what an operator sees of a running service: the Prometheus
// metrics and their registry, the log line of each request, and the answers to
// "is it alive, is it ready", with the listener that serves all of this.
//
// It must never be given a plaintext, a ciphertext, an encryption context, a
// token or a header, and no label of a metric may be what a caller chose: key
// ids, accounts and principals would make as many time series. It must never
// make a request wait for whoever reads logs or metrics. Only wiring
// (internal/node, cmd/trent) imports it: the packages on a request's way know
// no metrics, they have hooks and counters that wiring joins to it.
//
// docs/metrics.md lists every metric; a test of internal/node compares the two.
package obs
