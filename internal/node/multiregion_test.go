package node_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"trent/internal/keyspec"
	"trent/internal/store"
)

// Three Regions.
const (
	home  = "eu-west-1"
	away  = "us-west-2"
	third = "ap-south-1"
)

// multiRegion makes a multi-Region key, and replicas of it that are there.
func (c caller) multiRegion(t *testing.T, in object, replicas ...string) string {
	t.Helper()
	all := object{"MultiRegion": true}
	maps.Copy(all, in)
	id := c.must(t, "CreateKey", all).str("KeyMetadata", "KeyId")
	for _, region := range replicas {
		c.must(t, "ReplicateKey", object{"KeyId": id, "ReplicaRegion": region})
	}
	c.are(t, id, "Enabled", replicas...)
	return id
}

// keyState is a key's.
func (c caller) keyState(id string) string {
	return c.call("DescribeKey", object{"KeyId": id}).str("KeyMetadata", "KeyState")
}

// are waits until a key's members are in a state.
func (c caller) are(t *testing.T, id, state string, regions ...string) {
	t.Helper()
	for _, region := range regions {
		waitFor(t, id+" is "+state+" in "+region, func() bool { return c.in(region).keyState(id) == state })
	}
}

// settled waits until no multi-Region key has anything to synchronize.
func (f *fixture) settled(t *testing.T) {
	t.Helper()
	waitFor(t, "nothing is to be synchronized", func() bool {
		for _, kv := range f.rows(t) {
			if strings.Contains(string(kv), "/replicate/") {
				return false
			}
		}
		return true
	})
	// What a scan sees may be committed and not observed yet: a further transaction is not.
	if _, _, err := f.Domains.Store.Txn(t.Context(), nil, []store.Op{{Key: []byte("nothing"), Delete: true}}); err != nil {
		t.Fatal(err)
	}
}

// rows are the store keys of everything.
func (f *fixture) rows(t *testing.T) (keys [][]byte) {
	t.Helper()
	var from []byte
	for {
		kvs, more, _, err := f.Domains.Store.Range(t.Context(), from, nil, 1000)
		if err != nil {
			t.Fatal(err)
		}
		for _, kv := range kvs {
			keys = append(keys, kv.Key)
		}
		if !more || len(kvs) == 0 {
			return keys
		}
		from = append(slices.Clone(kvs[len(kvs)-1].Key), 0)
	}
}

// decrypts fails the test unless a ciphertext decrypts in a Region.
func (c caller) decrypts(t *testing.T, blob string) {
	t.Helper()
	if got := c.call("Decrypt", object{"CiphertextBlob": blob}); got.code != "" {
		t.Errorf("in %s: %s: %s", c.region, got.code, got.message)
	}
}

func arnIn(region, id string) string { return "arn:aws:kms:" + region + ":111122223333:key/" + id }

// TestMultiRegionKey: a key in three Regions has one material, and each member
// decrypts what another encrypted; what is a member's own stays its own.
func TestMultiRegionKey(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller("111122223333")
	made := c.must(t, "CreateKey", object{"MultiRegion": true, "Description": "first", "Tags": []object{{"TagKey": "a", "TagValue": "1"}}})
	id := made.str("KeyMetadata", "KeyId")
	if !strings.HasPrefix(id, "mrk-") || len(id) != 36 || made.str("KeyMetadata", "MultiRegionConfiguration", "MultiRegionKeyType") != "PRIMARY" {
		t.Fatalf("CreateKey: %v", made.body)
	}
	before := c.encrypt(t, id)
	got := c.must(t, "ReplicateKey", object{"KeyId": id, "ReplicaRegion": away, "Description": "second", "Tags": []object{{"TagKey": "b", "TagValue": "2"}}})
	m := got.body["ReplicaKeyMetadata"].(object)
	if m["KeyState"] != "Creating" || m["Enabled"] != false || m["Arn"] != arnIn(away, id) || m["Description"] != "second" || m["CurrentKeyMaterialId"] != nil ||
		!strings.Contains(got.str("ReplicaPolicy"), "Enable IAM User Permissions") || len(got.body["ReplicaTags"].([]any)) != 1 {
		t.Errorf("ReplicateKey: %v", got.body)
	}
	config := func(kind string, replicas ...string) string {
		members := []any{}
		for _, r := range replicas {
			members = append(members, object{"Arn": arnIn(r, id), "Region": r})
		}
		return fmt.Sprint(object{"MultiRegionKeyType": kind, "PrimaryKey": object{"Arn": arnIn(home, id), "Region": home}, "ReplicaKeys": members})
	}
	if got := fmt.Sprint(m["MultiRegionConfiguration"]); got != config("REPLICA", away) {
		t.Errorf("ReplicateKey's MultiRegionConfiguration: %s", got)
	}
	c.must(t, "ReplicateKey", object{"KeyId": id, "ReplicaRegion": third})
	c.are(t, id, "Enabled", home, away, third)
	var materials []string
	for _, region := range []string{home, away, third} {
		there := c.in(region)
		m := there.must(t, "DescribeKey", object{"KeyId": id}).body["KeyMetadata"].(object)
		kind := "REPLICA"
		if region == home {
			kind = "PRIMARY"
		}
		if got := fmt.Sprint(m["MultiRegionConfiguration"]); got != config(kind, third, away) || m["MultiRegion"] != true || m["Arn"] != arnIn(region, id) {
			t.Errorf("DescribeKey in %s: %v", region, m)
		}
		materials = append(materials, fmt.Sprint(m["CurrentKeyMaterialId"]))
		blob := there.encrypt(t, id)
		for _, other := range []string{home, away, third} {
			if got := c.in(other).must(t, "Decrypt", object{"CiphertextBlob": blob}); got.str("KeyId") != arnIn(other, id) {
				t.Errorf("Decrypt in %s: %v", other, got.body)
			}
		}
		there.decrypts(t, before)
		if n := len(there.must(t, "ListKeys", "{}").body["Keys"].([]any)); n != 1 {
			t.Errorf("%d keys in %s", n, region)
		}
	}
	if materials[0] != materials[1] || materials[1] != materials[2] || len(materials[0]) != 64 {
		t.Errorf("materials %v", materials)
	}
	for region, want := range map[string]string{home: "a", away: "b", third: ""} {
		tags := fmt.Sprint(c.in(region).must(t, "ListResourceTags", object{"KeyId": id}).body["Tags"])
		if strings.Contains(tags, "TagKey:") != (want != "") || !strings.Contains(tags, want) {
			t.Errorf("tags in %s: %s", region, tags)
		}
	}
	c.in(away).must(t, "DisableKey", object{"KeyId": id})
	if got := c.in(away).call("Encrypt", object{"KeyId": id, "Plaintext": []byte("x")}); got.code != "DisabledException" {
		t.Errorf("a disabled replica: %v", got)
	}
	c.encrypt(t, id)
	f.noOrphans(t)
	f.close(t)
	f.open(t)
	c.in(third).decrypts(t, before)
}

// TestReplicateEverySpec: what one Region signs, MACs or encapsulates the other
// verifies and opens.
func TestReplicateEverySpec(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller("111122223333")
	for _, row := range keyspec.All() {
		if row.Family == keyspec.RSA && row.Parameter > 2048 {
			continue // seconds, and no other code
		}
		use := row.Uses[len(row.Uses)-1]
		id := c.multiRegion(t, object{"KeySpec": row.Spec, "KeyUsage": use.Usage}, away)
		there, name := c.in(away), string(use.Algorithms[0].Name)
		if row.Type == keyspec.Asymmetric {
			if a, b := c.must(t, "GetPublicKey", object{"KeyId": id}).str("PublicKey"), there.must(t, "GetPublicKey", object{"KeyId": id}).str("PublicKey"); a != b {
				t.Errorf("%s: another public key", row.Spec)
			}
		}
		switch use.Usage {
		case keyspec.SignVerify:
			in := object{"KeyId": id, "Message": []byte("0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef")[:32], "SigningAlgorithm": name}
			in["Signature"] = c.must(t, "Sign", in).str("Signature")
			there.must(t, "Verify", in)
		case keyspec.GenerateVerifyMAC:
			in := object{"KeyId": id, "Message": []byte("m"), "MacAlgorithm": name}
			in["Mac"] = c.must(t, "GenerateMac", in).str("Mac")
			there.must(t, "VerifyMac", in)
		case keyspec.EncryptDecrypt:
			in := object{"KeyId": id, "Plaintext": []byte("p"), "EncryptionAlgorithm": name}
			blob := c.must(t, "Encrypt", in).str("CiphertextBlob")
			there.must(t, "Decrypt", object{"KeyId": id, "CiphertextBlob": blob, "EncryptionAlgorithm": name})
		}
	}
	f.noOrphans(t)
}

// TestReplicateRefused: what cannot be replicated, or not there, changes nothing.
func TestReplicateRefused(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller("111122223333")
	single, id := c.createKey(t), c.multiRegion(t, nil, away)
	disabled, pending := c.multiRegion(t, nil), c.multiRegion(t, nil)
	c.must(t, "DisableKey", object{"KeyId": disabled})
	c.must(t, "ScheduleKeyDeletion", object{"KeyId": pending})
	rows := len(f.rows(t))
	for name, row := range map[string]struct {
		from          string
		op            string
		in            object
		code, message string
	}{
		"single-Region":       {home, "ReplicateKey", object{"KeyId": single, "ReplicaRegion": away}, "UnsupportedOperationException", arnIn(home, single) + " is not a multi-region primary key."},
		"of a replica":        {away, "ReplicateKey", object{"KeyId": id, "ReplicaRegion": third}, "UnsupportedOperationException", arnIn(away, id) + " is not a multi-region primary key."},
		"again":               {home, "ReplicateKey", object{"KeyId": id, "ReplicaRegion": away}, "AlreadyExistsException", "A multi-Region key " + arnIn(away, id) + " already exists."},
		"to itself":           {home, "ReplicateKey", object{"KeyId": id, "ReplicaRegion": home}, "ValidationException", "The ReplicaRegion eu-west-1 is the Region of the primary key."},
		"disabled":            {home, "ReplicateKey", object{"KeyId": disabled, "ReplicaRegion": away}, "DisabledException", arnIn(home, disabled) + " is disabled."},
		"pending deletion":    {home, "ReplicateKey", object{"KeyId": pending, "ReplicaRegion": away}, "KMSInvalidStateException", arnIn(home, pending) + " is pending deletion."},
		"bad policy":          {home, "ReplicateKey", object{"KeyId": id, "ReplicaRegion": third, "Policy": "{}"}, "MalformedPolicyDocumentException", ""},
		"reserved tag":        {home, "ReplicateKey", object{"KeyId": id, "ReplicaRegion": third, "Tags": []object{{"TagKey": "aws:x", "TagValue": ""}}}, "TagException", ""},
		"primary, single":     {home, "UpdatePrimaryRegion", object{"KeyId": single, "PrimaryRegion": away}, "UnsupportedOperationException", arnIn(home, single) + " is not a multi-region primary key."},
		"primary of replica":  {away, "UpdatePrimaryRegion", object{"KeyId": id, "PrimaryRegion": away}, "UnsupportedOperationException", arnIn(away, id) + " is not a multi-region primary key."},
		"primary there":       {home, "UpdatePrimaryRegion", object{"KeyId": id, "PrimaryRegion": home}, "ValidationException", "The PrimaryRegion eu-west-1 is the Region of the primary key."},
		"primary elsewhere":   {home, "UpdatePrimaryRegion", object{"KeyId": id, "PrimaryRegion": third}, "NotFoundException", "Key '" + arnIn(third, id) + "' does not exist"},
		"primary of disabled": {home, "UpdatePrimaryRegion", object{"KeyId": disabled, "PrimaryRegion": away}, "DisabledException", arnIn(home, disabled) + " is disabled."},
		"rotation of replica": {away, "EnableKeyRotation", object{"KeyId": id}, "UnsupportedOperationException", arnIn(away, id) + " is not a multi-region primary key."},
		"on demand":           {away, "RotateKeyOnDemand", object{"KeyId": id}, "UnsupportedOperationException", arnIn(away, id) + " is not a multi-region primary key."},
	} {
		got := c.in(row.from).call(row.op, row.in)
		if got.status != 400 || got.code != row.code || row.message != "" && got.message != row.message {
			t.Errorf("%s: %d %s: %s; want %s: %s", name, got.status, got.code, got.message, row.code, row.message)
		}
	}
	if n := len(f.rows(t)); n > rows+5 { // ap-south-1 came into being: its domain, service keys, due row
		t.Errorf("%d rows, and %d before", n, rows)
	}
	c.in(away).must(t, "DisableKey", object{"KeyId": id})
	if got := c.call("UpdatePrimaryRegion", object{"KeyId": id, "PrimaryRegion": away}); got.code != "DisabledException" || got.message != arnIn(away, id)+" is disabled." {
		t.Errorf("to a disabled replica: %s: %s", got.code, got.message)
	}
	if got := c.keyState(id); got != "Enabled" {
		t.Errorf("the primary is %s", got)
	}
}

// TestUpdatePrimaryRegion moves the primary there and back: everything that was
// encrypted decrypts everywhere, all the time, and only the primary rotates.
func TestUpdatePrimaryRegion(t *testing.T) {
	t.Parallel()
	f := newFixtureRotating(t, 4000*day)
	c := f.caller("111122223333")
	id := c.multiRegion(t, nil, away, third)
	c.must(t, "EnableKeyRotation", object{"KeyId": id, "RotationPeriodInDays": 100})
	blobs := []string{c.encrypt(t, id)}
	for _, way := range [][2]string{{home, away}, {away, third}, {third, home}} {
		from, to := c.in(way[0]), c.in(way[1])
		from.must(t, "UpdatePrimaryRegion", object{"KeyId": id, "PrimaryRegion": way[1]})
		blobs = append(blobs, from.encrypt(t, id), to.encrypt(t, id))
		c.are(t, id, "Enabled", home, away, third)
		f.settled(t)
		for _, region := range []string{home, away, third} {
			m := c.in(region).must(t, "DescribeKey", object{"KeyId": id}).body["KeyMetadata"].(object)["MultiRegionConfiguration"].(object)
			if m["PrimaryKey"].(object)["Region"] != way[1] || (m["MultiRegionKeyType"] == "PRIMARY") != (region == way[1]) || len(m["ReplicaKeys"].([]any)) != 2 {
				t.Errorf("after %v, in %s: %v", way, region, m)
			}
			if got := c.in(region).must(t, "GetKeyRotationStatus", object{"KeyId": id}); got.body["KeyRotationEnabled"] != true || got.body["RotationPeriodInDays"] != 100.0 {
				t.Errorf("after %v, in %s: %v", way, region, got.body)
			}
		}
		if got := from.call("RotateKeyOnDemand", object{"KeyId": id}); got.code != "UnsupportedOperationException" {
			t.Errorf("the replica that was the primary rotates: %v", got)
		}
		to.must(t, "RotateKeyOnDemand", object{"KeyId": id})
		f.settled(t)
		blobs = append(blobs, to.encrypt(t, id))
	}
	f.ahead.Add(int64(101 * day))
	f.Wake()
	waitFor(t, "the automatic rotation", func() bool { return len(c.in(third).rotations(t, id, "ROTATIONS_ONLY")) == 4 })
	blobs = append(blobs, c.in(away).encrypt(t, id))
	for _, region := range []string{home, away, third} {
		for _, blob := range blobs {
			c.in(region).decrypts(t, blob)
		}
	}
	f.noOrphans(t)
	f.close(t)
	count := map[string]int{}
	for _, r := range f.records(t) {
		count[fmt.Sprint(r["eventName"], " ", r["awsRegion"])]++
	}
	for name, want := range map[string]int{
		"UpdatePrimaryRegion " + home: 2, "UpdatePrimaryRegion " + away: 2, "UpdatePrimaryRegion " + third: 2, "ReplicateKey " + home: 2,
		"CreateKey " + home: 1, "CreateKey " + away: 1, "CreateKey " + third: 1, "RotateKey " + away: 1, "RotateKey " + third: 1, "RotateKey " + home: 2,
	} {
		if count[name] != want {
			t.Errorf("%s: %d records, want %d", name, count[name], want)
		}
	}
	if count["SynchronizeMultiRegionKey "+home] == 0 {
		t.Error("no SynchronizeMultiRegionKey")
	}
}

// TestMultiRegionRotation: new material is used when all Regions have it, also
// those where the key is disabled or pending deletion.
func TestMultiRegionRotation(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller("111122223333")
	id := c.multiRegion(t, nil, away, third)
	c.in(away).must(t, "DisableKey", object{"KeyId": id})
	c.in(third).must(t, "ScheduleKeyDeletion", object{"KeyId": id, "PendingWindowInDays": 7})
	blobs, materials := []string{c.encrypt(t, id)}, map[string]bool{}
	for n := range 3 {
		c.must(t, "RotateKeyOnDemand", object{"KeyId": id})
		waitFor(t, "the rotation", func() bool { return len(c.rotations(t, id, "ROTATIONS_ONLY")) == n+1 })
		blobs = append(blobs, c.encrypt(t, id))
	}
	c.in(away).must(t, "EnableKey", object{"KeyId": id})
	c.in(third).must(t, "CancelKeyDeletion", object{"KeyId": id})
	c.in(third).must(t, "EnableKey", object{"KeyId": id})
	want := fmt.Sprint(strip(c.rotations(t, id, "ALL_KEY_MATERIAL")))
	for _, region := range []string{home, away, third} {
		there := c.in(region)
		if got := fmt.Sprint(strip(there.rotations(t, id, "ALL_KEY_MATERIAL"))); got != want {
			t.Errorf("materials in %s: %s, want %s", region, got, want)
		}
		for _, blob := range blobs {
			materials[there.material(t, blob)] = true
		}
		blob := there.encrypt(t, id)
		for _, other := range []string{home, away, third} {
			c.in(other).decrypts(t, blob)
		}
	}
	if len(materials) != 4 {
		t.Errorf("%d materials", len(materials))
	}
	f.noOrphans(t)
}

// strip leaves out what differs between Regions.
func strip(entries []object) []object {
	for _, e := range entries {
		delete(e, "KeyId")
	}
	return entries
}

// TestMultiRegionDeletion: a primary with replicas waits for them; a replica goes
// alone, and can come again.
func TestMultiRegionDeletion(t *testing.T) {
	t.Parallel()
	f := newFixtureRotating(t, 4000*day)
	c := f.caller("111122223333")
	id := c.multiRegion(t, nil, away, third)
	blob := c.encrypt(t, id)
	gone := func(region string) {
		t.Helper()
		f.ahead.Add(int64(7 * day))
		f.Wake()
		waitFor(t, "the key is gone from "+region, func() bool {
			return !slices.ContainsFunc(f.rows(t), func(row []byte) bool { return string(row) == region+"/k/111122223333/"+id })
		})
		if got := c.in(region).call("DescribeKey", object{"KeyId": id}); got.code != "NotFoundException" {
			t.Errorf("in %s: %v", region, got)
		}
		f.settled(t)
	}
	c.in(away).must(t, "ScheduleKeyDeletion", object{"KeyId": id, "PendingWindowInDays": 7})
	gone(away)
	if m := c.must(t, "DescribeKey", object{"KeyId": id}).body["KeyMetadata"].(object); fmt.Sprint(m["MultiRegionConfiguration"].(object)["ReplicaKeys"]) != fmt.Sprint([]any{object{"Arn": arnIn(third, id), "Region": third}}) {
		t.Errorf("a replica less: %v", m)
	}
	c.must(t, "ReplicateKey", object{"KeyId": id, "ReplicaRegion": away})
	c.are(t, id, "Enabled", away)
	c.in(away).decrypts(t, blob)

	got := c.must(t, "ScheduleKeyDeletion", object{"KeyId": id, "PendingWindowInDays": 9})
	if got.body["KeyState"] != "PendingReplicaDeletion" || got.body["PendingWindowInDays"] != 9.0 || got.body["DeletionDate"] != nil {
		t.Errorf("ScheduleKeyDeletion: %v", got.body)
	}
	m := c.must(t, "DescribeKey", object{"KeyId": id}).body["KeyMetadata"].(object)
	if m["KeyState"] != "PendingReplicaDeletion" || m["PendingDeletionWindowInDays"] != 9.0 || m["DeletionDate"] != nil {
		t.Errorf("DescribeKey: %v", m)
	}
	if got := c.call("Encrypt", object{"KeyId": id, "Plaintext": []byte("x")}); got.message != arnIn(home, id)+" is pending replica deletion." {
		t.Errorf("Encrypt: %s: %s", got.code, got.message)
	}
	c.must(t, "CancelKeyDeletion", object{"KeyId": id})
	if m := c.must(t, "DescribeKey", object{"KeyId": id}).body["KeyMetadata"].(object); m["KeyState"] != "Disabled" || m["PendingDeletionWindowInDays"] != nil {
		t.Errorf("cancelled: %v", m)
	}
	c.must(t, "ScheduleKeyDeletion", object{"KeyId": id, "PendingWindowInDays": 9})
	c.in(away).must(t, "ScheduleKeyDeletion", object{"KeyId": id, "PendingWindowInDays": 7})
	gone(away)
	if c.keyState(id) != "PendingReplicaDeletion" {
		t.Errorf("with one replica: %s", c.keyState(id))
	}
	c.in(third).decrypts(t, blob)
	c.in(third).must(t, "ScheduleKeyDeletion", object{"KeyId": id, "PendingWindowInDays": 7})
	gone(third)
	m = c.must(t, "DescribeKey", object{"KeyId": id}).body["KeyMetadata"].(object)
	if m["KeyState"] != "PendingDeletion" || m["DeletionDate"] == nil || m["PendingDeletionWindowInDays"] != nil {
		t.Errorf("without replicas: %v", m)
	}
	f.noOrphans(t)
	f.ahead.Add(int64(2 * day))
	gone(home)
	f.noOrphans(t)
	waitFor(t, "nothing is left", func() bool {
		return !slices.ContainsFunc(f.rows(t), func(row []byte) bool { return strings.Contains(string(row), id) })
	})
}
