package node_test

import (
	"encoding/hex"
	"fmt"
	"testing"

	"trent/internal/record"
)

// noOrphans scans the whole store: every material record stands in its key's
// list and has its index row, every index row leads to such a material, and every
// material in a list that is not imported has its record.
func (f *fixture) noOrphans(t *testing.T) {
	t.Helper()
	materials, indexed, listed := map[string]bool{}, map[string]bool{}, map[string]bool{}
	for _, row := range f.rows(t) {
		p, ok := record.ParsePath(row)
		if !ok {
			continue
		}
		region := f.Domains.Held(p.Region)
		kv, _, err := f.Domains.Store.Get(t.Context(), row)
		if err != nil {
			continue // deleted since
		}
		place := func(account, keyID string, id []byte) string {
			return fmt.Sprint(p.Region, account, keyID, hex.EncodeToString(id))
		}
		switch p.Kind {
		case record.KindMaterial:
			materials[place(p.Account, p.KeyID, p.ID)] = true
		case record.KindIndex:
			var x record.Index
			if _, err := region.Records.Open(row, kv.Value, record.TypeIndex, &x); err != nil {
				t.Fatal(err)
			}
			indexed[place(x.Account, x.KeyID, p.ID)] = true
		case record.KindKey:
			var k record.Key
			if _, err := region.Records.Open(row, kv.Value, record.TypeKey, &k); err != nil {
				t.Fatal(err)
			}
			for _, m := range k.Materials {
				if m.ImportState != record.PendingImport {
					listed[place(p.Account, p.KeyID, m.ID)] = true
				}
			}
		}
	}
	for _, sets := range []struct {
		what string
		a, b map[string]bool
	}{
		{"a material that no key names", materials, listed}, {"a key's material without its record", listed, materials},
		{"a material without its index row", materials, indexed}, {"an index row without its material", indexed, materials},
	} {
		for place := range sets.a {
			if !sets.b[place] {
				t.Errorf("%s: %s", sets.what, place)
			}
		}
	}
	if len(materials) == 0 && len(listed) > 0 {
		t.Error("the scan finds no materials")
	}
}
