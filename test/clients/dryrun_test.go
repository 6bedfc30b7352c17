package clients

import (
	"testing"

	"trent/test/harness"
)

const (
	dryRun        = "DryRunOperationException"
	dryRunMessage = "The request would have succeeded, but the DryRun option is set."
)

// TestDryRun: with DryRun a call never succeeds. It ends in
// DryRunOperationException after every check, the ciphertext's too, and
// otherwise in the error that the call would have had.
func TestDryRun(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	c := connectGoSDK(t, s, harness.Default)
	key, arn := s.CreateKey(t, harness.Default)
	other, _ := s.CreateKey(t, harness.Default)
	disabled, disabledARN := s.CreateKey(t, harness.Default)
	sealed := s.Must(t, "Encrypt", object{"KeyId": key, "Plaintext": someBlob, "EncryptionContext": object{"a": "b"}})["CiphertextBlob"]
	ofDisabled := s.Must(t, "Encrypt", object{"KeyId": disabled, "Plaintext": someBlob})["CiphertextBlob"]
	s.Must(t, "DisableKey", object{"KeyId": disabled})
	ignore := []string{"IGNORE_CIPHERTEXT"}
	context := object{"a": "b"}
	const (
		unknown        = "11111111-2222-4333-8444-555555555555"
		unknownMessage = "Key 'arn:aws:kms:" + harness.Region + ":" + harness.Account + ":key/" + unknown + "' does not exist"
		incorrectKey   = "The key ID in the request does not identify a CMK that can perform this operation."
	)

	for _, row := range []struct {
		name, operation string
		in              object
		code, message   string
	}{
		{"encrypt", "Encrypt", object{"KeyId": key, "Plaintext": someBlob}, dryRun, dryRunMessage},
		{"data key", "GenerateDataKey", object{"KeyId": key, "KeySpec": "AES_256"}, dryRun, dryRunMessage},
		{"data key without plaintext", "GenerateDataKeyWithoutPlaintext", object{"KeyId": arn, "KeySpec": "AES_256"}, dryRun, dryRunMessage},
		{"decrypt", "Decrypt", object{"CiphertextBlob": sealed, "EncryptionContext": context}, dryRun, dryRunMessage},
		{"re-encrypt", "ReEncrypt", object{"CiphertextBlob": sealed, "SourceEncryptionContext": context, "DestinationKeyId": other}, dryRun, dryRunMessage},
		{"decrypt, ciphertext ignored", "Decrypt", object{"KeyId": key, "DryRunModifiers": ignore}, dryRun, dryRunMessage},
		{"decrypt, bad ciphertext ignored", "Decrypt", object{"KeyId": key, "CiphertextBlob": someBlob, "DryRunModifiers": ignore}, dryRun, dryRunMessage},
		{"re-encrypt, ciphertext ignored", "ReEncrypt", object{"SourceKeyId": key, "DestinationKeyId": other, "DryRunModifiers": ignore}, dryRun, dryRunMessage},

		{"encrypt, unknown key", "Encrypt", object{"KeyId": unknown, "Plaintext": someBlob}, "NotFoundException", unknownMessage},
		{"encrypt, disabled key", "Encrypt", object{"KeyId": disabled, "Plaintext": someBlob}, "DisabledException", disabledARN + " is disabled."},
		{"data key, disabled key", "GenerateDataKey", object{"KeyId": disabled, "KeySpec": "AES_256"}, "DisabledException", disabledARN + " is disabled."},
		{"decrypt, wrong context", "Decrypt", object{"CiphertextBlob": sealed}, "InvalidCiphertextException", ""},
		{"decrypt, wrong key", "Decrypt", object{"KeyId": other, "CiphertextBlob": sealed, "EncryptionContext": context}, "IncorrectKeyException", incorrectKey},
		{"decrypt, disabled key", "Decrypt", object{"CiphertextBlob": ofDisabled}, "DisabledException", disabledARN + " is disabled."},
		{"decrypt, no blob of ours", "Decrypt", object{"CiphertextBlob": someBlob}, "InvalidCiphertextException", ""},
		{"re-encrypt, wrong context", "ReEncrypt", object{"CiphertextBlob": sealed, "DestinationKeyId": other}, "InvalidCiphertextException", ""},
		{"re-encrypt, unknown destination", "ReEncrypt", object{"CiphertextBlob": sealed, "SourceEncryptionContext": context, "DestinationKeyId": unknown}, "NotFoundException", unknownMessage},
		{"re-encrypt, disabled destination", "ReEncrypt", object{"CiphertextBlob": sealed, "SourceEncryptionContext": context, "DestinationKeyId": disabled}, "DisabledException", disabledARN + " is disabled."},
		{"decrypt, ciphertext ignored, disabled key", "Decrypt", object{"KeyId": disabled, "DryRunModifiers": ignore}, "DisabledException", disabledARN + " is disabled."},
		{"decrypt, ciphertext ignored, no key", "Decrypt", object{"DryRunModifiers": ignore}, "ValidationException", anyMessage},
		{"re-encrypt, ciphertext ignored, no source", "ReEncrypt", object{"DestinationKeyId": other, "DryRunModifiers": ignore}, "ValidationException", anyMessage},
	} {
		t.Run(row.name, func(t *testing.T) {
			row.in["DryRun"] = true
			refused(t, c, row.operation, row.in, row.code, row.message)
		})
	}
	t.Run("a modifier without DryRun", func(t *testing.T) {
		refused(t, c, "Decrypt", object{"KeyId": key, "CiphertextBlob": sealed, "EncryptionContext": context, "DryRunModifiers": ignore},
			"ValidationException", anyMessage)
	})
	t.Run("no ciphertext", func(t *testing.T) {
		refused(t, c, "Decrypt", object{"KeyId": key}, "ValidationException", anyMessage)
	})
}
