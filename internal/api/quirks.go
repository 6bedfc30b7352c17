package api

import (
	"strings"

	"trent/internal/keyspec"
)

// Check returns a *ValidationError if a valid request breaks a rule that the
// model does not hold and that needs neither a key nor a caller; nil
// otherwise. The pipeline calls it after Validate.
//
// Where a text is marked "recorded" it is AWS's, from recorded answers;
// "reported" texts come from public reports and emulators; the others are
// ours, for rules that AWS documents without a text.
func Check(in Request) error {
	if text := broken(in); text != "" {
		return &ValidationError{message: text}
	}
	return nil
}

// broken is the text of the first rule that a request breaks.
func broken(in Request) string {
	switch r := in.(type) {
	case *GenerateRandomRequest:
		if !r.Has(GenerateRandomNumberOfBytes) {
			return "NumberOfBytes is required." // recorded
		}
	case *GenerateDataKeyRequest:
		return oneSize(r.Has(GenerateDataKeyKeySpec), r.Has(GenerateDataKeyNumberOfBytes))
	case *GenerateDataKeyWithoutPlaintextRequest:
		return oneSize(r.Has(GenerateDataKeyWithoutPlaintextKeySpec), r.Has(GenerateDataKeyWithoutPlaintextNumberOfBytes))
	case *DecryptRequest:
		return ciphertextRule(r.DryRun, r.DryRunModifiers, r.Has(DecryptCiphertextBlob), r.Has(DecryptKeyId), "keyId")
	case *ReEncryptRequest:
		return ciphertextRule(r.DryRun, r.DryRunModifiers, r.Has(ReEncryptCiphertextBlob), r.Has(ReEncryptSourceKeyId), "sourceKeyId")
	case *CreateAliasRequest:
		return newAliasName(r.AliasName)
	case *UpdateAliasRequest:
		return aliasPrefix(r.AliasName)
	case *DeleteAliasRequest:
		return aliasPrefix(r.AliasName)
	case *CreateKeyRequest:
		return createKeyRule(r)
	case *ScheduleKeyDeletionRequest:
		// AWS documents 7 to 30 though its model says 1 to 365.
		if r.Has(ScheduleKeyDeletionPendingWindowInDays) && !within(int(r.PendingWindowInDays), 7, 30) {
			return "PendingWindowInDays must be between 7 and 30" // reported
		}
	default:
		return brokenGrant(in)
	}
	return ""
}

// brokenGrant continues broken with grants, imports and custom key stores.
func brokenGrant(in Request) string {
	switch r := in.(type) {
	case *CreateGrantRequest:
		return createGrantRule(r)
	case *ListGrantsRequest:
		if r.Has(ListGrantsGranteePrincipal) && r.Has(ListGrantsGranteeServicePrincipal) {
			return "You cannot specify GranteePrincipal and GranteeServicePrincipal in the same request."
		}
	case *ListRetirableGrantsRequest:
		if r.Has(ListRetirableGrantsRetiringPrincipal) == r.Has(ListRetirableGrantsRetiringServicePrincipal) {
			return "You must specify exactly one of RetiringPrincipal and RetiringServicePrincipal."
		}
	case *RetireGrantRequest:
		byToken := r.Has(RetireGrantGrantToken) && !r.Has(RetireGrantKeyId|RetireGrantGrantId)
		byID := !r.Has(RetireGrantGrantToken) && r.Has(RetireGrantKeyId) && r.Has(RetireGrantGrantId)
		if !byToken && !byID {
			return "You must specify either GrantToken, or both KeyId and GrantId."
		}
	case *ImportKeyMaterialRequest:
		return importRule(r)
	case *DescribeCustomKeyStoresRequest:
		if r.Has(DescribeCustomKeyStoresCustomKeyStoreId) && r.Has(DescribeCustomKeyStoresCustomKeyStoreName) {
			return "You cannot specify CustomKeyStoreId and CustomKeyStoreName in the same request."
		}
	}
	return ""
}

// oneSize demands KeySpec or NumberOfBytes, not both.
func oneSize(keySpec, numberOfBytes bool) string {
	if keySpec == numberOfBytes {
		return "Please specify either number of bytes or key spec." // reported
	}
	return ""
}

// ciphertextRule demands a ciphertext, or DryRun with IGNORE_CIPHERTEXT and a
// key; the modifier is nothing without DryRun. The null texts are those that
// AWS's form of messages gives.
func ciphertextRule(dryRun bool, modifiers []string, blob, key bool, keyName string) string {
	if len(modifiers) == 0 {
		if !blob {
			return nullText("ciphertextBlob")
		}
		return ""
	}
	if !dryRun {
		return "DryRunModifiers can be specified only if DryRun is true."
	}
	if !key {
		return nullText(keyName)
	}
	return ""
}

func nullText(name string) string {
	var v violations
	v.null(nil, name)
	return v.err().Error()
}

// aliasPrefix demands alias/ at the start of an alias name.
func aliasPrefix(name string) string {
	if !strings.HasPrefix(name, "alias/") {
		return `Alias must start with the prefix "alias/". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html` // recorded
	}
	return ""
}

// newAliasName demands what aliasPrefix does, and no colon, which the model's
// pattern permits.
func newAliasName(name string) string {
	if text := aliasPrefix(name); text != "" {
		return text
	}
	if strings.Contains(name, ":") {
		return name + " contains invalid characters for an alias" // reported
	}
	return ""
}

// createKeyRule: one of the two spec members, a usage where it does not follow
// from the spec, and one that the spec has.
func createKeyRule(r *CreateKeyRequest) string {
	if r.Has(CreateKeyKeySpec) && r.Has(CreateKeyCustomerMasterKeySpec) {
		return "You cannot specify KeySpec and CustomerMasterKeySpec in the same request. CustomerMasterKeySpec is deprecated." // reported
	}
	spec := r.KeySpec
	if r.Has(CreateKeyCustomerMasterKeySpec) {
		spec = r.CustomerMasterKeySpec
	}
	if spec == "" {
		spec = KeySpecSymmetricDefault
	}
	usage := r.KeyUsage
	if !r.Has(CreateKeyKeyUsage) {
		if spec != KeySpecSymmetricDefault {
			return "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys." // recorded
		}
		usage = KeyUsageTypeEncryptDecrypt
	}
	if row := keyspec.Of(keyspec.Spec(spec)); row == nil || len(row.Algorithms(keyspec.Usage(usage))) == 0 {
		return "KeyUsage " + usage + " is not compatible with KeySpec " + spec // recorded
	}
	return ""
}

// createGrantRule: who is the grantee, who may retire, and what a grant to a
// service principal must carry.
func createGrantRule(r *CreateGrantRequest) string {
	if r.Has(CreateGrantGranteePrincipal) == r.Has(CreateGrantGranteeServicePrincipal) {
		return "You must specify exactly one of GranteePrincipal and GranteeServicePrincipal."
	}
	if r.Has(CreateGrantRetiringPrincipal) && r.Has(CreateGrantRetiringServicePrincipal) {
		return "You cannot specify RetiringPrincipal and RetiringServicePrincipal in the same request."
	}
	c := r.Constraints
	if c != nil && c.Has(GrantConstraintsEncryptionContextEquals) && c.Has(GrantConstraintsEncryptionContextSubset) {
		return "More than one constraint supplied" // reported
	}
	if !r.Has(CreateGrantGranteeServicePrincipal) {
		return ""
	}
	if c == nil || !c.Has(GrantConstraintsSourceArn) {
		return "You must specify the SourceArn constraint in a grant to a service principal."
	}
	if !r.Has(CreateGrantRetiringPrincipal | CreateGrantRetiringServicePrincipal) {
		return "You must specify RetiringPrincipal or RetiringServicePrincipal in a grant to a service principal."
	}
	return ""
}

// importRule: material expires at a date, or does not and has none.
func importRule(r *ImportKeyMaterialRequest) string {
	expires := r.ExpirationModel != ExpirationModelTypeKeyMaterialDoesNotExpire
	switch {
	case expires && !r.Has(ImportKeyMaterialValidTo):
		return "A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES" // recorded
	case !expires && r.Has(ImportKeyMaterialValidTo):
		return "A validTo date cannot be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE"
	case r.ImportType == ImportTypeNewKeyMaterial && r.Has(ImportKeyMaterialKeyMaterialId):
		return "KeyMaterialId cannot be specified if the ImportType is NEW_KEY_MATERIAL"
	}
	return ""
}
