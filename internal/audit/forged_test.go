package audit

import (
	"testing"

	"trent/internal/record"
	"trent/internal/store"
)

// TestForgedRowsDoNotReachTheTrail: who can write to the store cannot make the
// service record what did not happen, nor keep it from starting.
func TestForgedRowsDoNotReachTheTrail(t *testing.T) {
	t.Parallel()
	m, s, ids := newMemFS(), openStore(t), &IDs{}
	events := mutate(t, s, region, ids, 3)
	other, err := OutboxOp(testSealer, record.Global, ids.New(), []byte(`{"eventID":"x"}`))
	if err != nil {
		t.Fatal(err)
	}
	forged := map[string][]byte{
		"00000000-0000-4000-8000-000000000001": []byte(`{"eventID":"forged"}`),
		"00000000-0000-4000-8000-000000000002": {},
		"ffffffff-0000-4000-8000-000000000003": other.Value, // moved from another place
	}
	for id, value := range forged {
		if _, _, err := s.Txn(t.Context(), nil, []store.Op{{Key: record.OutboxPath(region, id), Value: value}}); err != nil {
			t.Fatal(err)
		}
	}
	trail := openMem(t, m, Relaxed)
	if err := newTestOutbox(t, s, trail).Drain(t.Context(), testRegions); err != nil {
		t.Fatal(err)
	}
	mustClose(t, trail)
	eachOnce(t, m, events)
	if n := countRows(t, s); n != len(forged) {
		t.Errorf("%d rows left, %d were forged", n, len(forged))
	}
}
