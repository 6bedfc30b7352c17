package audit

import (
	"errors"
	"slices"
	"testing"

	"trent/internal/record"
	"trent/internal/store"
)

// TestFirst: of a new trail the event that begins it is the first record, whatever
// waits beside and before it, and it comes once, though the store fails when its row
// is to be deleted and the service is started again; of a trail that has begun
// it is none.
func TestFirst(t *testing.T) {
	t.Parallel()
	regions := []string{"ap-east-1", region, record.Global}
	var ids IDs
	rows := func(s store.Store) (events []string) {
		return slices.Concat(mutate(t, s, "ap-east-1", &ids, 5), mutate(t, s, record.Global, &ids, 2*store.MaxOps))
	}
	drain := func(s store.Store, trail *Trail, begins string) error {
		b := NewOutbox(s, trail, testRecords, OutboxOptions{First: func(event []byte) bool { return string(event) == begins }})
		defer b.stop()
		return b.Drain(t.Context(), regions)
	}
	s, m := openStore(t), newMemFS()
	events := rows(s)
	begins := events[len(events)-1] // committed last
	failing := &faultyStore{Store: s, onDelete: func() (bool, error) { return false, errors.New("store fails") }}
	for _, st := range []store.Store{failing, failing, s, s} {
		trail := openMem(t, m, Strict)
		if err := drain(st, trail, begins); (err != nil) != (st == failing) {
			t.Fatal(err)
		}
		mustClose(t, trail)
		if all := readAll(t, m); all[0] != begins {
			t.Fatalf("%d records, of which the first is %s", len(all), all[0])
		}
	}
	eachOnce(t, m, events)

	late := rows(s) // the trail has begun
	trail := openMem(t, m, Strict)
	if err := drain(s, trail, late[7]); err != nil {
		t.Fatal(err)
	}
	mustClose(t, trail)
	eachOnce(t, m, append(events, late...))
	if all := readAll(t, m); all[0] != begins || all[len(events)] == late[7] {
		t.Error("a trail begins twice")
	}
}
