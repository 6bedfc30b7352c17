package backup

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"trent/internal/audit"
	"trent/internal/record"
	"trent/internal/store"
)

// TestHeadCoversTheRevision: while mutations are committed, each of which has
// an event, the trail up to a backup's head has the events of all that are in
// the backup; the record after the head is the backup's own.
func TestHeadCoversTheRevision(t *testing.T) {
	t.Parallel()
	s := newService(t)
	stop := s.mutate(t, 4)
	const backups = 5
	var files [backups][]byte
	var made [backups]*Manifest
	for i := range backups {
		files[i], made[i] = s.backup(t)
	}
	stop()
	sequence, own := s.read(t)
	for i, m := range made {
		db := emptyStore(t)
		if _, err := Restore(t.Context(), bytes.NewReader(files[i]), db); err != nil {
			t.Fatal(err)
		}
		count := 0
		for key := range rows(t, db) {
			p, ok := record.ParsePath([]byte(key))
			if !ok || p.Kind != record.KindKey || p.Account != mutator {
				continue
			}
			count++
			if at, ok := sequence[p.KeyID]; !ok || at > m.Head.Sequence {
				t.Errorf("backup %d holds the mutation %s, whose record is %d; its head is %d", i, p.KeyID, at, m.Head.Sequence)
			}
		}
		if count < 4 {
			t.Errorf("backup %d holds %d mutations", i, count)
		}
		// Other events may come between the head and the backup's own record.
		if at := own[fmt.Sprintf("%d %x", m.Contents.Revision, m.Head.Hash)]; at <= m.Head.Sequence {
			t.Errorf("backup %d has the record %d, and the head %d", i, at, m.Head.Sequence)
		}
	}
}

// mutator is the account whose keys mutate makes.
const mutator = "1"

// mutate makes keys, each with an event of the same id, from several writers;
// it returns when each of them has made one. stop ends them.
func (s *service) mutate(t *testing.T, writers int) (stop func()) {
	t.Helper()
	end := make(chan struct{})
	begun := make(chan struct{}, writers)
	var running sync.WaitGroup
	for writer := range writers {
		running.Go(func() {
			for i := 0; ; i++ {
				id := fmt.Sprintf("%d-%d", writer, i)
				s.put(t, s.event(t, id), store.Op{Key: record.KeyPath("eu-west-1", mutator, id), Value: []byte(id)})
				if i == 0 {
					begun <- struct{}{}
				}
				select {
				case <-end:
					return
				default:
				}
			}
		})
	}
	for range writers {
		<-begun
	}
	return func() { close(end); running.Wait() }
}

// read returns the sequence numbers of the trail's records by event id, and
// those of backups by the revision and the head that they name.
func (s *service) read(t *testing.T) (sequence, backups map[string]uint64) {
	t.Helper()
	sequence, backups = map[string]uint64{}, map[string]uint64{}
	for r, err := range audit.Records(s.dir + "/audit") {
		if err != nil && !errors.Is(err, audit.ErrTorn) {
			t.Fatal(err)
		}
		var event struct {
			EventID, EventName string
			RequestParameters  struct{ Revision, AuditHash string }
			UserIdentity       struct{ UserName string }
		}
		if err := json.Unmarshal(r.JSON, &event); err != nil {
			t.Fatal(err)
		}
		sequence[event.EventID] = r.Sequence
		if event.EventName == eventCreate && event.UserIdentity.UserName == operator.Name {
			backups[event.RequestParameters.Revision+" "+event.RequestParameters.AuditHash] = r.Sequence
		}
	}
	return sequence, backups
}

// TestNoByteWithoutARecord: when the trail takes nothing, nothing is written;
// what a reader had before he went away is in the trail.
func TestNoByteWithoutARecord(t *testing.T) {
	t.Parallel()
	s := newService(t)
	if _, err := Create(t.Context(), s.Source, operator, new(gone)); !errors.Is(err, errGone) {
		t.Errorf("%v", err)
	}
	if got := s.names(t); !slices.Equal(got, []string{eventStart}) {
		t.Errorf("a reader that goes away: %q", got)
	}
	s.backup(t)
	if got := s.names(t); !slices.Equal(got, []string{eventStart, eventStart, eventCreate}) {
		t.Errorf("a whole backup: %q", got)
	}

	trail, err := audit.Open(t.Context(), t.TempDir(), audit.Options{Node: [16]byte{1}, Mode: audit.Relaxed})
	if err != nil {
		t.Fatal(err)
	}
	if err := trail.Close(); err != nil {
		t.Fatal(err)
	}
	s.Trail = trail
	var b bytes.Buffer
	if _, err := Create(t.Context(), s.Source, operator, &b); !errors.Is(err, audit.ErrClosed) || b.Len() != 0 {
		t.Errorf("%v, and %d bytes were written", err, b.Len())
	}
}

var errGone = errors.New("gone")

// gone is a reader that goes away at once.
type gone struct{}

func (gone) Write([]byte) (int, error) { return 0, errGone }

// names are those of the operator's events in the trail.
func (s *service) names(t *testing.T) (all []string) {
	t.Helper()
	for r, err := range audit.Records(s.dir + "/audit") {
		if err != nil && !errors.Is(err, audit.ErrTorn) {
			t.Fatal(err)
		}
		var event struct {
			EventName    string
			ReadOnly     bool
			UserIdentity struct{ UserName string }
		}
		if err := json.Unmarshal(r.JSON, &event); err != nil {
			t.Fatal(err)
		}
		if event.UserIdentity.UserName == operator.Name && event.ReadOnly {
			all = append(all, event.EventName)
		}
	}
	return all
}
