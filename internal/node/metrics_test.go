package node_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"

	dto "github.com/prometheus/client_model/go"

	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"trent/internal/audit"
	"trent/internal/edge"
	"trent/internal/export"
	"trent/internal/hsm/server/servertest"
	"trent/internal/node"
	"trent/internal/throttle"
)

// gather returns the node's metrics by name.
func (f *fixture) gather(t *testing.T) map[string]*dto.MetricFamily {
	t.Helper()
	families, err := f.Metrics.Gatherer().Gather()
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]*dto.MetricFamily{}
	for _, m := range families {
		byName[m.GetName()] = m
	}
	return byName
}

// value is a metric's value; labels are name, value, name, value. -1: it is not there.
func value(families map[string]*dto.MetricFamily, name string, labels ...string) float64 {
	for _, m := range families[name].GetMetric() {
		have := []string{}
		for _, l := range m.GetLabel() {
			have = append(have, l.GetName(), l.GetValue())
		}
		if !slices.Equal(have, labels) {
			continue
		}
		switch {
		case m.Counter != nil:
			return m.Counter.GetValue()
		case m.Histogram != nil:
			return float64(m.Histogram.GetSampleCount())
		default:
			return m.Gauge.GetValue()
		}
	}
	return -1
}

// documented reads the tables of docs/metrics.md: name → type and labels.
func documented(t *testing.T) map[string]string {
	t.Helper()
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string]string{}
	for _, m := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| (\\w+) \\| ([^|]*) \\|").FindAllStringSubmatch(string(page), -1) {
		labels := strings.Split(m[3], ", ")
		if m[3] == "–" {
			labels = nil
		}
		slices.Sort(labels)
		if rows[m[1]] != "" {
			t.Errorf("%s stands twice", m[1])
		}
		rows[m[1]] = fmt.Sprint(m[2], labels)
	}
	return rows
}

// TestMetricsAreDocumented compares docs/metrics.md with what a whole node
// exports after some traffic, both ways.
func TestMetricsAreDocumented(t *testing.T) {
	t.Parallel()
	one := node.Listener{Config: edge.Config{Listener: "one", Connections: new(atomic.Int64)}}
	two := node.Listener{Config: edge.Config{Listener: "two", HTTP2: true, Connections: new(atomic.Int64)}}
	f := newFixtureWith(t, servertest.Args(t), func(c *node.Config) {
		c.Listeners, c.Exports, c.Requests = []node.Listener{one, two}, []export.Export{{Name: "archive", Folder: t.TempDir()}}, throttle.AWS()
	})
	c := f.caller("111122223333")
	c.createKey(t)
	c.call("DescribeKey", object{"KeyId": "none"})
	for _, l := range []node.Listener{one, two} {
		conn, err := net.Dial("tcp", f.listen(t, l.Config))
		if err != nil {
			t.Fatal(err)
		}
		open := func() float64 { return value(f.gather(t), "trent_connections", "listener", l.Config.Listener) }
		waitFor(t, "the connection is counted", func() bool { return open() == 1 })
		conn.Close()
		waitFor(t, "its end is, too", func() bool { return open() == 0 })
	}

	want, families := documented(t), []*dto.MetricFamily{}
	for name, m := range f.gather(t) {
		families = append(families, m)
		if strings.HasPrefix(name, "go_") || strings.HasPrefix(name, "process_") {
			continue
		}
		var labels []string
		for _, l := range m.GetMetric()[0].GetLabel() {
			labels = append(labels, l.GetName())
		}
		if got := fmt.Sprint(strings.ToLower(m.GetType().String()), labels); got != want[name] {
			t.Errorf("%s is %s, and documented as %q", name, got, want[name])
		}
		delete(want, name)
	}
	for name, row := range want {
		t.Errorf("%s (%s) is documented and not exported", name, row)
	}
	problems, err := promlint.NewWithMetricFamilies(families).Lint()
	if err != nil || len(problems) > 0 {
		t.Errorf("%v %v", problems, err)
	}
}

// TestRulesNameMetrics: the rules to alert on ask for what there is, with the
// labels that it has.
func TestRulesNameMetrics(t *testing.T) {
	t.Parallel()
	rules, err := os.ReadFile("../../packaging/prometheus/trent.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	known, found := documented(t), 0
	for _, m := range regexp.MustCompile(`\b(trent_\w+?)(_bucket)?\b(?:\{(\w+)=)?`).FindAllStringSubmatch(string(rules), -1) {
		name, label := m[1], m[3]
		row := known[name]
		if row == "" || m[2] != "" != strings.HasPrefix(row, "histogram") || !strings.Contains(row, label) {
			t.Errorf("%s: documented is %q", m[0], row)
		}
		found++
	}
	if found < 10 {
		t.Errorf("only %d metrics in the rules: this looks at the wrong place", found)
	}
}

// TestMetricsCount: each number is that of what happened.
func TestMetricsCount(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller("111122223333")
	id := c.createKey(t)
	for range 3 {
		c.must(t, "GenerateDataKey", object{"KeyId": id, "KeySpec": "AES_256"})
	}
	c.call("DescribeKey", object{"KeyId": "none"})
	c.call("Encipher", "{}")
	for range 20 { // two of a second's cap at least are over it, in whatever seconds they fall
		caller{f, "111122223333", "wrong", "eu-west-1"}.call("ListKeys", "{}")
	}
	waitFor(t, "the outbox is empty, and the trail's first digest is signed", func() bool {
		m := f.gather(t)
		return value(m, "trent_audit_outbox_rows") == 0 && value(m, "trent_module_requests_in_flight", "lane", "slow") == 0
	})
	m := f.gather(t)
	unrecorded := value(m, "trent_requests_unrecorded_total")
	for _, row := range []struct {
		want   float64
		name   string
		labels []string
	}{
		{1, "trent_requests_total", []string{"code", "OK", "operation", "CreateKey"}},
		{3, "trent_requests_total", []string{"code", "OK", "operation", "GenerateDataKey"}},
		{1, "trent_requests_total", []string{"code", "NotFoundException", "operation", "DescribeKey"}},
		{0, "trent_requests_total", []string{"code", "OK", "operation", "DescribeKey"}},
		{1, "trent_requests_total", []string{"code", "UnknownOperationException", "operation", "unknown"}},
		{20, "trent_requests_total", []string{"code", "InvalidSignatureException", "operation", "ListKeys"}},
		{3, "trent_request_duration_seconds", []string{"operation", "GenerateDataKey"}},
		{21, "trent_requests_unauthenticated_total", nil},
		{0, "trent_requests_in_flight", nil},
		{1, "trent_module_state", []string{"state", "ready"}},
		{0, "trent_module_state", []string{"state", "mute"}},
		{0, "trent_module_restarts_total", nil},
		{0, "trent_module_requests_in_flight", []string{"lane", "slow"}},
		{1, "trent_keys", []string{"region", "eu-west-1"}},
		{1, "trent_domain_generation", []string{"region", "eu-west-1"}},
		{0, "trent_store_transactions_total", []string{"outcome", "failed"}},
		{30 - unrecorded, "trent_audit_records_total", nil}, // four of the keys that sign the trail
		{30 - unrecorded, "trent_audit_sequence", nil},
		{1, "trent_audit_epoch", nil},
		{1, "trent_cache_entries", []string{"cache", "keys"}},
		{1, "trent_cache_entries", []string{"cache", "access_keys"}},
		{2, "trent_cache_lookups_total", []string{"cache", "keys", "result", "hit"}},
		{0, "trent_job_lag_seconds", nil},
		{1, "trent_ready", nil},
	} {
		if got := value(m, row.name, row.labels...); got != row.want {
			t.Errorf("%s%v is %v, want %v", row.name, row.labels, got, row.want)
		}
	}
	for _, name := range []string{"trent_store_revision", "trent_store_file_bytes", "trent_store_reads_total", "trent_store_group_transactions",
		"trent_store_transaction_duration_seconds", "trent_audit_write_records", "trent_audit_sync_duration_seconds", "trent_audit_bytes_total",
		"trent_request_bytes_total", "trent_answer_bytes_total", "trent_module_frames_written_total"} {
		if got := value(m, name); got <= 0 {
			t.Errorf("%s is %v", name, got)
		}
	}
	if fast := value(m, "trent_module_round_trip_duration_seconds", "lane", "fast"); fast < 5 {
		t.Errorf("%v round trips", fast)
	}
}

// TestReadiness: /readyz names what is not ready, on the API's listeners with
// either HTTP server and on the metrics listener, and /healthz does not mind.
func TestReadiness(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	t.Cleanup(func() { // before the fixture's, which expects no error
		if err := f.Node.Close(); !errors.Is(err, audit.ErrClosed) {
			t.Errorf("close: %v", err)
		}
		f.child.Close()
		f.Node = nil
	})
	bases := []string{"http://" + f.listen(t, edge.Config{Listener: "one"}), "http://" + f.listen(t, edge.Config{Listener: "two", HTTP2: true})}
	type readiness struct {
		Ready  bool
		Checks map[string]string
	}
	ask := func(base string) (status int, r readiness) {
		t.Helper()
		res, err := http.Get(base + "/readyz")
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if err := json.NewDecoder(res.Body).Decode(&r); err != nil || res.Header.Get("Content-Type") != "application/json" {
			t.Error(err, res.Header)
		}
		return res.StatusCode, r
	}
	all := func(wantStatus int, wrong ...string) {
		t.Helper()
		for _, base := range bases {
			status, r := ask(base)
			var got []string
			for name, state := range r.Checks {
				if state != "ok" {
					got = append(got, name)
				}
			}
			if status != wantStatus || r.Ready != (wantStatus == 200) || !slices.Equal(got, wrong) || len(r.Checks) != 4 {
				t.Errorf("%s: %d %+v, want %d %v", base, status, r, wantStatus, wrong)
			}
			res, err := http.Get(base + "/healthz")
			if err != nil {
				t.Fatal(err)
			}
			if body, _ := io.ReadAll(res.Body); res.StatusCode != 200 || string(body) != `{"alive":true}`+"\n" {
				t.Errorf("/healthz: %d %q", res.StatusCode, body)
			}
			res.Body.Close()
		}
	}
	all(200)
	if err := syscall.Kill(f.child.Pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	waitFor(t, "the module is known to be gone", func() bool { // for a tenth of a second at least: the delay before a restart
		r := f.Health.Ready()
		return !r.Ready && r.Checks["module"] == "restarting" && r.Checks["store"] == "ok"
	})
	waitFor(t, "the module is back", func() bool { return f.Health.Ready().Ready })
	if got := value(f.gather(t), "trent_module_restarts_total"); got != 1 {
		t.Errorf("%v restarts", got)
	}
	all(200)
	if err := f.CloseTrail(); err != nil {
		t.Fatal(err)
	}
	all(503, "audit")
	f.Health.End()
	for _, base := range bases {
		if status, r := ask(base); status != 503 || r.Checks["process"] != "shutting down" {
			t.Errorf("ending: %d %+v", status, r)
		}
	}
}
