package clients

import (
	"testing"

	"trent/test/harness"
)

// grants gives a role a grant on the key, finds it in both lists, and ends it:
// one by its token, one by its id, one by revoking it.
func grants(t *testing.T, c caller, key identifiers) {
	const retiring = "arn:aws:iam::" + harness.Account + ":root"
	make := func() object {
		return must(t, c, "CreateGrant", object{
			"KeyId": key.arn, "GranteePrincipal": someRole, "RetiringPrincipal": retiring, "Operations": []string{"Decrypt", "GenerateDataKey"},
			"Constraints": object{"EncryptionContextSubset": object{"ward": "7"}}, "Name": "spine",
		})
	}
	made, again := make(), make()
	if made["GrantId"] != again["GrantId"] || made["GrantToken"] == again["GrantToken"] || len(text(t, made, "GrantId")) != 64 {
		t.Errorf("CreateGrant gives %v and %v", made, again)
	}
	listed := func(operation string, in object) []any {
		t.Helper()
		return must(t, c, operation, in)["Grants"].([]any)
	}
	for operation, in := range map[string]object{"ListGrants": {"KeyId": key.id}, "ListRetirableGrants": {"RetiringPrincipal": retiring}} {
		all := listed(operation, in)
		if len(all) != 1 {
			t.Fatalf("%s has %v", operation, all)
		}
		entry := all[0].(object)
		if entry["GrantId"] != made["GrantId"] || entry["KeyId"] != key.arn || entry["GranteePrincipal"] != someRole || entry["RetiringPrincipal"] != retiring ||
			entry["IssuingAccount"] != retiring || entry["Name"] != "spine" || entry["CreationDate"] == nil ||
			harness.Marshal(entry["Operations"]) != `["Decrypt","GenerateDataKey"]` ||
			harness.Marshal(entry["Constraints"]) != `{"EncryptionContextSubset":{"ward":"7"}}` {
			t.Errorf("%s has %v", operation, entry)
		}
	}
	// A token is taken where there are grant tokens.
	must(t, c, "GenerateDataKey", object{"KeyId": key.id, "KeySpec": "AES_256", "GrantTokens": []any{made["GrantToken"], again["GrantToken"]}})
	refused(t, c, "Encrypt", object{"KeyId": key.id, "Plaintext": blob("x"), "GrantTokens": []string{"token"}}, "InvalidGrantTokenException", anyMessage)
	must(t, c, "RetireGrant", object{"GrantToken": again["GrantToken"]})
	refused(t, c, "RetireGrant", object{"GrantToken": made["GrantToken"]}, "NotFoundException", anyMessage)
	must(t, c, "RetireGrant", object{"KeyId": key.arn, "GrantId": make()["GrantId"]})
	must(t, c, "RevokeGrant", object{"KeyId": key.id, "GrantId": make()["GrantId"]})
	if left := listed("ListGrants", object{"KeyId": key.arn}); len(left) != 0 {
		t.Errorf("there are left %v", left)
	}
	refused(t, c, "CreateGrant", object{"KeyId": key.id, "GranteePrincipal": "arn:aws:iam::" + harness.Account + ":group/g", "Operations": []string{"Decrypt"}},
		"InvalidArnException", "ARN does not refer to a valid principal: arn:aws:iam::"+harness.Account+":group/g")
}
