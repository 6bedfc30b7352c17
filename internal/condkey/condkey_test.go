package condkey_test

import (
	"slices"
	"strings"
	"testing"

	"trent/internal/api"
	"trent/internal/condkey"
	"trent/internal/optable"
)

// listed is AWS's list of its condition keys (AWS KMS Developer Guide, 2026-11),
// written down once more: name, type, M for several values, I for policies of
// IAM only, and the operations, "key" for all that are authorized on a key and
// "alias" for those that take one in place of a key's id.
const listed = `
kms:CallerAccount String . key CreateCustomKeyStore DescribeCustomKeyStores ConnectCustomKeyStore DeleteCustomKeyStore DisconnectCustomKeyStore UpdateCustomKeyStore
kms:KeySpec String . key CreateKey
kms:KeyUsage String . key CreateKey
kms:KeyOrigin String . key CreateKey
kms:MultiRegion Bool . key CreateKey
kms:MultiRegionKeyType String . key CreateKey
kms:CustomerMasterKeySpec String . key CreateKey
kms:CustomerMasterKeyUsage String . key CreateKey
kms:ResourceAliases String MI key
kms:ViaService String . key
kms:BypassPolicyLockoutSafetyCheck Bool . CreateKey PutKeyPolicy
kms:DataKeyPairSpec String . GenerateDataKeyPair GenerateDataKeyPairWithoutPlaintext
kms:EncapsulationAlgorithm String . Encapsulate Decapsulate
kms:EncryptionAlgorithm String . Encrypt Decrypt ReEncrypt GenerateDataKey GenerateDataKeyWithoutPlaintext GenerateDataKeyPair GenerateDataKeyPairWithoutPlaintext
kms:EncryptionContext: String . Encrypt Decrypt ReEncrypt GenerateDataKey GenerateDataKeyWithoutPlaintext GenerateDataKeyPair GenerateDataKeyPairWithoutPlaintext CreateGrant RetireGrant
kms:EncryptionContextKeys String M Encrypt Decrypt ReEncrypt GenerateDataKey GenerateDataKeyWithoutPlaintext GenerateDataKeyPair GenerateDataKeyPairWithoutPlaintext CreateGrant RetireGrant
kms:ExpirationModel String . ImportKeyMaterial
kms:ValidTo Date . ImportKeyMaterial
kms:WrappingAlgorithm String . GetParametersForImport
kms:WrappingKeySpec String . GetParametersForImport
kms:GrantConstraintType String . CreateGrant RetireGrant
kms:GrantConstraintSourceArn Arn . CreateGrant
kms:GranteePrincipal String . CreateGrant
kms:RetiringPrincipal String . CreateGrant
kms:GranteeServicePrincipal String . CreateGrant
kms:RetiringServicePrincipal String . CreateGrant
kms:GrantOperations String M CreateGrant
kms:GrantIsForAWSResource Bool . CreateGrant ListGrants RevokeGrant
kms:KeyAgreementAlgorithm String . DeriveSharedSecret
kms:MacAlgorithm String . GenerateMac VerifyMac
kms:MessageType String . Sign Verify
kms:SigningAlgorithm String . Sign Verify
kms:PrimaryRegion String . UpdatePrimaryRegion
kms:ReplicaRegion String . ReplicateKey
kms:ReEncryptOnSameKey Bool . ReEncrypt
kms:RequestAlias String . alias
kms:RotationPeriodInDays Numeric . EnableKeyRotation
kms:ScheduleKeyDeletionPendingWindowInDays Numeric . ScheduleKeyDeletion
kms:TrailingDaysWithoutKeyUsage Numeric . DisableKey ScheduleKeyDeletion
kms:RecipientAttestation: String . Decrypt DeriveSharedSecret GenerateDataKey GenerateDataKeyPair GenerateRandom
aws:ResourceTag/ String I key
aws:RequestTag/ String . CreateKey ReplicateKey TagResource
aws:TagKeys String M CreateKey ReplicateKey TagResource UntagResource
`

// TestTheTableIsAWSs, both ways.
func TestTheTableIsAWSs(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for line := range strings.Lines(strings.TrimSpace(listed)) {
		f := strings.Fields(line)
		name, typ, flags := f[0], f[1], f[2]
		seen[name] = true
		family := strings.HasSuffix(name, ":") || strings.HasSuffix(name, "/")
		lookup := strings.ToLower(name)
		if family {
			lookup += "x/y:z"
		}
		k, rest := condkey.Find(lookup)
		if k == nil {
			t.Errorf("%s is not in the table", name)
			continue
		}
		if family != k.Family || family && rest != "x/y:z" || k.Name != name || k.Type.String() != typ ||
			k.Multi != strings.Contains(flags, "M") || k.IdentityOnly != strings.Contains(flags, "I") {
			t.Errorf("%s: %+v, rest %q", name, k, rest)
		}
		for _, op := range api.Ops() {
			row := optable.Of(op)
			want := slices.Contains(f[3:], op.String()) ||
				f[3] == "key" && onKey(op) || f[3] == "alias" && row.Aliases
			if got := k.Ops.Has(op); got != want {
				t.Errorf("%s on %s: %v", name, op, got)
			}
		}
	}
	for _, k := range condkey.All() {
		if !k.Global && !seen[k.Name] {
			t.Errorf("%s is not AWS's", k.Name)
		}
		if k.Global && k.Name != "aws:ResourceTag/" && k.Name != "aws:RequestTag/" && k.Name != "aws:TagKeys" {
			for _, op := range api.Ops() {
				if !k.Ops.Has(op) {
					t.Errorf("%s is not on %s", k.Name, op)
				}
			}
		}
	}
}

// onKey says which operations AWS authorizes on a key: those of which none of
// its table's other resources is named.
func onKey(op api.Op) bool {
	switch op {
	case api.OpCreateKey, api.OpListKeys, api.OpListAliases, api.OpGenerateRandom, api.OpListRetirableGrants,
		api.OpCreateCustomKeyStore, api.OpConnectCustomKeyStore, api.OpDeleteCustomKeyStore, api.OpDescribeCustomKeyStores,
		api.OpDisconnectCustomKeyStore, api.OpUpdateCustomKeyStore:
		return false
	}
	return true
}

// TestNamesAreWhole: every key has a row of its own, found by its name.
func TestNamesAreWhole(t *testing.T) {
	t.Parallel()
	names := map[string]condkey.ID{}
	for _, k := range condkey.All() {
		if k.Name == "" || k.Type == 0 || names[k.Name] != 0 {
			t.Errorf("row %d: %+v", k.ID, k)
		}
		names[k.Name] = k.ID
		if found, rest := condkey.Find(strings.ToLower(k.Name)); !k.Family && (found == nil || found.ID != k.ID || rest != "") {
			t.Errorf("%s is found as %+v", k.Name, found)
		}
	}
	for _, name := range []string{"", "kms", "kms:", "kms:calleraccounts", "kms:encryptioncontext:", "aws:principaltag", "aws:principaltag/", "s3:prefix"} {
		if k, _ := condkey.Find(name); k != nil {
			t.Errorf("%q is %s", name, k.Name)
		}
	}
	if api.NumOps > 64 {
		t.Error("a set of operations has 64 places")
	}
	if (condkey.Ops(1<<64 - 1)).Has(0) {
		t.Error("no operation is in a set")
	}
}
