package clients

import (
	"encoding/json"
	"strings"
	"testing"

	"trent/test/harness"
)

// describeAnew gives the key another description, and takes it away.
func describeAnew(t *testing.T, c caller, key identifiers) {
	for _, description := range []string{"of ward 7, äöü", ""} {
		must(t, c, "UpdateKeyDescription", object{"KeyId": key.arn, "Description": description})
		if got := must(t, c, "DescribeKey", object{"KeyId": key.id})["KeyMetadata"].(object)["Description"]; got != description {
			t.Errorf("after UpdateKeyDescription %q: %v", description, got)
		}
	}
}

// tags gives the key tags, changes and takes some, and reads them.
func tags(t *testing.T, c caller, key identifiers) {
	has := func(want ...string) {
		t.Helper()
		out := must(t, c, "ListResourceTags", object{"KeyId": key.arn})
		list := []object{}
		for i := 0; i < len(want); i += 2 {
			list = append(list, object{"TagKey": want[i], "TagValue": want[i+1]})
		}
		if got := harness.Marshal(out["Tags"]); got != harness.Marshal(list) || out["Truncated"] != false {
			t.Errorf("ListResourceTags gives %v, want %v", out, list)
		}
	}
	has("spine", "yes")
	must(t, c, "TagResource", object{"KeyId": key.id, "Tags": []object{
		{"TagKey": "ward", "TagValue": "7"}, {"TagKey": "cost centre/äöü", "TagValue": ""}, {"TagKey": "Ward", "TagValue": "8"},
	}})
	has("Ward", "8", "cost centre/äöü", "", "spine", "yes", "ward", "7")
	must(t, c, "TagResource", object{"KeyId": key.arn, "Tags": []object{{"TagKey": "ward", "TagValue": "9"}}})
	has("Ward", "8", "cost centre/äöü", "", "spine", "yes", "ward", "9")
	must(t, c, "UntagResource", object{"KeyId": key.id, "TagKeys": []string{"Ward", "cost centre/äöü", "never there"}})
	has("spine", "yes", "ward", "9")
	must(t, c, "UntagResource", object{"KeyId": key.arn, "TagKeys": []string{"spine", "ward"}})
	has()
	refused(t, c, "TagResource", object{"KeyId": key.id, "Tags": []object{{"TagKey": "aws:x", "TagValue": ""}}},
		"TagException", "Tags beginning with aws: are reserved")
}

// policy reads the policy that a key has which was made without one.
func policy(t *testing.T, c caller, key identifiers) {
	names := must(t, c, "ListKeyPolicies", object{"KeyId": key.id})
	if harness.Marshal(names["PolicyNames"]) != `["default"]` || names["Truncated"] != false {
		t.Errorf("ListKeyPolicies gives %v", names)
	}
	out := must(t, c, "GetKeyPolicy", object{"KeyId": key.arn, "PolicyName": "default"}) // older clients demand the name
	var document struct {
		Statement []struct{ Sid, Effect, Action, Resource string }
	}
	if err := json.Unmarshal([]byte(text(t, out, "Policy")), &document); err != nil {
		t.Fatal(err)
	}
	if s := document.Statement; len(s) != 1 || s[0].Sid != "Enable IAM User Permissions" || s[0].Effect != "Allow" || s[0].Action != "kms:*" || s[0].Resource != "*" {
		t.Errorf("GetKeyPolicy gives %v", out)
	}
	refused(t, c, "GetKeyPolicy", object{"KeyId": key.id, "PolicyName": "other"}, "NotFoundException", "No such policy exists")
	putPolicy(t, c, key, text(t, out, "Policy"))
}

// putPolicy gives the key other policies and its first one back, and makes a
// key with one: each is read as it was given, byte for byte.
func putPolicy(t *testing.T, c caller, key identifiers, first string) {
	const root = "arn:aws:iam::" + harness.Account + ":root"
	other := ` {"Statement":[{"Action":["kms:*"],"Resource" : "*","Effect":"Allow","Sid":"äöü","Principal":{"AWS":["` + root + `","arn:aws:iam::444455556666:role/r"]}}]}` + "\r\n\t"
	has := func(id, want string) {
		t.Helper()
		if got := must(t, c, "GetKeyPolicy", object{"KeyId": id, "PolicyName": "default"})["Policy"]; got != want {
			t.Errorf("GetKeyPolicy gives %q, want %q", got, want)
		}
	}
	must(t, c, "PutKeyPolicy", object{"KeyId": key.arn, "PolicyName": "default", "Policy": other})
	has(key.id, other)
	refused(t, c, "PutKeyPolicy", object{"KeyId": key.id, "PolicyName": "default", "Policy": strings.ReplaceAll(other, root, "arn:aws:iam::444455556666:root")},
		"MalformedPolicyDocumentException", "The new key policy will not allow you to update the key policy in the future.")
	has(key.arn, other)
	must(t, c, "PutKeyPolicy", object{"KeyId": key.id, "PolicyName": "default", "Policy": first})
	has(key.id, first)
	made := must(t, c, "CreateKey", object{"Policy": other})["KeyMetadata"].(object)
	has(text(t, made, "KeyId"), other)
}

// moveAlias points the alias to another key and back. What was encrypted
// under either still decrypts by the ciphertext alone.
func moveAlias(t *testing.T, c caller, key identifiers) {
	before := must(t, c, "Encrypt", object{"KeyId": key.alias, "Plaintext": blob("before")})
	to := must(t, c, "CreateKey", object{})["KeyMetadata"].(object)
	must(t, c, "UpdateAlias", object{"AliasName": key.alias, "TargetKeyId": to["Arn"]})
	after := must(t, c, "Encrypt", object{"KeyId": key.aliasARN, "Plaintext": blob("after")})
	if before["KeyId"] != key.arn || after["KeyId"] != to["Arn"] {
		t.Errorf("the alias meant %v and means %v, want %s and %v", before["KeyId"], after["KeyId"], key.arn, to["Arn"])
	}
	for sealed, want := range map[any]string{before["CiphertextBlob"]: "before", after["CiphertextBlob"]: "after"} {
		if got := must(t, c, "Decrypt", object{"CiphertextBlob": sealed})["Plaintext"]; got != blob(want) {
			t.Errorf("Decrypt gives %v, want %q", got, want)
		}
	}
	refused(t, c, "Decrypt", object{"KeyId": key.alias, "CiphertextBlob": before["CiphertextBlob"]}, "IncorrectKeyException", anyMessage)
	for id, want := range map[any]int{key.id: 0, to["KeyId"]: 1} {
		if found := must(t, c, "ListAliases", object{"KeyId": id})["Aliases"].([]any); len(found) != want {
			t.Errorf("the aliases of %v are %v, want %d", id, found, want)
		}
	}
	must(t, c, "UpdateAlias", object{"AliasName": key.alias, "TargetKeyId": key.id})
	if got := text(t, must(t, c, "DescribeKey", object{"KeyId": key.alias})["KeyMetadata"].(object), "Arn"); got != key.arn {
		t.Errorf("moved back, the alias means %s", got)
	}
}

// TestUpdateAliasDates: an alias keeps the date that it was made on.
func TestUpdateAliasDates(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	from, _ := s.CreateKey(t, harness.Default)
	to, _ := s.CreateKey(t, harness.Default)
	s.Must(t, "CreateAlias", object{"AliasName": "alias/dated", "TargetKeyId": from})
	entry := func(key string) object {
		return s.Must(t, "ListAliases", object{"KeyId": key})["Aliases"].([]any)[0].(object)
	}
	before := entry(from)
	if before["CreationDate"] != before["LastUpdatedDate"] {
		t.Errorf("a new alias has the dates %v and %v", before["CreationDate"], before["LastUpdatedDate"])
	}
	for range 3 { // to the same key again is an update too
		s.Must(t, "UpdateAlias", object{"AliasName": "alias/dated", "TargetKeyId": to})
		after := entry(to)
		if after["CreationDate"] != before["CreationDate"] || after["LastUpdatedDate"].(float64) <= before["LastUpdatedDate"].(float64) {
			t.Errorf("the dates were %v and %v, and are %v and %v", before["CreationDate"], before["LastUpdatedDate"], after["CreationDate"], after["LastUpdatedDate"])
		}
		before = after
	}
}

// TestManagePendingKeys: what a key pending deletion still bears. What it does
// not stands in the table of bad input.
func TestManagePendingKeys(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	key := s.Must(t, "CreateKey", object{"Tags": []object{{"TagKey": "a", "TagValue": "b"}}})["KeyMetadata"].(object)["KeyId"]
	other, otherARN := s.CreateKey(t, harness.Default)
	for _, name := range []string{"alias/moved", "alias/deleted"} {
		s.Must(t, "CreateAlias", object{"AliasName": name, "TargetKeyId": key})
	}
	policy := s.Must(t, "GetKeyPolicy", object{"KeyId": key})["Policy"]
	s.Must(t, "ScheduleKeyDeletion", object{"KeyId": key})

	if got := s.Must(t, "GetKeyPolicy", object{"KeyId": key})["Policy"]; got != policy {
		t.Errorf("the policy was %v and is %v", policy, got)
	}
	s.Must(t, "PutKeyPolicy", object{"KeyId": key, "Policy": policy.(string) + "\n"})
	if got := s.Must(t, "GetKeyPolicy", object{"KeyId": key})["Policy"]; got != policy.(string)+"\n" {
		t.Errorf("the policy that was put is %v", got)
	}
	s.Must(t, "ListKeyPolicies", object{"KeyId": key})
	if got := s.Must(t, "ListResourceTags", object{"KeyId": key})["Tags"]; harness.Marshal(got) != `[{"TagKey":"a","TagValue":"b"}]` {
		t.Errorf("the tags are %v", got)
	}
	s.Must(t, "UpdateAlias", object{"AliasName": "alias/moved", "TargetKeyId": other})
	if got := s.Must(t, "Encrypt", object{"KeyId": "alias/moved", "Plaintext": someBlob})["KeyId"]; got != otherARN {
		t.Errorf("the alias that was moved away means %v", got)
	}
	s.Must(t, "DeleteAlias", object{"AliasName": "alias/deleted"})
	if got := s.Must(t, "ListAliases", object{"KeyId": key})["Aliases"].([]any); len(got) != 0 {
		t.Errorf("the key has the aliases %v", got)
	}
	s.Must(t, "CancelKeyDeletion", object{"KeyId": key})
	s.Must(t, "UntagResource", object{"KeyId": key, "TagKeys": []string{"a"}})
}
