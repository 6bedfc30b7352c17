package clients

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"trent/test/harness"
)

// lookups reads the event history with CloudTrail's own operation, page by page.
func lookups(t *testing.T, c caller) {
	const lookup = "cloudtrail:LookupEvents"
	key := text(t, must(t, c, "CreateKey", object{})["KeyMetadata"].(object), "Arn")
	sealed := must(t, c, "Encrypt", object{"KeyId": key, "Plaintext": blob("x"), "EncryptionContext": object{"ward": "7"}})
	for range 4 {
		must(t, c, "Decrypt", object{"CiphertextBlob": sealed["CiphertextBlob"], "EncryptionContext": object{"ward": "7"}})
	}
	by := func(key, value string) []object { return []object{{"AttributeKey": key, "AttributeValue": value}} }
	in := object{
		"LookupAttributes": by("ResourceName", key), "MaxResults": 2,
		"StartTime": time.Now().Add(-time.Hour).UTC().Format(time.RFC3339), "EndTime": time.Now().Add(time.Hour).UTC().Format(time.RFC3339),
	}
	var called []string
	for {
		out := must(t, c, lookup, in)
		events, _ := out["Events"].([]any)
		for _, event := range events {
			called = append(called, checkEvent(t, event.(object), key))
		}
		if out["NextToken"] == nil {
			break
		}
		in["NextToken"] = out["NextToken"]
	}
	slices.Sort(called)
	// CreateKey's record is on its way from the store perhaps.
	if got := fmt.Sprint(slices.DeleteFunc(called, func(name string) bool { return name == "CreateKey" })); got != "[Decrypt Decrypt Decrypt Decrypt Encrypt]" {
		t.Errorf("looked up %s", got)
	}
	in["LookupAttributes"] = by("EventName", "Decrypt")
	in["NextToken"] = "bm9uZQ"
	refused(t, c, lookup, in, "InvalidNextTokenException", anyMessage)
	refused(t, c, lookup, object{"StartTime": "2026-11-20T00:00:00Z", "EndTime": "2026-11-19T00:00:00Z"}, "InvalidTimeRangeException", anyMessage)
	refused(t, c, lookup, object{"LookupAttributes": append(by("EventName", "Decrypt"), by("Username", "root")...)}, "InvalidLookupAttributesException", anyMessage)
}

// checkEvent checks an event about a key, and returns its name.
func checkEvent(t *testing.T, e object, key string) string {
	t.Helper()
	var record object
	if err := json.Unmarshal([]byte(text(t, e, "CloudTrailEvent")), &record); err != nil {
		t.Fatal(err)
	}
	resources := e["Resources"].([]any)
	if len(resources) != 1 || resources[0].(object)["ResourceName"] != key || resources[0].(object)["ResourceType"] != "AWS::KMS::Key" ||
		e["Username"] != "root" || e["EventSource"] != "kms.amazonaws.com" || e["EventId"] != record["eventID"] || e["EventTime"] == nil || e["AccessKeyId"] != harness.Default.AccessKey {
		t.Errorf("%v", e)
	}
	if e["EventName"] == "Decrypt" && (e["ReadOnly"] != "true" || record["requestParameters"].(object)["encryptionContext"].(object)["ward"] != "7") {
		t.Errorf("%v", e)
	}
	return text(t, e, "EventName")
}
