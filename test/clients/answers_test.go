package clients

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"testing"

	"trent/test/harness"
)

var (
	uuidPattern     = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	materialPattern = regexp.MustCompile(`^[0-9a-f]{64}$`)
)

// TestKeyMetadata compares the members of KeyMetadata, as they stand on the
// wire, with the rules of AWS: what is always there, and what only sometimes.
func TestKeyMetadata(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	created := s.Must(t, "CreateKey", object{"Description": "ward 7"})["KeyMetadata"].(object)
	want := object{
		"AWSAccountId": harness.Account, "Arn": created["Arn"], "KeyId": created["KeyId"],
		"CreationDate": created["CreationDate"], "Enabled": true, "Description": "ward 7",
		"KeyUsage": "ENCRYPT_DECRYPT", "KeyState": "Enabled", "Origin": "AWS_KMS", "KeyManager": "CUSTOMER",
		"KeySpec": "SYMMETRIC_DEFAULT", "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT", "MultiRegion": false,
		"EncryptionAlgorithms": []any{"SYMMETRIC_DEFAULT"}, "CurrentKeyMaterialId": created["CurrentKeyMaterialId"],
	}
	sameMembers(t, "CreateKey", created, want)
	if !uuidPattern.MatchString(text(t, created, "KeyId")) {
		t.Errorf("KeyId is %v, not a UUID of version 4", created["KeyId"])
	}
	if !materialPattern.MatchString(text(t, created, "CurrentKeyMaterialId")) {
		t.Errorf("CurrentKeyMaterialId is %v", created["CurrentKeyMaterialId"])
	}
	if _, ok := created["CreationDate"].(float64); !ok {
		t.Errorf("CreationDate is %v, not a number", created["CreationDate"])
	}

	id := created["KeyId"]
	sameMembers(t, "DescribeKey", s.Must(t, "DescribeKey", object{"KeyId": id})["KeyMetadata"].(object), want)
	s.Must(t, "DisableKey", object{"KeyId": id})
	want["Enabled"], want["KeyState"] = false, "Disabled"
	sameMembers(t, "DescribeKey of a disabled key", s.Must(t, "DescribeKey", object{"KeyId": id})["KeyMetadata"].(object), want)

	// The date is there as long as the key waits for it.
	date := s.Must(t, "ScheduleKeyDeletion", object{"KeyId": id})["DeletionDate"]
	want["KeyState"], want["DeletionDate"] = "PendingDeletion", date
	sameMembers(t, "DescribeKey of a key pending deletion", s.Must(t, "DescribeKey", object{"KeyId": id})["KeyMetadata"].(object), want)
	s.Must(t, "CancelKeyDeletion", object{"KeyId": id})
	want["KeyState"] = "Disabled"
	delete(want, "DeletionDate")
	sameMembers(t, "DescribeKey after CancelKeyDeletion", s.Must(t, "DescribeKey", object{"KeyId": id})["KeyMetadata"].(object), want)

	// Without a description it is there, and empty.
	want["Description"], want["Enabled"], want["KeyState"] = "", true, "Enabled"
	bare := s.Must(t, "CreateKey", object{})["KeyMetadata"].(object)
	for _, own := range []string{"Arn", "KeyId", "CreationDate", "CurrentKeyMaterialId"} {
		want[own] = bare[own]
	}
	sameMembers(t, "CreateKey without a description", bare, want)
}

// TestAnswerMembers compares the members of each answer, as they stand on the
// wire: what AWS has there, no more and no less.
func TestAnswerMembers(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	created := s.Must(t, "CreateKey", object{})
	metadata := created["KeyMetadata"].(object)
	id, arn, material := metadata["KeyId"], metadata["Arn"], metadata["CurrentKeyMaterialId"]
	encrypted := s.Must(t, "Encrypt", object{"KeyId": id, "Plaintext": someBlob})
	sameMembers(t, "Encrypt", encrypted, object{
		"CiphertextBlob": encrypted["CiphertextBlob"], "KeyId": arn, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT",
	})
	sealed := encrypted["CiphertextBlob"]
	sameMembers(t, "Decrypt", s.Must(t, "Decrypt", object{"CiphertextBlob": sealed}), object{
		"Plaintext": someBlob, "KeyId": arn, "EncryptionAlgorithm": "SYMMETRIC_DEFAULT", "KeyMaterialId": material,
	})
	again := s.Must(t, "ReEncrypt", object{"CiphertextBlob": sealed, "DestinationKeyId": id})
	sameMembers(t, "ReEncrypt", again, object{
		"CiphertextBlob": again["CiphertextBlob"], "SourceKeyId": arn, "KeyId": arn,
		"SourceEncryptionAlgorithm": "SYMMETRIC_DEFAULT", "DestinationEncryptionAlgorithm": "SYMMETRIC_DEFAULT",
		"SourceKeyMaterialId": material, "DestinationKeyMaterialId": material,
	})
	dataKey := s.Must(t, "GenerateDataKey", object{"KeyId": id, "KeySpec": "AES_128"})
	sameMembers(t, "GenerateDataKey", dataKey, object{
		"CiphertextBlob": dataKey["CiphertextBlob"], "Plaintext": dataKey["Plaintext"], "KeyId": arn, "KeyMaterialId": material,
	})
	dataKey = s.Must(t, "GenerateDataKeyWithoutPlaintext", object{"KeyId": id, "KeySpec": "AES_128"})
	sameMembers(t, "GenerateDataKeyWithoutPlaintext", dataKey, object{
		"CiphertextBlob": dataKey["CiphertextBlob"], "KeyId": arn, "KeyMaterialId": material,
	})
	random := s.Must(t, "GenerateRandom", object{"NumberOfBytes": 1})
	sameMembers(t, "GenerateRandom", random, object{"Plaintext": random["Plaintext"]})
	sameMembers(t, "ListKeys", s.Must(t, "ListKeys", object{}), object{
		"Keys": []any{object{"KeyId": id, "KeyArn": arn}}, "Truncated": false,
	})
	scheduled := s.Must(t, "ScheduleKeyDeletion", object{"KeyId": id, "PendingWindowInDays": 30})
	sameMembers(t, "ScheduleKeyDeletion", scheduled, object{
		"KeyId": arn, "DeletionDate": scheduled["DeletionDate"], "KeyState": "PendingDeletion", "PendingWindowInDays": 30,
	})
	if _, ok := scheduled["DeletionDate"].(float64); !ok {
		t.Errorf("DeletionDate is %v, not a number", scheduled["DeletionDate"])
	}
	sameMembers(t, "CancelKeyDeletion", s.Must(t, "CancelKeyDeletion", object{"KeyId": id}), object{"KeyId": arn})

	policy := s.Must(t, "GetKeyPolicy", object{"KeyId": id})
	sameMembers(t, "GetKeyPolicy", policy, object{"Policy": policy["Policy"], "PolicyName": "default"})
	sameMembers(t, "ListKeyPolicies", s.Must(t, "ListKeyPolicies", object{"KeyId": id}), object{
		"PolicyNames": []any{"default"}, "Truncated": false,
	})
	sameMembers(t, "ListResourceTags", s.Must(t, "ListResourceTags", object{"KeyId": id}), object{"Tags": []any{}, "Truncated": false})

	// Operations without an answer have no body at all.
	for _, call := range []struct {
		operation string
		in        object
	}{
		{"CreateAlias", object{"AliasName": "alias/empty", "TargetKeyId": id}},
		{"DisableKey", object{"KeyId": id}},
		{"EnableKey", object{"KeyId": id}},
		{"UpdateKeyDescription", object{"KeyId": id, "Description": "x"}},
		{"UpdateAlias", object{"AliasName": "alias/empty", "TargetKeyId": id}},
		{"TagResource", object{"KeyId": id, "Tags": []object{{"TagKey": "a", "TagValue": "b"}}}},
		{"UntagResource", object{"KeyId": id, "TagKeys": []string{"a"}}},
		{"DeleteAlias", object{"AliasName": "alias/empty"}},
	} {
		res := s.Do(t, harness.Request{Operation: call.operation, Body: harness.Marshal(call.in)})
		if res.Status != http.StatusOK || len(res.Body) != 0 || res.Header.Get("Content-Length") != "0" {
			t.Errorf("%s answers %d %q, Content-Length %q", call.operation, res.Status, res.Body, res.Header.Get("Content-Length"))
		}
	}
}

// TestAnswerHeaders: what every answer carries.
func TestAnswerHeaders(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	seen := map[string]bool{}
	for _, operation := range []string{"ListKeys", "Encrypt", "NoSuchOperation"} {
		res := s.Do(t, harness.Request{Operation: operation})
		id := res.Header.Get("X-Amzn-Requestid")
		if !uuidPattern.MatchString(id) || seen[id] {
			t.Errorf("%s: the request id is %q", operation, id)
		}
		seen[id] = true
		if got := res.Header.Get("Content-Type"); got != "application/x-amz-json-1.1" {
			t.Errorf("%s: Content-Type is %q", operation, got)
		}
		if res.Header.Get("Date") == "" {
			t.Errorf("%s: no Date, by which SDKs correct their clocks", operation)
		}
	}
}

// sameMembers compares two objects member by member.
func sameMembers(t testing.TB, what string, got, want object) {
	t.Helper()
	all := maps.Clone(want)
	maps.Copy(all, got)
	for _, name := range slices.Sorted(maps.Keys(all)) {
		g, inGot := got[name]
		w, inWant := want[name]
		switch {
		case !inGot || w == nil && inWant:
			t.Errorf("%s lacks %s", what, name)
		case !inWant:
			t.Errorf("%s has %s: %v", what, name, g)
		case harness.Marshal(g) != harness.Marshal(w):
			t.Errorf("%s has %s: %v, want %v", what, name, g, w)
		}
	}
}
