package clients

import (
	"maps"
	"testing"

	"trent/test/harness"
)

const (
	dryRun        = "DryRunOperationException"
	dryRunMessage = "The request would have succeeded, but the DryRun option is set."
)

// A dryRow is a request without its DryRun, and how it ends with it.
type dryRow struct {
	name, operation string
	in              object
	code, message   string
}

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

	rows := []dryRow{
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
	}
	for _, row := range append(rows, dryKinds(t, s)...) {
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

// dryKinds are the rows of asymmetric and HMAC keys.
func dryKinds(t *testing.T, s *harness.Server) []dryRow {
	t.Helper()
	make := func(spec, usage string) string {
		return s.Must(t, "CreateKey", object{"KeySpec": spec, "KeyUsage": usage})["KeyMetadata"].(object)["KeyId"].(string)
	}
	symmetric, _ := s.CreateKey(t, harness.Default)
	sign, mac, agree := make("ECC_NIST_P256", "SIGN_VERIFY"), make("HMAC_256", "GENERATE_VERIFY_MAC"), make("ECC_NIST_P256", "KEY_AGREEMENT")
	kem, sm2 := make("ML_KEM_512", "ENCAPSULATE_DECAPSULATE"), make("SM2", "ENCRYPT_DECRYPT")
	public := s.Must(t, "GetPublicKey", object{"KeyId": agree})["PublicKey"]
	ciphertext := s.Must(t, "Encrypt", object{"KeyId": sm2, "EncryptionAlgorithm": "SM2PKE", "Plaintext": someBlob})["CiphertextBlob"]
	encapsulated := s.Must(t, "Encapsulate", object{"KeyId": kem, "EncapsulationAlgorithm": "ML_KEM"})["SharedSecretCiphertextBlob"]
	signature := s.Must(t, "Sign", object{"KeyId": sign, "SigningAlgorithm": "ECDSA_SHA_256", "Message": someBlob})["Signature"]
	macOf := s.Must(t, "GenerateMac", object{"KeyId": mac, "MacAlgorithm": "HMAC_SHA_256", "Message": someBlob})["Mac"]
	signIn := func(more object) object {
		in := object{"KeyId": sign, "SigningAlgorithm": "ECDSA_SHA_256", "Message": someBlob}
		maps.Copy(in, more)
		return in
	}
	const digest = "Digest is invalid length for algorithm ECDSA_SHA_256."
	return []dryRow{
		{"sign", "Sign", signIn(nil), dryRun, dryRunMessage},
		{"sign, short digest", "Sign", signIn(object{"MessageType": "DIGEST"}), "ValidationException", digest},
		{"verify", "Verify", signIn(object{"Signature": signature}), dryRun, dryRunMessage},
		{"verify, no signature of it", "Verify", signIn(object{"Signature": someBlob}), "KMSInvalidSignatureException", ""},
		{"mac", "GenerateMac", object{"KeyId": mac, "MacAlgorithm": "HMAC_SHA_256", "Message": someBlob}, dryRun, dryRunMessage},
		{"verify mac", "VerifyMac", object{"KeyId": mac, "MacAlgorithm": "HMAC_SHA_256", "Message": someBlob, "Mac": macOf}, dryRun, dryRunMessage},
		{"verify mac, none of it", "VerifyMac", object{"KeyId": mac, "MacAlgorithm": "HMAC_SHA_256", "Message": someBlob, "Mac": someBlob}, "KMSInvalidMacException", ""},
		{"derive", "DeriveSharedSecret", object{"KeyId": agree, "KeyAgreementAlgorithm": "ECDH", "PublicKey": public}, dryRun, dryRunMessage},
		{"derive, no public key", "DeriveSharedSecret", object{"KeyId": agree, "KeyAgreementAlgorithm": "ECDH", "PublicKey": someBlob}, "ValidationException", anyMessage},
		{"encapsulate", "Encapsulate", object{"KeyId": kem, "EncapsulationAlgorithm": "ML_KEM"}, dryRun, dryRunMessage},
		{"decapsulate", "Decapsulate", object{"KeyId": kem, "EncapsulationAlgorithm": "ML_KEM", "SharedSecretCiphertextBlob": encapsulated}, dryRun, dryRunMessage},
		{"decapsulate, wrong length", "Decapsulate", object{"KeyId": kem, "EncapsulationAlgorithm": "ML_KEM", "SharedSecretCiphertextBlob": someBlob}, "InvalidCiphertextException", ""},
		{"data key pair", "GenerateDataKeyPair", object{"KeyId": symmetric, "KeyPairSpec": "RSA_4096"}, dryRun, dryRunMessage},
		{"data key pair without plaintext", "GenerateDataKeyPairWithoutPlaintext", object{"KeyId": symmetric, "KeyPairSpec": "RSA_4096"}, dryRun, dryRunMessage},
		{"asymmetric encrypt", "Encrypt", object{"KeyId": sm2, "EncryptionAlgorithm": "SM2PKE", "Plaintext": someBlob}, dryRun, dryRunMessage},
		{"asymmetric decrypt", "Decrypt", object{"KeyId": sm2, "EncryptionAlgorithm": "SM2PKE", "CiphertextBlob": ciphertext}, dryRun, dryRunMessage},
		{"asymmetric decrypt, no ciphertext", "Decrypt", object{"KeyId": sm2, "EncryptionAlgorithm": "SM2PKE", "CiphertextBlob": someBlob}, "InvalidCiphertextException", ""},
		{"asymmetric decrypt, ciphertext ignored", "Decrypt", object{"KeyId": sm2, "EncryptionAlgorithm": "SM2PKE", "DryRunModifiers": []string{"IGNORE_CIPHERTEXT"}}, dryRun, dryRunMessage},
		{"asymmetric decrypt, ciphertext ignored, context", "Decrypt", object{"KeyId": sm2, "EncryptionAlgorithm": "SM2PKE", "EncryptionContext": object{"a": "b"}, "DryRunModifiers": []string{"IGNORE_CIPHERTEXT"}}, "ValidationException", anyMessage},
		{"asymmetric re-encrypt, ciphertext ignored, context", "ReEncrypt", object{"SourceKeyId": sm2, "SourceEncryptionAlgorithm": "SM2PKE", "SourceEncryptionContext": object{"a": "b"}, "DestinationKeyId": symmetric, "DryRunModifiers": []string{"IGNORE_CIPHERTEXT"}}, "ValidationException", anyMessage},
		{"asymmetric re-encrypt", "ReEncrypt", object{"SourceKeyId": sm2, "SourceEncryptionAlgorithm": "SM2PKE", "CiphertextBlob": ciphertext, "DestinationKeyId": symmetric}, dryRun, dryRunMessage},
		{"wrong usage", "Sign", object{"KeyId": symmetric, "SigningAlgorithm": "ECDSA_SHA_256", "Message": someBlob}, "InvalidKeyUsageException", anyMessage},
	}
}
