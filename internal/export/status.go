package export

import (
	"sync"
	"time"
)

// Events of a Notice, as the trail names them.
const (
	Started = "StartAuditExport" // an export begins, or begins again
	Skipped = "SkipAuditRecords" // records will not be delivered
)

// Notice is what happened to an export.
type Notice struct {
	Event                     string
	Export, Kind, Destination string   // Destination never has a secret
	Node                      [16]byte // of a Skipped: whose record After is
	After, Next               uint64   // sequence numbers: nothing between them is delivered; 0: none, or not known
	Why                       string
}

// Status is how an export stands.
type Status struct {
	Name, Kind, Destination string
	Sequence                uint64        // of the last record that was delivered
	Node                    [16]byte      // whose
	LagRecords              uint64        // that the trail has and the destination has not
	Lag                     time.Duration // age of the oldest of these
	Records, Batches        uint64        // delivered by this process
	Skipped                 uint64        // records that this process found missing, and said so; 1 where their number is not known
	Failures                uint64        // tries that failed
	Delivered               time.Time     // the last batch; zero: none yet
	Error                   string        // why the last try failed; "" if it did not
}

// status is an Exporter's, for everybody to ask.
type status struct {
	mu     sync.Mutex
	now    Status
	oldest time.Time // of the records that are not delivered; zero: there is none, or it is not known
}

// Status returns how the export stands.
func (x *Exporter) Status() Status {
	x.status.mu.Lock()
	s, oldest := x.status.now, x.status.oldest
	x.status.mu.Unlock()
	s.Name, s.Kind, s.Destination = x.Name, x.kind, x.where
	head := x.config.Head()
	s.LagRecords = 0
	if s.Node != x.config.Node {
		s.LagRecords = head.Sequence // and those of the trail before
	} else if head.Sequence > s.Sequence {
		s.LagRecords = head.Sequence - s.Sequence
	}
	if s.LagRecords > 0 && !oldest.IsZero() {
		s.Lag = max(x.config.Now().Sub(oldest), 0)
	}
	return s
}

func (s *status) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now.Failures++
	s.now.Error = err.Error()
}

func (s *status) recover() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now.Error = ""
}

func (s *status) delivered(b *batch, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now.Records += uint64(len(b.records))
	s.now.Batches++
	s.now.Delivered, s.now.Error = at, ""
}

func (s *status) skip(g gap) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case g.next == 0: // nobody knows how many: no alert must miss it
		s.now.Skipped++
	case g.next > g.after:
		s.now.Skipped += g.next - g.after - 1
	}
}

// measure brings the status up to date: where the cursor is, and how old the
// oldest record behind it is. Without peek it looks for no record: the next batch
// finds it, and what is known of the last one's time stands.
func (x *Exporter) measure(peek bool) {
	at := x.c.at
	var oldest time.Time
	if x.batch != nil {
		oldest = x.batch.records[0].time
	} else if head := x.config.Head(); at.node != x.config.Node || at.sequence != head.Sequence {
		if !peek {
			x.peeked = event{sequence: at.sequence, time: x.reached}
		} else if x.peeked.sequence != at.sequence+1 || x.peeked.time.IsZero() {
			x.peeked = event{}
			if b, err := x.r.next(at, wanted{bound: head.Sequence, bytes: 1}); err == nil && len(b.records) > 0 {
				x.peeked = b.records[0]
			}
		}
		oldest = x.peeked.time
	}
	x.status.mu.Lock()
	defer x.status.mu.Unlock()
	x.status.now.Sequence, x.status.now.Node, x.status.oldest = at.sequence, at.node, oldest
}
