package clients

import (
	"fmt"
	"testing"

	"trent/test/harness"
)

const unknownCiphertext = "User: arn:aws:iam::%s:root is not authorized to perform: kms:%s on the resource associated with this ciphertext " +
	"because the resource does not exist in this Region, no resource-based policies allow access, or a resource-based policy explicitly denies access"

// TestAccountsAreIsolated: another account sees nothing of a key, and cannot
// tell a key that it may not use from one that does not exist.
func TestAccountsAreIsolated(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	t.Run("clients", func(t *testing.T) {
		forEachClient(t, func(t *testing.T, cl client) {
			account := map[string]string{"aws-cli": "111122223333", "boto3": "222233334444", "go-sdk": "333344445555"}[cl.name]
			stranger := cl.connect(t, s, harness.Who{AccessKey: account, SecretKey: harness.SecretKey, Region: harness.Region})
			id, arn := s.CreateKey(t, harness.Default)
			alias := "alias/isolation-" + cl.name
			s.Must(t, "CreateAlias", object{"AliasName": alias, "TargetKeyId": id})
			sealed := s.Must(t, "Encrypt", object{"KeyId": id, "Plaintext": someBlob})["CiphertextBlob"]

			if keys := must(t, stranger, "ListKeys", object{})["Keys"]; len(keys.([]any)) != 0 {
				t.Errorf("ListKeys shows %v to another account", keys)
			}
			refused(t, stranger, "DescribeKey", object{"KeyId": id}, "NotFoundException",
				"Key 'arn:aws:kms:"+harness.Region+":"+account+":key/"+id+"' does not exist")
			refused(t, stranger, "DescribeKey", object{"KeyId": alias}, "NotFoundException",
				"Alias arn:aws:kms:"+harness.Region+":"+account+":"+alias+" is not found.")
			refused(t, stranger, "Decrypt", object{"CiphertextBlob": sealed}, "AccessDeniedException", fmt.Sprintf(unknownCiphertext, account, "Decrypt"))

			unknown := "arn:aws:kms:" + harness.Region + ":" + harness.Account + ":key/11111111-2222-4333-8444-555555555555"
			for _, key := range []string{arn, unknown} {
				refused(t, stranger, "Encrypt", object{"KeyId": key, "Plaintext": someBlob}, "AccessDeniedException",
					fmt.Sprintf("User: arn:aws:iam::%s:root is not authorized to perform: kms:Encrypt on resource: %s because no resource-based policy allows the kms:Encrypt action", account, key))
				refused(t, stranger, "DisableKey", object{"KeyId": key}, "AccessDeniedException", anyMessage)
			}
			if state := s.Must(t, "DescribeKey", object{"KeyId": id})["KeyMetadata"].(object)["KeyState"]; state != "Enabled" {
				t.Errorf("the key is %v", state)
			}
		})
	})
}

// TestRegionsAreIsolated: a key, its aliases and its ciphertexts exist in their
// Region only.
func TestRegionsAreIsolated(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	id, arn := s.CreateKey(t, harness.Default)
	s.Must(t, "CreateAlias", object{"AliasName": "alias/here", "TargetKeyId": id})
	sealed := s.Must(t, "Encrypt", object{"KeyId": id, "Plaintext": someBlob})["CiphertextBlob"]
	there := harness.Who{AccessKey: harness.AccessKey, SecretKey: harness.SecretKey, Region: "ap-southeast-2"}
	c := connectGoSDK(t, s, there)

	if keys := must(t, c, "ListKeys", object{})["Keys"]; len(keys.([]any)) != 0 {
		t.Errorf("ListKeys shows %v in another Region", keys)
	}
	refused(t, c, "DescribeKey", object{"KeyId": arn}, "NotFoundException", "Invalid arn "+harness.Region)
	refused(t, c, "DescribeKey", object{"KeyId": id}, "NotFoundException",
		"Key 'arn:aws:kms:"+there.Region+":"+harness.Account+":key/"+id+"' does not exist")
	refused(t, c, "Encrypt", object{"KeyId": "alias/here", "Plaintext": someBlob}, "NotFoundException",
		"Alias arn:aws:kms:"+there.Region+":"+harness.Account+":alias/here is not found.")
	refused(t, c, "Decrypt", object{"CiphertextBlob": sealed}, "AccessDeniedException", fmt.Sprintf(unknownCiphertext, harness.Account, "Decrypt"))

	// The same alias name may stand for another key there.
	other, otherARN := s.CreateKey(t, there)
	s.MustAs(t, there, "CreateAlias", object{"AliasName": "alias/here", "TargetKeyId": other})
	if got := text(t, must(t, c, "DescribeKey", object{"KeyId": "alias/here"})["KeyMetadata"].(object), "Arn"); got != otherARN {
		t.Errorf("alias/here is %s there, want %s", got, otherARN)
	}
}
