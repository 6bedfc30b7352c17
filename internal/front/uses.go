package front

import (
	"slices"

	"trent/internal/api"
	"trent/internal/keyspec"
)

// usesOf lists what a request wants to do with which key: the one place that
// knows in which members of a request its keys stand.
func usesOf(in api.Request) (uses [2]use, n int) {
	switch r := in.(type) {
	case *api.DecryptRequest:
		uses[0] = encryption(r.KeyId, r.CiphertextBlob, r.EncryptionAlgorithm)
		if ignoresCiphertext(r.DryRunModifiers) {
			uses[0].blob = nil
		}
		return uses, 1
	case *api.ReEncryptRequest:
		uses[0] = encryption(r.SourceKeyId, r.CiphertextBlob, r.SourceEncryptionAlgorithm)
		if ignoresCiphertext(r.DryRunModifiers) {
			uses[0].blob = nil
		}
		uses[1] = encryption(r.DestinationKeyId, nil, r.DestinationEncryptionAlgorithm)
		uses[1].slot = 1
		return uses, 2
	case *api.EncryptRequest:
		uses[0] = encryption(r.KeyId, nil, r.EncryptionAlgorithm)
		return uses, 1
	case *api.CreateAliasRequest:
		uses[0].identifier = r.TargetKeyId
		return uses, 1
	case *api.UpdateAliasRequest:
		uses[0].identifier = r.TargetKeyId
		return uses, 1
	}
	if r, ok := in.(api.KeyRequest); ok {
		if id, given := r.KeyIdentifier(); given {
			uses[0] = use{identifier: id, algorithm: algorithmOf(in)}
			return uses, 1
		}
	}
	return uses, 0
}

// algorithmOf is the algorithm that a request with one key names, or implies;
// "" if it needs none.
func algorithmOf(in api.Request) string {
	switch r := in.(type) {
	case *api.GenerateDataKeyRequest, *api.GenerateDataKeyWithoutPlaintextRequest,
		*api.GenerateDataKeyPairRequest, *api.GenerateDataKeyPairWithoutPlaintextRequest:
		return api.EncryptionAlgorithmSpecSymmetricDefault
	case *api.SignRequest:
		return r.SigningAlgorithm
	case *api.VerifyRequest:
		return r.SigningAlgorithm
	case *api.GenerateMacRequest:
		return r.MacAlgorithm
	case *api.VerifyMacRequest:
		return r.MacAlgorithm
	case *api.DeriveSharedSecretRequest:
		return r.KeyAgreementAlgorithm
	case *api.EncapsulateRequest:
		return r.EncapsulationAlgorithm
	case *api.DecapsulateRequest:
		return r.EncapsulationAlgorithm
	}
	return ""
}

// makesNotApproved says whether a request makes a key for algorithms of which
// FIPS 140-3 approves none.
func makesNotApproved(in api.Request) bool {
	switch r := in.(type) {
	case *api.CreateKeyRequest:
		return keyspec.Of(keyspec.Spec(r.KeySpec + r.CustomerMasterKeySpec)).NotApproved()
	case *api.GenerateDataKeyPairRequest:
		return keyspec.Of(keyspec.Spec(r.KeyPairSpec)).NotApproved()
	case *api.GenerateDataKeyPairWithoutPlaintextRequest:
		return keyspec.Of(keyspec.Spec(r.KeyPairSpec)).NotApproved()
	}
	return false
}

// encryption is a use for ENCRYPT_DECRYPT: SYMMETRIC_DEFAULT if the request
// names no algorithm.
func encryption(identifier string, blob []byte, algorithm string) use {
	if algorithm == "" {
		algorithm = api.EncryptionAlgorithmSpecSymmetricDefault
	}
	return use{identifier: identifier, blob: blob, algorithm: algorithm}
}

// aliasOf is the alias that a request changes, and so needs permission on its
// key too; "" for other requests.
func aliasOf(in api.Request) string {
	switch r := in.(type) {
	case *api.DeleteAliasRequest:
		return r.AliasName
	case *api.UpdateAliasRequest:
		return r.AliasName
	}
	return ""
}

func ignoresCiphertext(modifiers []string) bool {
	return slices.Contains(modifiers, api.DryRunModifierTypeIgnoreCiphertext)
}

func isDryRun(in api.Request) bool {
	r, ok := in.(api.DryRunRequest)
	return ok && r.IsDryRun()
}
