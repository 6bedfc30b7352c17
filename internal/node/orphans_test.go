package node_test

import (
	"fmt"
	"testing"
	"time"

	"trent/internal/key"
	"trent/internal/record"
	"trent/internal/rotate"
)

// noOrphans fails the test with what unsound finds.
func (f *fixture) noOrphans(t *testing.T) {
	t.Helper()
	for _, what := range f.unsound(t) {
		t.Error(what)
	}
}

// unsound scans the whole store: every material record stands in its key's list,
// and the other way round unless it is imported and gone; every index row leads to
// a key that lists the material, and the other way round; a deletion that is
// to come is a key's, and a key that waits for a time has its row.
func (f *fixture) unsound(t *testing.T) (found []string) {
	t.Helper()
	s := scan{f: f, materials: map[string]bool{}, indexed: map[string]bool{}, present: map[string]bool{}, named: map[string]bool{}, keys: map[string]bool{}, rows: map[string]bool{}}
	all := f.rows(t)
	for _, row := range all {
		s.rows[string(row)] = true
		s.add(t, row)
	}
	for _, sets := range []struct {
		what string
		a, b map[string]bool
	}{
		{"a material that no key names", s.materials, s.present}, {"a key's material without its record", s.present, s.materials},
		{"a material without its index row", s.named, s.indexed}, {"an index row that leads to no key", s.indexed, s.named},
	} {
		for place := range sets.a {
			if !sets.b[place] {
				s.found = append(s.found, sets.what+": "+place)
			}
		}
	}
	for _, row := range all {
		d, ok := record.ParseDue(row)
		if ok && d.Job == record.JobDelete && d.At.After(f.Now()) && !s.keys[fmt.Sprint(d.Region, d.Account, d.KeyID)] {
			s.found = append(s.found, "a deletion to come, of no key: "+string(row))
		}
	}
	if len(s.keys) > 0 && len(s.materials) == 0 && len(s.present) > 0 {
		s.found = append(s.found, "the scan finds no materials")
	}
	return s.found
}

// A scan is what a store has, each material and key by its place.
type scan struct {
	f                                  *fixture
	materials, indexed, present, named map[string]bool
	keys, rows                         map[string]bool
	found                              []string
}

func (s *scan) add(t *testing.T, row []byte) {
	t.Helper()
	p, ok := record.ParsePath(row)
	if !ok {
		return
	}
	kv, _, err := s.f.Domains.Store.Get(t.Context(), row)
	if err != nil {
		return // deleted since
	}
	region := s.f.Domains.Held(p.Region)
	place := func(account, keyID string, id []byte) string {
		return fmt.Sprintf("%s %s %s %x", p.Region, account, keyID, id)
	}
	switch p.Kind {
	case record.KindMaterial:
		s.materials[place(p.Account, p.KeyID, p.ID)] = true
	case record.KindIndex:
		var x record.Index
		if _, err := region.Records.Open(row, kv.Value, record.TypeIndex, &x); err != nil {
			t.Fatal(err)
		}
		s.indexed[place(x.Account, x.KeyID, p.ID)] = true
	case record.KindKey:
		var k record.Key
		if _, err := region.Records.Open(row, kv.Value, record.TypeKey, &k); err != nil {
			t.Fatal(err)
		}
		s.keys[fmt.Sprint(p.Region, p.Account, p.KeyID)] = true
		for i := range k.Materials {
			at := place(p.Account, p.KeyID, k.Materials[i].ID)
			s.named[at] = true
			if k.Materials[i].ImportState != record.PendingImport {
				s.present[at] = true
			}
		}
		s.waits(&k, p.Region, p.Account, p.KeyID)
	}
}

// waits looks for the rows that a key must have.
func (s *scan) waits(k *record.Key, region, account, keyID string) {
	var rows [][]byte
	row := func(ms int64, job string) {
		rows = append(rows, record.DuePath(region, time.UnixMilli(ms), job, account, keyID))
	}
	if k.State == string(key.PendingDeletion) || k.State == record.StateDeleting {
		row(k.DeletionMs, record.JobDelete)
	}
	place := rotate.Place{Region: region, Account: account, KeyID: keyID}
	if due := place.Due(k); due != nil && k.State == string(key.Enabled) {
		rows = append(rows, due)
	}
	for i := range k.Materials {
		if ms := k.Materials[i].ValidToMs; ms > 0 {
			row(ms, record.JobExpireMaterial)
		}
	}
	for _, r := range rows {
		if !s.rows[string(r)] {
			s.found = append(s.found, "a key without its due row "+string(r))
		}
	}
}
