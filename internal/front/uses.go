package front

import (
	"slices"

	"trent/internal/api"
)

// usesOf lists what a request wants to do with which key: the one place that
// knows in which members of a request its keys stand.
func usesOf(in api.Request) (uses [2]use, n int) {
	switch r := in.(type) {
	case *api.DecryptRequest:
		uses[0] = use{identifier: r.KeyId, blob: r.CiphertextBlob, algorithm: r.EncryptionAlgorithm}
		if ignoresCiphertext(r.DryRunModifiers) {
			uses[0].blob = nil
		}
		return uses, 1
	case *api.ReEncryptRequest:
		uses[0] = use{identifier: r.SourceKeyId, blob: r.CiphertextBlob, algorithm: r.SourceEncryptionAlgorithm}
		if ignoresCiphertext(r.DryRunModifiers) {
			uses[0].blob = nil
		}
		uses[1] = use{slot: 1, identifier: r.DestinationKeyId, algorithm: r.DestinationEncryptionAlgorithm}
		return uses, 2
	case *api.EncryptRequest:
		uses[0] = use{identifier: r.KeyId, algorithm: r.EncryptionAlgorithm}
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
			uses[0].identifier = id
			return uses, 1
		}
	}
	return uses, 0
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
