package policy

import (
	"strings"

	"trent/internal/awsjson"
)

// Template is a key policy in the form of the AWS KMS console's: IAM policies
// of the account count, administrators manage the key without using it, users
// use it, and may have AWS services use it for them. Without administrators or
// users their statements are left out: a statement needs a principal. usage is
// the KeyUsage; "" is ENCRYPT_DECRYPT of a symmetric key.
func Template(partition, account, usage string, administrators, users []string) string {
	t := template{}
	t.begin("Enable IAM User Permissions", []string{accountARN(partition, account)}, []string{"kms:*"})
	if len(administrators) > 0 {
		t.begin("Allow access for Key Administrators", administrators, administration())
	}
	if len(users) > 0 {
		t.begin("Allow use of the key", users, usingActions(usage))
	}
	// HMAC keys work with no other service.
	if len(users) > 0 && usage != "GENERATE_VERIFY_MAC" {
		t.begin("Allow attachment of persistent resources", users, []string{"kms:CreateGrant", "kms:ListGrants", "kms:RevokeGrant"})
		t.text = append(t.text, ",\n      \"Condition\": {\"Bool\": {\"kms:GrantIsForAWSResource\": \"true\"}}"...)
	}
	return "{\n  \"Version\": \"" + Version2012 + "\",\n  \"Id\": \"key-consolepolicy-3\",\n  \"Statement\": [" + string(t.text) + "\n    }\n  ]\n}\n"
}

// administration are the actions of the console's key administrators.
func administration() []string {
	var all []string
	for name := range strings.FieldsSeq(`Create* Describe* Enable* List* Put* Update* Revoke* Disable* Get* Delete* TagResource UntagResource
		ScheduleKeyDeletion CancelKeyDeletion RotateKeyOnDemand`) {
		all = append(all, "kms:"+name)
	}
	return all
}

// usingActions are those of the users of a key.
func usingActions(usage string) []string {
	switch usage {
	case "SIGN_VERIFY":
		return []string{"kms:Sign", "kms:Verify", "kms:DescribeKey", "kms:GetPublicKey"}
	case "GENERATE_VERIFY_MAC":
		return []string{"kms:GenerateMac", "kms:VerifyMac", "kms:DescribeKey"}
	case "KEY_AGREEMENT":
		return []string{"kms:DeriveSharedSecret", "kms:DescribeKey", "kms:GetPublicKey"}
	case "ENCAPSULATE_DECAPSULATE":
		return []string{"kms:Encapsulate", "kms:Decapsulate", "kms:DescribeKey", "kms:GetPublicKey"}
	}
	return []string{"kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"}
}

// template writes statements.
type template struct{ text []byte }

// begin begins a statement that allows, and leaves it open for a condition.
func (t *template) begin(sid string, principals, actions []string) {
	if len(t.text) > 0 {
		t.text = append(t.text, "\n    },"...)
	}
	t.text = append(t.text, "\n    {\n      \"Sid\": "...)
	t.text = awsjson.AppendString(t.text, sid)
	t.text = append(t.text, ",\n      \"Effect\": \"Allow\",\n      \"Principal\": {\"AWS\": "...)
	t.list(principals)
	t.text = append(t.text, "},\n      \"Action\": "...)
	t.list(actions)
	t.text = append(t.text, ",\n      \"Resource\": \"*\""...)
}

// list writes one string, or several lines of them.
func (t *template) list(values []string) {
	if len(values) == 1 {
		t.text = awsjson.AppendString(t.text, values[0])
		return
	}
	for i, v := range values {
		t.text = append(t.text, [...]string{"[", ","}[min(i, 1)]+"\n        "...)
		t.text = awsjson.AppendString(t.text, v)
	}
	t.text = append(t.text, "\n      ]"...)
}
