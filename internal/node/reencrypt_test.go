package node_test

import (
	"bytes"
	"testing"
)

// TestDryRunOfReEncrypt: it ends as the call itself would, whatever the keys and
// however long the plaintext.
func TestDryRunOfReEncrypt(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller("111122223333")
	type end struct{ key, algorithm string }
	made := func(spec, algorithm string) end {
		return end{c.must(t, "CreateKey", object{"KeySpec": spec, "KeyUsage": "ENCRYPT_DECRYPT"}).str("KeyMetadata", "KeyId"), algorithm}
	}
	symmetric, sm2, rsa := made("SYMMETRIC_DEFAULT", "SYMMETRIC_DEFAULT"), made("SM2", "SM2PKE"), made("RSA_2048", "RSAES_OAEP_SHA_256")
	const rsaMost, sm2Most = 190, 1024
	for _, row := range []struct {
		from, to end
		bytes    int
		code     string
	}{
		{symmetric, symmetric, 4096, ""},
		{symmetric, rsa, rsaMost, ""}, {symmetric, rsa, rsaMost + 1, "ValidationException"},
		{symmetric, sm2, sm2Most, ""}, {symmetric, sm2, sm2Most + 1, "ValidationException"},
		{sm2, rsa, rsaMost, ""}, {sm2, rsa, rsaMost + 1, "ValidationException"},
		{sm2, symmetric, sm2Most, ""}, {rsa, sm2, rsaMost, ""},
	} {
		blob := c.must(t, "Encrypt", object{"KeyId": row.from.key, "EncryptionAlgorithm": row.from.algorithm, "Plaintext": bytes.Repeat([]byte("p"), row.bytes)}).str("CiphertextBlob")
		in := object{"SourceKeyId": row.from.key, "SourceEncryptionAlgorithm": row.from.algorithm, "CiphertextBlob": blob,
			"DestinationKeyId": row.to.key, "DestinationEncryptionAlgorithm": row.to.algorithm}
		real := c.call("ReEncrypt", in)
		in["DryRun"] = true
		dry, want := c.call("ReEncrypt", in), row.code
		if want == "" {
			want = "DryRunOperationException"
		}
		if real.code != row.code || dry.code != want || row.code != "" && dry.message != real.message {
			t.Errorf("%s to %s, %d bytes: %q, dry run %q %q", row.from.algorithm, row.to.algorithm, row.bytes, real.code, dry.code, dry.message)
		}
		if dry.str("CiphertextBlob") != "" {
			t.Error("a dry run answers a ciphertext")
		}
	}
}
