package node_test

import (
	"fmt"
	"testing"
	"time"
)

// rotations are a key's entries in ListKeyRotations.
func (c caller) rotations(t *testing.T, id, include string) (entries []object) {
	t.Helper()
	for _, e := range c.must(t, "ListKeyRotations", object{"KeyId": id, "IncludeKeyMaterial": include}).body["Rotations"].([]any) {
		entries = append(entries, e.(object))
	}
	return entries
}

// material is the KeyMaterialId that Decrypt tells of a ciphertext.
func (c caller) material(t *testing.T, blob string) string {
	t.Helper()
	return c.must(t, "Decrypt", object{"CiphertextBlob": blob}).str("KeyMaterialId")
}

// TestAutomaticRotation: a key is rotated when it is due, and not before, and what
// was encrypted with any of its materials decrypts for good.
func TestAutomaticRotation(t *testing.T) {
	t.Parallel()
	f := newFixtureRotating(t, 4000*day)
	c := f.caller("111122223333")
	id, other := c.createKey(t), c.createKey(t)
	arn := "arn:aws:kms:eu-west-1:111122223333:key/" + id
	if got := c.must(t, "GetKeyRotationStatus", object{"KeyId": id}); got.body["KeyRotationEnabled"] != false || len(got.body) != 2 {
		t.Errorf("before: %v", got.body)
	}
	c.must(t, "EnableKeyRotation", object{"KeyId": id, "RotationPeriodInDays": 400})
	c.must(t, "EnableKeyRotation", object{"KeyId": id, "RotationPeriodInDays": 90}) // the last word
	status := c.must(t, "GetKeyRotationStatus", object{"KeyId": id})
	next := time.UnixMilli(int64(status.body["NextRotationDate"].(float64) * 1000))
	if d := next.Sub(f.now()); status.body["KeyRotationEnabled"] != true || status.body["RotationPeriodInDays"] != 90.0 || d > 90*day || d < 90*day-time.Minute {
		t.Errorf("enabled: %v", status.body)
	}
	blobs, materials := []string{c.encrypt(t, id)}, map[string]bool{}
	materials[c.material(t, blobs[0])] = true

	f.ahead.Add(int64(89 * day))
	f.Wake()
	f.close(t) // waits for the scheduler
	f.open(t)
	if got := c.rotations(t, id, "ROTATIONS_ONLY"); len(got) != 0 {
		t.Errorf("a day before: %v", got)
	}
	for n := 1; n <= 3; n++ {
		f.ahead.Add(int64(90 * day))
		f.Wake()
		waitFor(t, "the rotation", func() bool { return len(c.rotations(t, id, "ROTATIONS_ONLY")) == n })
		blob := c.encrypt(t, id)
		blobs, materials[c.material(t, blob)] = append(blobs, blob), true
	}
	if len(materials) != 4 {
		t.Errorf("%d materials were used, want 4", len(materials))
	}
	all := c.rotations(t, id, "ALL_KEY_MATERIAL")
	for i, e := range all {
		want := "NON_CURRENT"
		if i == 3 {
			want = "CURRENT"
		}
		if e["KeyMaterialState"] != want || e["KeyId"] != arn || !materials[e["KeyMaterialId"].(string)] ||
			(e["RotationType"] == "AUTOMATIC") != (i > 0) || (e["RotationDate"] != nil) != (i > 0) {
			t.Errorf("material %d: %v", i, e)
		}
	}
	if got := c.must(t, "DescribeKey", object{"KeyId": id}).str("KeyMetadata", "CurrentKeyMaterialId"); len(all) != 4 || got != all[3]["KeyMaterialId"] {
		t.Errorf("DescribeKey: current material %s of %v", got, all)
	}
	f.close(t)
	f.open(t)
	for i, blob := range blobs {
		if got := c.material(t, blob); got != all[i]["KeyMaterialId"] {
			t.Errorf("ciphertext %d: material %s", i, got)
		}
	}
	if got := c.rotations(t, other, "ALL_KEY_MATERIAL"); len(got) != 1 {
		t.Errorf("another key: %v", got)
	}
	follows := map[any]any{}
	for _, r := range f.records(t) {
		if d, ok := r["serviceEventDetails"].(object); ok && r["eventName"] == "RotateKey" {
			if d["rotationType"] != "AUTOMATIC" || d["keyId"] != id || d["keyOrigin"] != "AWS_KMS" || r["eventType"] != "AwsServiceEvent" {
				t.Errorf("event %v", r)
			}
			follows[d["previousKeyMaterialId"]] = d["currentKeyMaterialId"]
		}
	}
	for i := range all[1:] {
		if got, want := follows[all[i]["KeyMaterialId"]], all[i+1]["KeyMaterialId"]; got != want || len(follows) != 3 {
			t.Errorf("of %d RotateKey events, the one after material %d tells of %v, want %v", len(follows), i, got, want)
		}
	}
}

// TestRotationOfDisabledKeys: what was due while a key could not be used is made up
// for, once, as soon as it can.
func TestRotationOfDisabledKeys(t *testing.T) {
	t.Parallel()
	f := newFixtureRotating(t, 4000*day)
	c := f.caller("111122223333")
	id := c.createKey(t)
	c.must(t, "EnableKeyRotation", object{"KeyId": id, "RotationPeriodInDays": 100})
	c.must(t, "ScheduleKeyDeletion", object{"KeyId": id, "PendingWindowInDays": 30})
	if got := c.must(t, "GetKeyRotationStatus", object{"KeyId": id}); got.body["KeyRotationEnabled"] != false {
		t.Errorf("pending deletion: %v", got.body)
	}
	c.must(t, "CancelKeyDeletion", object{"KeyId": id})
	if got := c.must(t, "GetKeyRotationStatus", object{"KeyId": id}); got.body["KeyRotationEnabled"] != true {
		t.Errorf("disabled: %v", got.body)
	}
	f.ahead.Add(int64(350 * day))
	f.Wake()
	f.close(t)
	f.open(t)
	if got := c.rotations(t, id, "ROTATIONS_ONLY"); len(got) != 0 {
		t.Errorf("while it was disabled: %v", got)
	}
	c.must(t, "EnableKey", object{"KeyId": id})
	waitFor(t, "the rotation that was missed", func() bool { return len(c.rotations(t, id, "ROTATIONS_ONLY")) == 1 })
	next := time.UnixMilli(int64(c.must(t, "GetKeyRotationStatus", object{"KeyId": id}).body["NextRotationDate"].(float64) * 1000))
	if d := next.Sub(f.now()); d > 100*day || d < 100*day-time.Minute {
		t.Errorf("the next in %v", d)
	}
	c.must(t, "DisableKeyRotation", object{"KeyId": id})
	f.ahead.Add(int64(200 * day))
	f.Wake()
	f.close(t)
	f.open(t)
	if got := c.rotations(t, id, "ROTATIONS_ONLY"); len(got) != 1 {
		t.Errorf("after DisableKeyRotation: %v", got)
	}
}

// TestRotateKeyOnDemand: 25 times and no more, without moving automatic rotations;
// the list comes in pages.
func TestRotateKeyOnDemand(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller("111122223333")
	id := c.createKey(t)
	arn := "arn:aws:kms:eu-west-1:111122223333:key/" + id
	c.must(t, "EnableKeyRotation", object{"KeyId": id})
	scheduled := c.must(t, "GetKeyRotationStatus", object{"KeyId": id}).body["NextRotationDate"]
	blobs := []string{c.encrypt(t, id)}
	for range 25 {
		if got := c.must(t, "RotateKeyOnDemand", object{"KeyId": id}).str("KeyId"); got != arn {
			t.Fatalf("KeyId %s", got)
		}
		blobs = append(blobs, c.encrypt(t, id))
	}
	if got := c.call("RotateKeyOnDemand", object{"KeyId": id}); got.code != "LimitExceededException" {
		t.Errorf("the 26th: %s %s", got.code, got.message)
	}
	if got := c.must(t, "GetKeyRotationStatus", object{"KeyId": id}).body["NextRotationDate"]; got != scheduled {
		t.Errorf("the next automatic rotation is at %v, was at %v", got, scheduled)
	}
	seen, marker := []string{}, ""
	for range 9 {
		in := object{"KeyId": id, "IncludeKeyMaterial": "ALL_KEY_MATERIAL", "Limit": 3}
		if marker != "" {
			in["Marker"] = marker
		}
		page := c.must(t, "ListKeyRotations", in)
		for _, e := range page.body["Rotations"].([]any) {
			seen = append(seen, e.(object)["KeyMaterialId"].(string))
		}
		marker = page.str("NextMarker")
		if (marker == "") != (page.body["Truncated"] == false) {
			t.Fatalf("page %v", page.body)
		}
	}
	if len(seen) != 26 || marker != "" {
		t.Fatalf("%d materials on nine pages of three, and a marker %q", len(seen), marker)
	}
	for i, blob := range blobs {
		if got := c.material(t, blob); got != seen[i] {
			t.Errorf("ciphertext %d: material %s, want %s", i, got, seen[i])
		}
	}
	f.ahead.Add(int64(365*day - 15*time.Minute))
	if got := c.call("RotateKeyOnDemand", object{"KeyId": id}); got.code != "LimitExceededException" {
		t.Errorf("at its limit and shortly before the automatic one: %s", got.code)
	}
}

// TestRotationRefused: keys that cannot be rotated, or not now.
func TestRotationRefused(t *testing.T) {
	t.Parallel()
	f := newFixtureRotating(t, 4000*day)
	c := f.caller("111122223333")
	disabled, pending, soon := c.createKey(t), c.createKey(t), c.createKey(t)
	c.must(t, "DisableKey", object{"KeyId": disabled})
	c.must(t, "ScheduleKeyDeletion", object{"KeyId": pending})
	c.must(t, "EnableKeyRotation", object{"KeyId": soon, "RotationPeriodInDays": 90})
	mac := c.must(t, "CreateKey", object{"KeySpec": "HMAC_256", "KeyUsage": "GENERATE_VERIFY_MAC"}).str("KeyMetadata", "KeyId")
	rsa := c.must(t, "CreateKey", object{"KeySpec": "ECC_NIST_P256", "KeyUsage": "SIGN_VERIFY"}).str("KeyMetadata", "KeyId")
	arn := func(id string) string { return "arn:aws:kms:eu-west-1:111122223333:key/" + id }
	for _, test := range []struct{ operation, id, want string }{
		{"EnableKeyRotation", mac, "UnsupportedOperationException: "},
		{"DisableKeyRotation", rsa, "UnsupportedOperationException: "},
		{"RotateKeyOnDemand", mac, "UnsupportedOperationException: "},
		{"RotateKeyOnDemand", rsa, "UnsupportedOperationException: "},
		{"EnableKeyRotation", disabled, "DisabledException: " + arn(disabled) + " is disabled."},
		{"RotateKeyOnDemand", disabled, "DisabledException: " + arn(disabled) + " is disabled."},
		{"EnableKeyRotation", pending, "KMSInvalidStateException: " + arn(pending) + " is pending deletion."},
		{"RotateKeyOnDemand", pending, "KMSInvalidStateException: " + arn(pending) + " is pending deletion."},
	} {
		t.Run(test.operation+" "+test.id, func(t *testing.T) {
			if got := c.call(test.operation, object{"KeyId": test.id}); got.code+": "+got.message != test.want {
				t.Errorf("%s: %s, want %s", got.code, got.message, test.want)
			}
		})
	}
	for _, id := range []string{mac, rsa} {
		if got := c.rotations(t, id, "ALL_KEY_MATERIAL"); len(got) != 0 {
			t.Errorf("rotations of %s: %v", id, got)
		}
		if got := c.must(t, "GetKeyRotationStatus", object{"KeyId": id}); got.body["KeyRotationEnabled"] != false {
			t.Errorf("status of %s: %v", id, got.body)
		}
	}
	for _, days := range []int{-1, 0, 89, 2561} {
		if got := c.call("EnableKeyRotation", object{"KeyId": soon, "RotationPeriodInDays": days}); got.code != "ValidationException" {
			t.Errorf("%d days: %s", days, got.code)
		}
	}
	if got := c.call("ListKeyRotations", object{"KeyId": soon, "Marker": "made-up"}); got.code != "InvalidMarkerException" {
		t.Errorf("a marker that nobody gave: %s", got.code)
	}
}

// TestRotationsAtOnce: of rotations and other changes at the same time each is
// whole, and no ciphertext is lost.
func TestRotationsAtOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller("111122223333")
	id := c.createKey(t)
	blobs := make(chan string, 200)
	done := make(chan error, 10)
	for w := range 5 {
		go func() {
			for i := range 4 {
				if got := c.call("RotateKeyOnDemand", object{"KeyId": id}); got.code != "" && got.code != "DependencyTimeoutException" {
					done <- fmt.Errorf("RotateKeyOnDemand: %s %s", got.code, got.message)
					return
				}
				c.call("UpdateKeyDescription", object{"KeyId": id, "Description": fmt.Sprint(w, i)})
			}
			done <- nil
		}()
		go func() {
			for range 20 {
				got := c.call("Encrypt", object{"KeyId": id, "Plaintext": []byte("x")})
				if got.code != "" {
					done <- fmt.Errorf("Encrypt: %s %s", got.code, got.message)
					return
				}
				blobs <- got.str("CiphertextBlob")
			}
			done <- nil
		}()
	}
	for range 10 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	close(blobs)
	for blob := range blobs {
		c.must(t, "Decrypt", object{"CiphertextBlob": blob})
	}
	if rotated, stored := len(c.rotations(t, id, "ROTATIONS_ONLY")), len(f.stored(t)); rotated == 0 || stored == 0 {
		t.Errorf("%d rotations, %d rows", rotated, stored)
	}
}

// TestFourYears: a clock that is moved by four years finds four yearly rotations on
// its way, each a year after the one before.
func TestFourYears(t *testing.T) {
	t.Parallel()
	f := newFixtureRotating(t, 4000*day)
	c := f.caller("111122223333")
	id := c.createKey(t)
	c.must(t, "EnableKeyRotation", object{"KeyId": id, "RotationPeriodInDays": 365})
	f.move(t, (4*365+1)*day)
	list := c.rotations(t, id, "ROTATIONS_ONLY")
	if len(list) != 4 {
		t.Fatalf("%d rotations", len(list))
	}
	for i := range list[1:] {
		if years := (list[i+1]["RotationDate"].(float64) - list[i]["RotationDate"].(float64)) / (365 * 86400); years < 0.999 || years > 1.001 {
			t.Errorf("between rotation %d and the next: %v years", i, years)
		}
	}
}
