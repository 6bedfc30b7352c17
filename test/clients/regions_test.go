package clients

import (
	"testing"
	"time"

	"trent/test/harness"
)

// regions takes a multi-Region key to another Region, uses it in both, makes the
// other the primary, and deletes what is a replica then. in is the same caller in
// another Region.
func regions(t *testing.T, c caller, in func(region string) caller) {
	const away = "ap-northeast-1"
	there := in(away)
	metadata := must(t, c, "CreateKey", object{"MultiRegion": true, "Description": "in two Regions"})["KeyMetadata"].(object)
	id, arn := text(t, metadata, "KeyId"), text(t, metadata, "Arn")
	if kind := metadata["MultiRegionConfiguration"].(object)["MultiRegionKeyType"]; kind != "PRIMARY" || metadata["MultiRegion"] != true {
		t.Errorf("CreateKey answers %v", metadata)
	}
	replica := must(t, c, "ReplicateKey", object{"KeyId": arn, "ReplicaRegion": away, "Tags": []object{{"TagKey": "of", "TagValue": "replica"}}})
	replicaARN := "arn:aws:kms:" + away + ":" + harness.Account + ":key/" + id
	if m := replica["ReplicaKeyMetadata"].(object); m["Arn"] != replicaARN || m["KeyState"] != "Creating" || replica["ReplicaPolicy"] == "" {
		t.Errorf("ReplicateKey answers %v", replica)
	}
	refused(t, c, "ReplicateKey", object{"KeyId": id, "ReplicaRegion": away}, "AlreadyExistsException", "A multi-Region key "+replicaARN+" already exists.")
	describe := func(c caller) object { return must(t, c, "DescribeKey", object{"KeyId": id})["KeyMetadata"].(object) }
	enabled := func() {
		t.Helper()
		if !harness.Eventually(time.Minute, func() bool { return describe(c)["KeyState"] == "Enabled" && describe(there)["KeyState"] == "Enabled" }) {
			t.Fatal("not both keys are enabled")
		}
	}
	enabled()
	if a, b := describe(c)["CurrentKeyMaterialId"], describe(there)["CurrentKeyMaterialId"]; a != b {
		t.Errorf("the materials are %v and %v", a, b)
	}
	for _, way := range [][2]caller{{c, there}, {there, c}} {
		sealed := must(t, way[0], "Encrypt", object{"KeyId": id, "Plaintext": blob("across")})["CiphertextBlob"]
		if got := must(t, way[1], "Decrypt", object{"CiphertextBlob": sealed}); got["Plaintext"] != blob("across") {
			t.Errorf("Decrypt answers %v", got)
		}
	}
	must(t, c, "UpdatePrimaryRegion", object{"KeyId": id, "PrimaryRegion": away})
	enabled()
	for _, at := range []caller{c, there} {
		if got := describe(at)["MultiRegionConfiguration"].(object)["PrimaryKey"].(object)["Region"]; got != away {
			t.Errorf("the primary is in %v", got)
		}
	}
	got := must(t, there, "ScheduleKeyDeletion", object{"KeyId": id, "PendingWindowInDays": 7})
	if got["KeyState"] != "PendingReplicaDeletion" || got["DeletionDate"] != nil {
		t.Errorf("ScheduleKeyDeletion of the primary answers %v", got)
	}
	if m := describe(there); m["PendingDeletionWindowInDays"] != 7.0 {
		t.Errorf("DescribeKey of the primary answers %v", m)
	}
	must(t, c, "ScheduleKeyDeletion", object{"KeyId": id, "PendingWindowInDays": 7})
}
