package node_test

import (
	"testing"
)

// used is what GetKeyLastUsage says of a key.
func (c caller) used(t *testing.T, id string) object {
	t.Helper()
	last, _ := c.must(t, "GetKeyLastUsage", object{"KeyId": id}).body["KeyLastUsage"].(object)
	return last
}

// TestKeyLastUsage: successful uses count, of both keys of a ReEncrypt, and nothing
// else does; a restart forgets none.
func TestKeyLastUsage(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller("111122223333")
	id, other := c.createKey(t), c.createKey(t)
	c.must(t, "DescribeKey", object{"KeyId": id})
	c.call("Encrypt", object{"KeyId": id, "Plaintext": []byte("x"), "DryRun": true})
	c.call("Decrypt", object{"CiphertextBlob": []byte("none"), "KeyId": id})
	if last := c.used(t, id); len(last) != 0 {
		t.Errorf("a key that was never used: %v", last)
	}
	blob := c.encrypt(t, id)
	first := c.used(t, id)
	if first["Operation"] != "Encrypt" {
		t.Errorf("after Encrypt: %v", first)
	}
	blob = c.must(t, "ReEncrypt", object{"CiphertextBlob": blob, "DestinationKeyId": other}).str("CiphertextBlob")
	source, destination := c.used(t, id), c.used(t, other)
	if source["Operation"] != "ReEncrypt" || destination["Operation"] != "ReEncrypt" || source["KmsRequestId"] != destination["KmsRequestId"] ||
		source["Timestamp"].(float64) < first["Timestamp"].(float64) {
		t.Errorf("after ReEncrypt: %v and %v", source, destination)
	}
	c.must(t, "DisableKey", object{"KeyId": id})
	c.call("Encrypt", object{"KeyId": id, "Plaintext": []byte("x")})
	f.close(t)
	found := false
	for _, r := range f.records(t) {
		found = found || r["eventID"] == source["CloudTrailEventId"] && r["eventName"] == "ReEncrypt" && r["requestID"] == source["KmsRequestId"]
	}
	if !found {
		t.Errorf("the trail has no record of %v", source)
	}
	f.open(t)
	if again := c.used(t, id); again["CloudTrailEventId"] != source["CloudTrailEventId"] || again["Operation"] != "ReEncrypt" || again["Timestamp"] != source["Timestamp"] {
		t.Errorf("after a restart: %v, before %v", again, source)
	}
	c.must(t, "Decrypt", object{"CiphertextBlob": blob})
	if last := c.used(t, other); last["Operation"] != "Decrypt" {
		t.Errorf("after Decrypt: %v", last)
	}
	if out := c.must(t, "GetKeyLastUsage", object{"KeyId": id}); out.body["TrackingStartDate"] != out.body["KeyCreationDate"] {
		t.Errorf("a key that is younger than tracking: %v", out.body)
	}
}

// TestTrailingDays: a policy can bind the deletion of a key, and switching it off,
// to how long it was not used.
func TestTrailingDays(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller("111122223333")
	id := c.createKey(t)
	c.must(t, "PutKeyPolicy", object{"KeyId": id, "Policy": `{"Version":"2012-10-17","Statement":[
		{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::111122223333:root"},"Action":"kms:*","Resource":"*"},
		{"Effect":"Deny","Principal":"*","Action":["kms:ScheduleKeyDeletion","kms:DisableKey"],"Resource":"*",
		 "Condition":{"NumericLessThan":{"kms:TrailingDaysWithoutKeyUsage":"30"}}}]}`})
	refused := func(when string, want bool) {
		t.Helper()
		for _, operation := range []string{"DisableKey", "ScheduleKeyDeletion"} {
			got := c.call(operation, object{"KeyId": id})
			if code := map[bool]string{true: "AccessDeniedException"}[want]; got.code != code {
				t.Errorf("%s, %s: %q, want %q", when, operation, got.code, code)
			}
		}
	}
	refused("a new key", true)
	f.ahead.Add(int64(29 * day))
	c.encrypt(t, id)
	f.ahead.Add(int64(29 * day))
	refused("29 days after a use", true)
	f.ahead.Add(int64(day))
	refused("30 days after it", false)
}
