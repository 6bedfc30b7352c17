package clients

import (
	"slices"
	"testing"
)

// lastUsage asks for a key's last use before and after it is used.
func lastUsage(t *testing.T, c caller, lacks []string) {
	if slices.Contains(lacks, "GetKeyLastUsage") {
		return
	}
	metadata := must(t, c, "CreateKey", object{})["KeyMetadata"].(object)
	id, arn := text(t, metadata, "KeyId"), text(t, metadata, "Arn")
	before := must(t, c, "GetKeyLastUsage", object{"KeyId": id})
	if last, _ := before["KeyLastUsage"].(object); before["KeyId"] != arn || len(last) != 0 || before["KeyCreationDate"] == nil || before["TrackingStartDate"] == nil {
		t.Errorf("of a key that was never used: %v", before)
	}
	must(t, c, "Encrypt", object{"KeyId": id, "Plaintext": blob("x")})
	last := must(t, c, "GetKeyLastUsage", object{"KeyId": arn})["KeyLastUsage"].(object)
	for _, name := range []string{"Timestamp", "CloudTrailEventId", "KmsRequestId"} {
		if last[name] == nil || last[name] == "" {
			t.Errorf("the last use has no %s: %v", name, last)
		}
	}
	if last["Operation"] != "Encrypt" {
		t.Errorf("the last use is %v", last)
	}
}
