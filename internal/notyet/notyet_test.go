package notyet_test

import (
	"reflect"
	"testing"

	"trent/internal/api"
	"trent/internal/notyet"
)

// working says, for each operation that Trent has, which members it acts on.
// With what internal/notyet refuses this must be every member of the request:
// none is ignored.
var working = map[api.Op]api.Members{
	api.OpCancelKeyDeletion: api.CancelKeyDeletionKeyId,
	api.OpCreateAlias:       api.CreateAliasAliasName | api.CreateAliasTargetKeyId,
	api.OpCreateKey: api.CreateKeyDescription | api.CreateKeyTags | api.CreateKeyKeyUsage | api.CreateKeyCustomerMasterKeySpec | api.CreateKeyKeySpec |
		api.CreateKeyMultiRegion | api.CreateKeyOrigin | // the last for one value
		api.CreateKeyPolicy | api.CreateKeyBypassPolicyLockoutSafetyCheck,
	api.OpDecrypt: api.DecryptGrantTokens | api.DecryptCiphertextBlob | api.DecryptEncryptionContext | api.DecryptKeyId | api.DecryptEncryptionAlgorithm |
		api.DecryptDryRun | api.DecryptDryRunModifiers,
	api.OpCreateGrant: api.CreateGrantKeyId | api.CreateGrantGranteePrincipal | api.CreateGrantRetiringPrincipal | api.CreateGrantOperations |
		api.CreateGrantConstraints | api.CreateGrantGrantTokens | api.CreateGrantName | api.CreateGrantDryRun |
		api.CreateGrantGranteeServicePrincipal | api.CreateGrantRetiringServicePrincipal,
	api.OpListGrants: api.ListGrantsLimit | api.ListGrantsMarker | api.ListGrantsKeyId | api.ListGrantsGrantId | api.ListGrantsGranteePrincipal |
		api.ListGrantsGranteeServicePrincipal,
	api.OpListRetirableGrants: api.ListRetirableGrantsLimit | api.ListRetirableGrantsMarker | api.ListRetirableGrantsRetiringPrincipal |
		api.ListRetirableGrantsRetiringServicePrincipal,
	api.OpRetireGrant:            api.RetireGrantGrantToken | api.RetireGrantKeyId | api.RetireGrantGrantId | api.RetireGrantDryRun,
	api.OpRevokeGrant:            api.RevokeGrantKeyId | api.RevokeGrantGrantId | api.RevokeGrantDryRun,
	api.OpDeleteAlias:            api.DeleteAliasAliasName,
	api.OpDescribeKey:            api.DescribeKeyGrantTokens | api.DescribeKeyKeyId,
	api.OpDisableKey:             api.DisableKeyKeyId,
	api.OpEnableKeyRotation:      api.EnableKeyRotationKeyId | api.EnableKeyRotationRotationPeriodInDays,
	api.OpDisableKeyRotation:     api.DisableKeyRotationKeyId,
	api.OpGetKeyRotationStatus:   api.GetKeyRotationStatusKeyId,
	api.OpGetParametersForImport: api.GetParametersForImportKeyId | api.GetParametersForImportWrappingAlgorithm | api.GetParametersForImportWrappingKeySpec,
	api.OpImportKeyMaterial: api.ImportKeyMaterialKeyId | api.ImportKeyMaterialImportToken | api.ImportKeyMaterialEncryptedKeyMaterial | api.ImportKeyMaterialValidTo |
		api.ImportKeyMaterialExpirationModel | api.ImportKeyMaterialImportType | api.ImportKeyMaterialKeyMaterialDescription | api.ImportKeyMaterialKeyMaterialId,
	api.OpDeleteImportedKeyMaterial: api.DeleteImportedKeyMaterialKeyId | api.DeleteImportedKeyMaterialKeyMaterialId,
	api.OpRotateKeyOnDemand:         api.RotateKeyOnDemandKeyId,
	api.OpListKeyRotations:          api.ListKeyRotationsKeyId | api.ListKeyRotationsIncludeKeyMaterial | api.ListKeyRotationsLimit | api.ListKeyRotationsMarker,
	api.OpEnableKey:                 api.EnableKeyKeyId,
	api.OpEncrypt: api.EncryptGrantTokens | api.EncryptKeyId | api.EncryptPlaintext | api.EncryptEncryptionContext | api.EncryptEncryptionAlgorithm |
		api.EncryptDryRun,
	api.OpGenerateDataKey: api.GenerateDataKeyGrantTokens | api.GenerateDataKeyKeyId | api.GenerateDataKeyEncryptionContext | api.GenerateDataKeyNumberOfBytes |
		api.GenerateDataKeyKeySpec | api.GenerateDataKeyDryRun,
	api.OpGenerateDataKeyWithoutPlaintext: api.GenerateDataKeyWithoutPlaintextGrantTokens | api.GenerateDataKeyWithoutPlaintextKeyId | api.GenerateDataKeyWithoutPlaintextEncryptionContext |
		api.GenerateDataKeyWithoutPlaintextNumberOfBytes | api.GenerateDataKeyWithoutPlaintextKeySpec | api.GenerateDataKeyWithoutPlaintextDryRun,
	api.OpGenerateRandom:   api.GenerateRandomNumberOfBytes,
	api.OpGetKeyLastUsage:  api.GetKeyLastUsageKeyId,
	api.OpGetKeyPolicy:     api.GetKeyPolicyKeyId | api.GetKeyPolicyPolicyName,
	api.OpListAliases:      api.ListAliasesKeyId | api.ListAliasesLimit | api.ListAliasesMarker,
	api.OpListKeyPolicies:  api.ListKeyPoliciesKeyId | api.ListKeyPoliciesLimit | api.ListKeyPoliciesMarker,
	api.OpListKeys:         api.ListKeysLimit | api.ListKeysMarker,
	api.OpListResourceTags: api.ListResourceTagsKeyId | api.ListResourceTagsLimit | api.ListResourceTagsMarker,
	api.OpPutKeyPolicy:     api.PutKeyPolicyKeyId | api.PutKeyPolicyPolicyName | api.PutKeyPolicyPolicy | api.PutKeyPolicyBypassPolicyLockoutSafetyCheck,
	api.OpReEncrypt: api.ReEncryptGrantTokens | api.ReEncryptCiphertextBlob | api.ReEncryptSourceEncryptionContext | api.ReEncryptSourceKeyId |
		api.ReEncryptDestinationKeyId | api.ReEncryptDestinationEncryptionContext | api.ReEncryptSourceEncryptionAlgorithm |
		api.ReEncryptDestinationEncryptionAlgorithm | api.ReEncryptDryRun | api.ReEncryptDryRunModifiers,
	api.OpReplicateKey: api.ReplicateKeyKeyId | api.ReplicateKeyReplicaRegion | api.ReplicateKeyPolicy | api.ReplicateKeyBypassPolicyLockoutSafetyCheck |
		api.ReplicateKeyDescription | api.ReplicateKeyTags,
	api.OpUpdatePrimaryRegion:  api.UpdatePrimaryRegionKeyId | api.UpdatePrimaryRegionPrimaryRegion,
	api.OpScheduleKeyDeletion:  api.ScheduleKeyDeletionKeyId | api.ScheduleKeyDeletionPendingWindowInDays,
	api.OpTagResource:          api.TagResourceKeyId | api.TagResourceTags,
	api.OpUntagResource:        api.UntagResourceKeyId | api.UntagResourceTagKeys,
	api.OpUpdateAlias:          api.UpdateAliasAliasName | api.UpdateAliasTargetKeyId,
	api.OpUpdateKeyDescription: api.UpdateKeyDescriptionKeyId | api.UpdateKeyDescriptionDescription,

	api.OpSign:                api.SignGrantTokens | api.SignKeyId | api.SignMessage | api.SignMessageType | api.SignSigningAlgorithm | api.SignDryRun,
	api.OpVerify:              api.VerifyGrantTokens | api.VerifyKeyId | api.VerifyMessage | api.VerifyMessageType | api.VerifySignature | api.VerifySigningAlgorithm | api.VerifyDryRun,
	api.OpGenerateMac:         api.GenerateMacGrantTokens | api.GenerateMacKeyId | api.GenerateMacMessage | api.GenerateMacMacAlgorithm | api.GenerateMacDryRun,
	api.OpVerifyMac:           api.VerifyMacGrantTokens | api.VerifyMacKeyId | api.VerifyMacMessage | api.VerifyMacMacAlgorithm | api.VerifyMacMac | api.VerifyMacDryRun,
	api.OpDeriveSharedSecret:  api.DeriveSharedSecretGrantTokens | api.DeriveSharedSecretKeyId | api.DeriveSharedSecretKeyAgreementAlgorithm | api.DeriveSharedSecretPublicKey | api.DeriveSharedSecretDryRun,
	api.OpEncapsulate:         api.EncapsulateGrantTokens | api.EncapsulateKeyId | api.EncapsulateEncapsulationAlgorithm | api.EncapsulateDryRun,
	api.OpDecapsulate:         api.DecapsulateGrantTokens | api.DecapsulateKeyId | api.DecapsulateSharedSecretCiphertextBlob | api.DecapsulateEncapsulationAlgorithm | api.DecapsulateDryRun,
	api.OpGetPublicKey:        api.GetPublicKeyGrantTokens | api.GetPublicKeyKeyId,
	api.OpGenerateDataKeyPair: api.GenerateDataKeyPairGrantTokens | api.GenerateDataKeyPairKeyId | api.GenerateDataKeyPairEncryptionContext | api.GenerateDataKeyPairKeyPairSpec | api.GenerateDataKeyPairDryRun,
	api.OpGenerateDataKeyPairWithoutPlaintext: api.GenerateDataKeyPairWithoutPlaintextGrantTokens | api.GenerateDataKeyPairWithoutPlaintextKeyId | api.GenerateDataKeyPairWithoutPlaintextEncryptionContext |
		api.GenerateDataKeyPairWithoutPlaintextKeyPairSpec | api.GenerateDataKeyPairWithoutPlaintextDryRun,
}

// TestEveryMemberWorksOrIsRefused sets each member of each request.
func TestEveryMemberWorksOrIsRefused(t *testing.T) {
	t.Parallel()
	for _, op := range api.Ops() {
		acts, works := working[op]
		if works != notyet.Works(op) {
			t.Errorf("%s: working here %v, in notyet %v", op, works, notyet.Works(op))
			continue
		}
		for i, name := range op.Members() {
			member := api.Members(1) << i
			r, err := api.Decode(op, []byte("{}"))
			if err != nil {
				t.Fatal(err)
			}
			reflect.ValueOf(r).Elem().FieldByName("Set").SetUint(uint64(member))
			refused := notyet.Check(r) != nil
			if want := acts&member == 0; refused != want {
				t.Errorf("%s.%s: refused %v, want %v", op, name, refused, want)
			}
			if works && notyet.Refuses(op, member) != refused {
				t.Errorf("%s.%s: Refuses and Check differ", op, name)
			}
		}
		if extra := acts &^ (1<<len(op.Members()) - 1); extra != 0 {
			t.Errorf("%s: members %b are none", op, extra)
		}
	}
}

func TestCreateKeyValues(t *testing.T) {
	t.Parallel()
	tests := []struct {
		body    string
		refused bool
	}{
		{`{}`, false},
		{`{"KeySpec":"SYMMETRIC_DEFAULT","KeyUsage":"ENCRYPT_DECRYPT","Origin":"AWS_KMS","MultiRegion":false}`, false},
		{`{"CustomerMasterKeySpec":"SYMMETRIC_DEFAULT"}`, false},
		{`{"KeySpec":"RSA_2048","KeyUsage":"SIGN_VERIFY"}`, false},
		{`{"CustomerMasterKeySpec":"HMAC_256"}`, false},
		{`{"Origin":"AWS_CLOUDHSM"}`, true},
		{`{"MultiRegion":true}`, false},
		{`{"Tags":[]}`, false},
	}
	for _, test := range tests {
		r, err := api.Decode(api.OpCreateKey, []byte(test.body))
		if err != nil {
			t.Fatal(err)
		}
		if got := notyet.Check(r) != nil; got != test.refused {
			t.Errorf("%s: refused %v, want %v", test.body, got, test.refused)
		}
	}
}
