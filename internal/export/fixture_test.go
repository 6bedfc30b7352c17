package export

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"trent/internal/audit"
	"trent/internal/digest"
)

var testNode = [16]byte{0xe1, 2, 3}

// world is a trail and what an export needs of a node.
type world struct {
	t     testing.TB
	dir   string // of the trails
	state string
	node  [16]byte
	trail *audit.Trail
	// segmentBytes is how long segments are; small, so that there are many.
	segmentBytes int64

	mu      sync.Mutex
	now     time.Time
	signed  audit.Head
	notices []Notice
	own     []net.Addr
}

func newWorld(t testing.TB) *world {
	t.Helper()
	w := &world{t: t, dir: filepath.Join(t.TempDir(), "audit"), node: testNode, segmentBytes: 4 << 10, now: time.Date(2026, 11, 23, 8, 30, 0, 0, time.UTC)}
	w.state = filepath.Join(filepath.Dir(w.dir), "audit-export")
	w.open()
	t.Cleanup(func() { _ = w.trail.Close() })
	return w
}

// open begins the trail's next epoch, with small segments.
func (w *world) open() {
	w.t.Helper()
	trail, err := audit.Open(w.t.Context(), w.dir, audit.Options{Node: w.node, Mode: audit.Relaxed, SegmentBytes: w.segmentBytes})
	if err != nil {
		w.t.Fatal(err)
	}
	w.trail = trail
}

func (w *world) restart() {
	w.t.Helper()
	if err := w.trail.Close(); err != nil {
		w.t.Fatal(err)
	}
	w.open()
}

// append writes n records of an account, numbered on.
func (w *world) append(n int, account string) {
	w.t.Helper()
	for range n {
		e := audit.Event{
			Time: w.clock(), Source: "kms.amazonaws.com", Name: "Encrypt", Region: "eu-west-1", EventID: fmt.Sprintf("id-%d-%d", w.trail.Head().Epoch, w.trail.Head().Sequence+1),
			RecipientAccountID: account, Type: audit.TypeAPICall,
		}
		if err := w.trail.Append(context.Background(), e.AppendJSON(nil)); err != nil {
			w.t.Fatal(err)
		}
	}
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) advance(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// sign has a digest cover everything.
func (w *world) sign() {
	head := w.trail.Head()
	w.mu.Lock()
	defer w.mu.Unlock()
	w.signed = head
}

// config keeps the notices; unlike a node's they do not go into the trail.
func (w *world) config() Config {
	return Config{
		Trail: w.dir, State: w.state, Node: w.node, Head: func() audit.Head { return w.trail.Head() },
		Signed: func() audit.Head { w.mu.Lock(); defer w.mu.Unlock(); return w.signed },
		Record: func(_ context.Context, n Notice) error {
			w.mu.Lock()
			defer w.mu.Unlock()
			w.notices = append(w.notices, n)
			return nil
		},
		Own: func() []net.Addr { return w.own },
		Now: w.clock, Log: slog.New(slog.DiscardHandler), Signer: signer{},
	}
}

func (w *world) noticed(event string) (found []Notice) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, n := range w.notices {
		if n.Event == event {
			found = append(found, n)
		}
	}
	return found
}

func (w *world) exporter(e Export) *Exporter {
	w.t.Helper()
	x, err := New(w.config(), e)
	if err != nil {
		w.t.Fatal(err)
	}
	return x
}

// memory is a destination that remembers what it got, and fails when it is told to.
type memory struct {
	ids   []string
	lots  []int // records of each batch
	fail  func() error
	after func() error // fails once the batch was taken
}

func (m *memory) close() {}

func (m *memory) deliver(_ context.Context, b *batch) error {
	if m.fail != nil {
		if err := m.fail(); err != nil {
			return err
		}
	}
	for _, e := range b.records {
		m.ids = append(m.ids, eventID(e.json))
	}
	m.lots = append(m.lots, len(b.records))
	if m.after != nil {
		return m.after()
	}
	return nil
}

func eventID(record []byte) string {
	var r struct{ EventID string }
	if err := json.Unmarshal(record, &r); err != nil {
		panic(err)
	}
	return r.EventID
}

// to replaces an exporter's destination.
func (x *Exporter) deliverTo(d destination) *Exporter {
	x.to, x.files = d, nil
	return x
}

// ids are those of records from..to of an epoch.
func ids(epoch, from, to int) (all []string) {
	for i := from; i <= to; i++ {
		all = append(all, fmt.Sprintf("id-%d-%d", epoch, i))
	}
	return all
}

// signer signs with nothing but itself: what the signatures are worth is shown
// with real programs.
type signer struct{}

func (signer) Keys(context.Context) ([]digest.Key, error) {
	return []digest.Key{{ID: "00112233445566778899aabbccddeeff", Algorithm: digest.ECDSA}}, nil
}

func (signer) Sign(_ context.Context, text []byte) ([]digest.Signature, error) {
	return []digest.Signature{{Algorithm: digest.ECDSA, KeyID: "00112233445566778899aabbccddeeff", Bytes: []byte(hexHash(text))}}, nil
}
