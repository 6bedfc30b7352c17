package clients

import (
	"fmt"
	"testing"
)

// scheduleDeletion takes a key into its waiting period and out of it again. The
// end of the period itself is tested where the clock can be moved.
func scheduleDeletion(t *testing.T, c caller, alias string) {
	metadata := must(t, c, "CreateKey", object{})["KeyMetadata"].(object)
	id, arn := text(t, metadata, "KeyId"), text(t, metadata, "Arn")
	must(t, c, "CreateAlias", object{"AliasName": alias, "TargetKeyId": id})
	sealed := must(t, c, "Encrypt", object{"KeyId": id, "Plaintext": blob("x")})["CiphertextBlob"]
	state := func(want string) object {
		m := must(t, c, "DescribeKey", object{"KeyId": alias})["KeyMetadata"].(object)
		if m["KeyState"] != want || m["Enabled"] != (want == "Enabled") {
			t.Errorf("the key is %v %v, want %s", m["KeyState"], m["Enabled"], want)
		}
		return m
	}
	for _, operation := range []string{"ScheduleKeyDeletion", "CancelKeyDeletion"} {
		refused(t, c, operation, object{"KeyId": alias}, "InvalidArnException", "Key Aliases are not supported for this operation.")
	}
	refused(t, c, "CancelKeyDeletion", object{"KeyId": id}, "KMSInvalidStateException", arn+" is not pending deletion.")
	refused(t, c, "ScheduleKeyDeletion", object{"KeyId": id, "PendingWindowInDays": 6},
		"ValidationException", "PendingWindowInDays must be between 7 and 30")

	out := must(t, c, "ScheduleKeyDeletion", object{"KeyId": arn, "PendingWindowInDays": 7})
	if out["KeyId"] != arn || out["KeyState"] != "PendingDeletion" || fmt.Sprint(out["PendingWindowInDays"]) != "7" {
		t.Errorf("ScheduleKeyDeletion answers %v", out)
	}
	if m := state("PendingDeletion"); m["DeletionDate"] == nil || m["DeletionDate"] != out["DeletionDate"] {
		t.Errorf("DescribeKey has the date %v, ScheduleKeyDeletion %v", m["DeletionDate"], out["DeletionDate"])
	}
	for operation, in := range map[string]object{
		"Encrypt":             {"KeyId": alias, "Plaintext": blob("x")},
		"Decrypt":             {"CiphertextBlob": sealed},
		"GenerateDataKey":     {"KeyId": id, "KeySpec": "AES_256"},
		"ReEncrypt":           {"CiphertextBlob": sealed, "DestinationKeyId": id},
		"EnableKey":           {"KeyId": id},
		"DisableKey":          {"KeyId": id},
		"CreateAlias":         {"AliasName": alias + "-2", "TargetKeyId": id},
		"ScheduleKeyDeletion": {"KeyId": id},
	} {
		refused(t, c, operation, in, "KMSInvalidStateException", arn+" is pending deletion.")
	}

	if got := must(t, c, "CancelKeyDeletion", object{"KeyId": id}); got["KeyId"] != arn {
		t.Errorf("CancelKeyDeletion answers %v", got)
	}
	if m := state("Disabled"); m["DeletionDate"] != nil {
		t.Errorf("a key that is not to be deleted has the date %v", m["DeletionDate"])
	}
	if out := must(t, c, "ScheduleKeyDeletion", object{"KeyId": id}); fmt.Sprint(out["PendingWindowInDays"]) != "30" {
		t.Errorf("without a window it is %v", out["PendingWindowInDays"])
	}
	must(t, c, "CancelKeyDeletion", object{"KeyId": arn})
	must(t, c, "EnableKey", object{"KeyId": id})
	state("Enabled")
	must(t, c, "Decrypt", object{"CiphertextBlob": sealed})
	must(t, c, "DeleteAlias", object{"AliasName": alias})
}
