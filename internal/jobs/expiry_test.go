package jobs

import (
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"trent/internal/record"
	"trent/internal/store"
)

// TestExpiry: temporary credentials that are over go, an hour later, with
// their due rows; those that are not, and long-term ones whatever a row says,
// stay.
func TestExpiry(t *testing.T) {
	t.Parallel()
	st := open(t, filepath.Join(t.TempDir(), "store"))
	now := deletionDate
	e := &Expiry{Store: st, Records: sealer}
	s := NewScheduler(st, func() []string { return []string{record.Global} }, map[string]Job{record.JobExpire: e.Run}, func() time.Time { return now }, slog.New(slog.DiscardHandler))
	add := func(id string, expires, due time.Time) {
		records, err := sealer(t.Context(), record.Global)
		if err != nil {
			t.Fatal(err)
		}
		k := record.AccessKey{Account: account}
		if !expires.IsZero() {
			k.ExpiresMs = expires.UnixMilli()
		}
		value, err := records.Seal(record.AccessKeyPath(id), record.TypeAccessKey, 1, &k)
		if err != nil {
			t.Fatal(err)
		}
		put(t, st, []store.Op{{Key: record.AccessKeyPath(id), Value: value}, {Key: record.SessionDue(account, id, due).Path()}})
	}
	over := now.Add(-2 * time.Hour)
	for i := range 3 * page {
		add(fmt.Sprintf("ASIAOVER%03d", i), over, over)
	}
	add("AKIALONGTERM", time.Time{}, over)
	add("ASIAOTHERROW", now, over)
	add("ASIAJUSTOVER", now.Add(-time.Minute), now.Add(-time.Minute))
	put(t, st, []store.Op{{Key: record.SessionDue(account, "ASIAGONE", over).Path()}})
	left := func() (names []string) {
		all, _, _, err := st.Range(t.Context(), nil, nil, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, kv := range all {
			names = append(names, string(kv.Key[strings.LastIndexByte(string(kv.Key), '/')+1:]))
		}
		return names
	}
	if _, err := s.once(t.Context()); err != nil {
		t.Fatal(err)
	}
	// The due row of the last one comes before its record: "due" is less than "id".
	if got, want := left(), []string{"ASIAJUSTOVER", "AKIALONGTERM", "ASIAJUSTOVER", "ASIAOTHERROW"}; !slices.Equal(got, want) {
		t.Errorf("%q are left, want %q", got, want)
	}
	now = now.Add(2 * time.Hour)
	if _, err := s.once(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got, want := left(), []string{"AKIALONGTERM", "ASIAOTHERROW"}; !slices.Equal(got, want) {
		t.Errorf("%q are left, want %q", got, want)
	}
}
