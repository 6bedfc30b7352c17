package jobs

import (
	"log/slog"
	"testing"
	"time"

	"trent/internal/key"
	"trent/internal/multiregion"
	"trent/internal/record"
	"trent/internal/store"
)

const (
	otherRegion = "us-west-2"
	mrk         = "mrk-00000000000000000000000000000000"
)

// twoMembers stores a key with a primary in region and a replica in otherRegion,
// whose states are those, and the row that has them synchronized.
func twoMembers(t *testing.T, st store.Store, primary, replica key.State, before bool) record.Due {
	t.Helper()
	k := multiregion.Key{Account: account, ID: mrk}
	for _, m := range []struct {
		region string
		state  key.State
	}{{region, primary}, {otherRegion, replica}} {
		x, err := sealer(t.Context(), m.region)
		if err != nil {
			t.Fatal(err)
		}
		r := record.Key{
			State: string(m.state), Origin: string(key.OriginAWSKMS), MultiRegion: true, Materials: []record.KeyMaterial{{ID: make([]byte, 32)}}, CurrentMaterial: make([]byte, 32),
			Rotation: &record.KeyRotation{Enabled: true, PeriodDays: 90, NextMs: deletionDate.UnixMilli()},
		}
		if before {
			r.StateBefore = string(key.Enabled)
		}
		k.Add(m.region, x, r)
	}
	_, ops, err := k.Writes()
	if err != nil {
		t.Fatal(err)
	}
	put(t, st, append(ops, k.Due(deletionDate), store.Op{Key: record.DuePath(region, deletionDate, record.JobRotateKey, account, mrk)}))
	due, _ := record.ParseDue(k.Due(deletionDate).Key)
	return due
}

// TestPrimaryChange: a change of the primary comes to its end whatever has become
// of the two keys meanwhile, and neither stays Updating.
func TestPrimaryChange(t *testing.T) {
	t.Parallel()
	for name, row := range map[string]struct {
		primary, replica key.State
		before           bool
		want             string // the primary Region then
		states           [2]key.State
	}{
		"as asked for":              {key.Updating, key.Updating, true, otherRegion, [2]key.State{key.Enabled, key.Enabled}},
		"the replica's has expired": {key.Updating, key.PendingImport, true, otherRegion, [2]key.State{key.Enabled, key.PendingImport}},
		"the primary's has expired": {key.PendingImport, key.Updating, true, otherRegion, [2]key.State{key.PendingImport, key.Enabled}},
		"the replica is to go":      {key.Updating, key.PendingDeletion, true, region, [2]key.State{key.Enabled, key.PendingDeletion}},
		"the primary is to go":      {key.PendingReplicaDeletion, key.Updating, true, region, [2]key.State{key.PendingReplicaDeletion, key.Enabled}},
		"the replica goes":          {key.Updating, record.StateDeleting, true, region, [2]key.State{key.Enabled, record.StateDeleting}},
		"nobody asks":               {key.Enabled, key.Disabled, false, region, [2]key.State{key.Enabled, key.Disabled}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := open(t, t.TempDir()+"/store")
			due := twoMembers(t, st, row.primary, row.replica, row.before)
			j := &Replication{Store: st, Records: sealer, Partition: "aws", Now: func() time.Time { return deletionDate }, Log: slog.New(slog.DiscardHandler)}
			if left, err := j.Run(t.Context(), []record.Due{due}); err != nil || len(left) > 0 {
				t.Fatalf("%v, %v", left, err)
			}
			k, err := multiregion.Read(t.Context(), st, sealer, region, account, mrk)
			if err != nil {
				t.Fatal(err)
			}
			if k.Primary().Region != row.want {
				t.Errorf("the primary is in %s", k.Primary().Region)
			}
			for i, in := range []string{region, otherRegion} {
				if m := k.In(in); m.State() != row.states[i] || m.Record.StateBefore != "" || m.Record.PrimaryRegion != row.want {
					t.Errorf("in %s: %+v", in, m.Record)
				}
			}
			for _, in := range []string{region, otherRegion} { // the next rotation's row is the primary's
				rows, _, _, err := st.Range(t.Context(), record.DuePrefix(in), record.PrefixEnd(record.DuePrefix(in)), 10)
				if err != nil || (len(rows) == 1) != (in == row.want) {
					t.Errorf("in %s %d rows are due, %v", in, len(rows), err)
				}
			}
		})
	}
}

// TestPrimaryWithReplicasStays: no deletion begins of a primary whose replicas are
// still there, whatever its state says.
func TestPrimaryWithReplicasStays(t *testing.T) {
	t.Parallel()
	st := open(t, t.TempDir()+"/store")
	twoMembers(t, st, key.PendingDeletion, key.Enabled, false)
	k, err := multiregion.Read(t.Context(), st, sealer, region, account, mrk)
	if err != nil {
		t.Fatal(err)
	}
	k.Primary().Record.DeletionMs = deletionDate.UnixMilli()
	_, ops, err := k.Writes()
	if err != nil {
		t.Fatal(err)
	}
	due := record.Due{Region: region, At: deletionDate, Job: record.JobDelete, Account: account, KeyID: mrk}
	put(t, st, append(ops, store.Op{Key: due.Path()}))
	d := &Deletion{Store: st, Records: sealer, Partition: "aws", Now: func() time.Time { return deletionDate }, Log: slog.New(slog.DiscardHandler)}
	if left, err := d.Run(t.Context(), []record.Due{due}); err == nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
	if again, err := multiregion.Read(t.Context(), st, sealer, region, account, mrk); err != nil || again.Primary().State() != key.PendingDeletion {
		t.Errorf("%v", err)
	}
}
