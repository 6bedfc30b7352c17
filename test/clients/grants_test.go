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

// TestGrantees: another account uses a key through a grant, for the encryption
// context that the grant names, from the moment when it is made until it is
// revoked.
func TestGrantees(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	t.Run("clients", func(t *testing.T) {
		forEachClient(t, func(t *testing.T, cl client) {
			account := map[string]string{"aws-cli": "111122223333", "boto3": "222233334444", "go-sdk": "333344445555"}[cl.name]
			owner := cl.connect(t, s, harness.Default)
			grantee := cl.connect(t, s, harness.Who{AccessKey: account, SecretKey: harness.SecretKey, Region: harness.Region})
			must(t, grantee, "ListKeys", object{}) // trent dev makes the account when it is first used
			key, arn := s.CreateKey(t, harness.Default)
			use := object{"KeyId": arn, "Plaintext": blob("x"), "EncryptionContext": object{"ward": "7"}}
			refused(t, grantee, "Encrypt", use, "AccessDeniedException", anyMessage)
			made := must(t, owner, "CreateGrant", object{
				"KeyId": key, "GranteePrincipal": "arn:aws:iam::" + account + ":root", "Operations": []string{"Encrypt", "Decrypt"},
				"Constraints": object{"EncryptionContextEquals": object{"ward": "7"}},
			})
			use["GrantTokens"] = []any{made["GrantToken"]}
			sealed := must(t, grantee, "Encrypt", use)["CiphertextBlob"]
			opened := must(t, grantee, "Decrypt", object{"CiphertextBlob": sealed, "EncryptionContext": object{"ward": "7"}})
			if opened["Plaintext"] != blob("x") || opened["KeyId"] != arn {
				t.Errorf("Decrypt gives %v", opened)
			}
			refused(t, grantee, "Encrypt", object{"KeyId": arn, "Plaintext": blob("x")}, "AccessDeniedException", anyMessage)
			refused(t, grantee, "ListGrants", object{"KeyId": arn}, "AccessDeniedException", anyMessage)
			must(t, owner, "RevokeGrant", object{"KeyId": key, "GrantId": made["GrantId"]})
			refused(t, grantee, "Encrypt", use, "AccessDeniedException", anyMessage)
		})
	})
}
