package node_test

import "testing"

// TestImportedMultiRegionKey: each Region imports the same material, and a new one
// becomes the current one once every Region has it.
func TestImportedMultiRegionKey(t *testing.T) {
	t.Parallel()
	f := newFixtureRotating(t, 4000*day)
	c := f.caller("111122223333")
	far := c.in(away)
	m := c.must(t, "CreateKey", object{"Origin": "EXTERNAL", "MultiRegion": true}).body["KeyMetadata"].(object)
	id, arn := m["KeyId"].(string), m["Arn"].(string)
	first := c.must(t, "ImportKeyMaterial", c.importing(t, id, filled(1), nil)).str("KeyMaterialId")
	c.must(t, "ReplicateKey", object{"KeyId": id, "ReplicaRegion": away})
	far.are(t, id, "PendingImport", away)
	blob := c.encrypt(t, id)

	if got := far.call("ImportKeyMaterial", far.importing(t, id, filled(2), nil)); got.code != "IncorrectKeyMaterialException" {
		t.Errorf("other material in a replica: %s %s", got.code, got.message)
	}
	if got := far.must(t, "ImportKeyMaterial", far.importing(t, id, filled(1), nil)).str("KeyMaterialId"); got != first {
		t.Errorf("in the replica the material is %s, in the primary %s", got, first)
	}
	far.decrypts(t, blob)
	fresh := object{"ImportType": "NEW_KEY_MATERIAL", "KeyMaterialDescription": "the next"}
	if got := far.call("ImportKeyMaterial", far.importing(t, id, filled(2), object{"ImportType": "NEW_KEY_MATERIAL"})); got.code != "UnsupportedOperationException" {
		t.Errorf("new material in a replica first: %s %s", got.code, got.message)
	}
	waits := func(c caller, want string) {
		t.Helper()
		f.settled(t)
		list := c.rotations(t, id, "ALL_KEY_MATERIAL")
		if len(list) != 2 || list[1]["KeyMaterialState"] != want || list[1]["KeyMaterialDescription"] != "the next" {
			t.Errorf("materials in %s: %v, want one that is %s", c.region, list, want)
		}
	}
	second := c.must(t, "ImportKeyMaterial", c.importing(t, id, filled(2), fresh)).str("KeyMaterialId")
	waits(c, "PENDING_MULTI_REGION_IMPORT_AND_ROTATION")
	waits(far, "PENDING_MULTI_REGION_IMPORT_AND_ROTATION")
	if got := c.call("RotateKeyOnDemand", object{"KeyId": id}); got.message != "No available key material pending rotation for the key: "+arn+"." {
		t.Errorf("rotation before all Regions have it: %s %s", got.code, got.message)
	}
	far.must(t, "ImportKeyMaterial", far.importing(t, id, filled(2), object{"ImportType": "EXISTING_KEY_MATERIAL"}))
	waits(c, "PENDING_ROTATION")
	waits(far, "PENDING_ROTATION")
	far.must(t, "DeleteImportedKeyMaterial", object{"KeyId": id, "KeyMaterialId": second})
	waits(c, "PENDING_MULTI_REGION_IMPORT_AND_ROTATION")
	if got := far.keyState(id); got != "Enabled" {
		t.Errorf("a replica without material that waits is %s", got)
	}
	far.must(t, "ImportKeyMaterial", far.importing(t, id, filled(2), object{"ImportType": "EXISTING_KEY_MATERIAL"}))
	waits(c, "PENDING_ROTATION")
	c.must(t, "RotateKeyOnDemand", object{"KeyId": id})
	f.settled(t)
	newer := far.encrypt(t, id)
	if got := c.material(t, newer); got != second {
		t.Errorf("after the rotation the replica encrypts with %s", got)
	}
	far.decrypts(t, blob)

	// One that waits and is not wanted is forgotten everywhere.
	third := c.must(t, "ImportKeyMaterial", c.importing(t, id, filled(3), fresh)).str("KeyMaterialId")
	f.settled(t)
	far.must(t, "ImportKeyMaterial", far.importing(t, id, filled(3), object{"ImportType": "EXISTING_KEY_MATERIAL"}))
	c.must(t, "DeleteImportedKeyMaterial", object{"KeyId": id, "KeyMaterialId": third})
	f.settled(t)
	for _, c := range []caller{c, far} {
		if list := c.rotations(t, id, "ALL_KEY_MATERIAL"); len(list) != 2 {
			t.Errorf("materials in %s: %v", c.region, list)
		}
	}
	for _, key := range f.rows(t) {
		if len(third) > 0 && len(key) > 64 && string(key[len(key)-64:]) == third {
			t.Errorf("a row is left: %s", key)
		}
	}
}

// TestPendingMaterialExpiresInAReplica: what a replica has lost again is no rotation's
// any more, until it is imported there again.
func TestPendingMaterialExpiresInAReplica(t *testing.T) {
	t.Parallel()
	f := newFixtureRotating(t, 4000*day)
	c := f.caller("111122223333")
	far := c.in(away)
	m := c.must(t, "CreateKey", object{"Origin": "EXTERNAL", "MultiRegion": true}).body["KeyMetadata"].(object)
	id, arn := m["KeyId"].(string), m["Arn"].(string)
	c.must(t, "ImportKeyMaterial", c.importing(t, id, filled(1), nil))
	c.must(t, "ReplicateKey", object{"KeyId": id, "ReplicaRegion": away})
	far.are(t, id, "PendingImport", away)
	far.must(t, "ImportKeyMaterial", far.importing(t, id, filled(1), nil))
	c.must(t, "ImportKeyMaterial", c.importing(t, id, filled(2), object{"ImportType": "NEW_KEY_MATERIAL"}))
	f.settled(t)
	far.must(t, "ImportKeyMaterial", far.importing(t, id, filled(2), object{"ExpirationModel": nil, "ValidTo": float64(f.now().Add(day).Unix())}))
	f.settled(t)
	f.ahead.Add(int64(2 * day))
	f.Wake()
	waitFor(t, "the material waits for all Regions again", func() bool {
		list := c.rotations(t, id, "ALL_KEY_MATERIAL")
		return list[1]["KeyMaterialState"] == "PENDING_MULTI_REGION_IMPORT_AND_ROTATION"
	})
	if got := c.call("RotateKeyOnDemand", object{"KeyId": id}); got.message != "No available key material pending rotation for the key: "+arn+"." {
		t.Errorf("rotation to material that a replica has lost: %s %s", got.code, got.message)
	}
	if got := far.keyState(id); got != "Enabled" {
		t.Errorf("the replica is %s", got)
	}
}
