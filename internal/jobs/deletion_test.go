package jobs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"trent/internal/key"
	"trent/internal/record"
	"trent/internal/store"
	"trent/internal/store/sqlite"
)

// The variables by which a test starts this program again to be killed.
const (
	folderVar = "TRENT_TEST_FOLDER"
	killVar   = "TRENT_TEST_KILL" // before which change of the store, in half steps
)

func TestMain(m *testing.M) {
	if dir := os.Getenv(folderVar); dir != "" {
		if err := process(dir); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// process is the process that gets killed.
func process(dir string) error {
	st, err := sqlite.Open(context.Background(), dir, sqlite.Options{})
	if err != nil {
		return err
	}
	left, err := strconv.Atoi(os.Getenv(killVar))
	if err != nil {
		return err
	}
	_, err = scheduler(&mortal{Store: st, left: left}).once(context.Background())
	return err
}

// mortal is a store whose process is killed before or after one of its changes.
type mortal struct {
	*sqlite.Store
	left int
}

func (m *mortal) tick() {
	if m.left--; m.left < 0 {
		_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {} // until the signal arrives
	}
}

func (m *mortal) Txn(ctx context.Context, cmps []store.Cmp, ops []store.Op) (bool, store.Rev, error) {
	m.tick()
	defer m.tick()
	return m.Store.Txn(ctx, cmps, ops)
}

func (m *mortal) Erase(ctx context.Context) error {
	m.tick()
	defer m.tick()
	return m.Store.Erase(ctx)
}

// gone checks that one key is gone with its event, and the other whole.
func gone(t *testing.T, dir string, st store.Store) {
	t.Helper()
	if left := rows(t, st, deleted); len(left) != 0 {
		t.Errorf("of the deleted key there are left: %q", left)
	}
	if n := len(rows(t, st, kept)); n != whole {
		t.Errorf("the other key has %d rows, want %d", n, whole)
	}
	if inFiles(t, dir, deleted) {
		t.Error("a file still has a token of the deleted key")
	}
	if !inFiles(t, dir, kept) {
		t.Error("no file has the other key's token: the scan finds nothing")
	}
	events, _, _, err := st.Range(t.Context(), record.OutboxPrefix(region), record.PrefixEnd(record.OutboxPrefix(region)), 100)
	if err != nil {
		t.Fatal(err)
	}
	if len(events) != 1 {
		t.Fatalf("%d events of one deletion", len(events))
	}
	records, err := sealer(t.Context(), region)
	if err != nil {
		t.Fatal(err)
	}
	var row record.Outbox
	if _, err := records.Open(events[0].Key, events[0].Value, record.TypeOutbox, &row); err != nil {
		t.Fatal(err)
	}
	checkEvent(t, row.Event)
}

func checkEvent(t *testing.T, b []byte) {
	t.Helper()
	var e struct {
		EventName, EventType, AwsRegion, SourceIPAddress, UserAgent, EventID, EventTime, RecipientAccountID string
		UserIdentity                                                                                        struct{ AccountID, InvokedBy string }
		RequestParameters, ResponseElements, RequestID                                                      *string
		ReadOnly                                                                                            bool
		Resources                                                                                           []struct{ AccountID, Type, ARN string }
	}
	if err := json.Unmarshal(b, &e); err != nil {
		t.Fatal(err)
	}
	const aws = "AWS Internal"
	if e.EventName != "DeleteKey" || e.EventType != "AwsServiceEvent" || e.AwsRegion != region || e.SourceIPAddress != aws || e.UserAgent != aws ||
		e.EventID == "" || e.EventTime != "2027-01-15T08:00:00Z" || e.RecipientAccountID != account || e.UserIdentity.AccountID != account ||
		e.UserIdentity.InvokedBy != aws || e.RequestParameters != nil || e.ResponseElements != nil || e.RequestID != nil || e.ReadOnly ||
		len(e.Resources) != 1 || e.Resources[0].ARN != "arn:aws:kms:eu-west-1:111122223333:key/"+deleted || e.Resources[0].AccountID != account {
		t.Errorf("event %s", b)
	}
}

// TestDeletionIsKilled kills the process with SIGKILL before and after every
// change that a deletion makes to the store, and goes on: the key is deleted
// once, with one event, and no file has its tokens.
func TestDeletionIsKilled(t *testing.T) {
	t.Parallel()
	template, st := world(t)
	before := len(rows(t, st, deleted))
	if before != whole+1 || !inFiles(t, template, deleted) {
		t.Fatalf("before the deletion there are %d rows, want %d", before, whole+1)
	}
	if err := st.Close(); err != nil {
		t.Fatal(err)
	}
	for kill := 0; ; kill++ {
		if kill > 50 {
			t.Fatal("a deletion does not end within 25 changes")
		}
		dir := filepath.Join(t.TempDir(), "store")
		if err := os.CopyFS(dir, os.DirFS(template)); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), folderVar+"="+dir, killVar+"="+strconv.Itoa(kill))
		out, err := cmd.CombinedOutput()
		ended := err == nil
		if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); !ended && (!ok || status.Signal() != syscall.SIGKILL) {
			t.Fatalf("%v: %s", err, out)
		}
		st = open(t, dir)
		if left := len(rows(t, st, deleted)); kill == 0 && left != before {
			t.Errorf("killed before the first change, %d of %d rows are left", left, before)
		}
		if !ended {
			if _, err := scheduler(st).once(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		gone(t, dir, st)
		if t.Failed() {
			t.Fatalf("killed before half step %d", kill)
		}
		if ended {
			// Mark, three pages of materials, two of aliases, two of grants; erasing; the end.
			if kill != 2*10 {
				t.Errorf("the deletion has %d half steps, want 20: are the fail points all there?", kill)
			}
			return
		}
	}
}

// TestRowsWithoutReason: a due row is a hint. What decides is the key's
// record, which is authentic: no key is deleted that is not pending deletion at
// that time.
func TestRowsWithoutReason(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		state key.State
		date  time.Time
	}{
		"enabled":                   {key.Enabled, time.Time{}},
		"cancelled":                 {key.Disabled, time.Time{}},
		"enabled, with that date":   {key.Enabled, deletionDate},
		"pending until later":       {key.PendingDeletion, deletionDate.Add(time.Millisecond)},
		"being deleted another day": {record.StateDeleting, deletionDate.Add(-time.Millisecond)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := open(t, t.TempDir())
			addKey(t, st, kept, test.state, test.date)
			put(t, st, []store.Op{{Key: record.DuePath(region, deletionDate, record.JobDelete, account, kept)}})
			if _, err := scheduler(st).once(t.Context()); err != nil {
				t.Fatal(err)
			}
			if n := len(rows(t, st, kept)); n != whole {
				t.Errorf("%d rows are left, want %d", n, whole)
			}
		})
	}
}

// meddler is a store in which somebody else changes something before one of
// the deletion's transactions.
type meddler struct {
	*sqlite.Store
	at     int
	change func()
}

func (m *meddler) Txn(ctx context.Context, cmps []store.Cmp, ops []store.Op) (bool, store.Rev, error) {
	if m.at == 0 {
		m.change()
	}
	m.at--
	return m.Store.Txn(ctx, cmps, ops)
}

// TestCancelWinsWhole: a key whose deletion is cancelled between the read and
// the first transaction keeps everything.
func TestCancelWinsWhole(t *testing.T) {
	t.Parallel()
	dir, st := world(t)
	m := &meddler{Store: st, change: func() {
		row := record.DuePath(region, deletionDate, record.JobDelete, account, deleted)
		path := record.KeyPath(region, account, deleted)
		s, _ := sealer(t.Context(), region)
		value, err := s.Seal(path, record.TypeKey, 2, &record.Key{State: string(key.Disabled)})
		if err != nil {
			t.Error(err)
		}
		put(t, st, []store.Op{{Key: row, Delete: true}, {Key: path, Value: value}})
	}}
	if _, err := scheduler(m).once(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := len(rows(t, st, deleted)); n != whole || !inFiles(t, dir, deleted) {
		t.Errorf("the cancelled key has %d rows, want %d", n, whole)
	}
}

// TestAliasMovesAway: an alias that is pointed to another key while its old one
// is deleted stays, and points there.
func TestAliasMovesAway(t *testing.T) {
	t.Parallel()
	dir, st := world(t)
	name := deleted[:4] + "/0"
	m := &meddler{Store: st, at: 4, change: func() { // mark, three pages of materials, then the aliases
		path := record.AliasPath(region, account, name)
		s, _ := sealer(t.Context(), region)
		value, err := s.Seal(path, record.TypeAlias, 2, &record.Alias{KeyID: kept})
		if err != nil {
			t.Error(err)
		}
		put(t, st, []store.Op{{Key: path, Value: value}, {Key: record.AliasOfKeyPath(region, account, deleted, name), Delete: true}})
	}}
	if _, err := scheduler(m).once(t.Context()); err != nil {
		t.Fatal(err)
	}
	path := record.AliasPath(region, account, name)
	if left := rows(t, st, deleted); len(left) != 1 || left[0] != string(path) {
		t.Errorf("left are %q, want the alias that moved", left)
	}
	put(t, st, []store.Op{{Key: path, Delete: true}})
	gone(t, dir, st)
}

// TestFailuresAreTriedAgain: a key that cannot be deleted is reported, keeps
// its row, and does not keep others waiting.
func TestFailuresAreTriedAgain(t *testing.T) {
	t.Parallel()
	dir, st := world(t)
	const broken = "0000cccc-0000-4000-8000-000000000003"
	row := record.DuePath(region, deletionDate, record.JobDelete, account, broken)
	// Older than the broken one, and without a key any more: its run succeeds.
	done := record.DuePath(region, deletionDate.Add(-time.Hour), record.JobDelete, account, "0000cccc-0000-4000-8000-000000000004")
	put(t, st, []store.Op{{Key: row}, {Key: done}, {Key: record.KeyPath(region, account, broken), Value: []byte("no record")}})
	s := scheduler(st)
	s.now = func() time.Time { return deletionDate.Add(time.Minute) }
	for i, want := range []Done{{Runs: 3, Failures: 1}, {Runs: 4, Failures: 2}} {
		_, err := s.once(t.Context())
		if !errors.Is(err, record.ErrTampered) || !strings.Contains(err.Error(), broken) {
			t.Errorf("error %v", err)
		}
		if _, _, err := st.Get(t.Context(), row); err != nil {
			t.Errorf("the row of the key that is left: %v", err)
		}
		if got := s.Stats(); got.Jobs[record.JobDelete] != want || got.Lag != time.Minute {
			t.Errorf("round %d: %+v, want %+v and the minute of the one that is left", i, got, want)
		}
		gone(t, dir, st)
	}
}
