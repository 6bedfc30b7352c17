package aliases

import (
	"testing"

	"trent/internal/key"
)

// TestKeysOfAnAliasAreAlike: an alias moves between keys of one type and
// usage, whatever their specs.
func TestKeysOfAnAliasAreAlike(t *testing.T) {
	t.Parallel()
	const alias = "arn:aws:kms:eu-west-1:111122223333:alias/a"
	symmetric := key.Key{Spec: key.SymmetricDefault, Usage: key.EncryptDecrypt}
	rsa := key.Key{Spec: "RSA_2048", Usage: key.EncryptDecrypt}
	signing := key.Key{Spec: "RSA_2048", Usage: "SIGN_VERIFY"}
	curve := key.Key{Spec: "ECC_NIST_P256", Usage: "SIGN_VERIFY"}
	hmac := key.Key{Spec: "HMAC_256", Usage: "GENERATE_VERIFY_MAC"}
	for _, test := range []struct {
		from, to key.Key
		want     string
	}{
		{symmetric, symmetric, ""},
		{signing, curve, ""},
		{hmac, key.Key{Spec: "HMAC_512", Usage: "GENERATE_VERIFY_MAC"}, ""},
		{symmetric, rsa, "ValidationException: Alias " + alias + " cannot be changed from a CMK with key type SYMMETRIC to a CMK with key type ASYMMETRIC. The key type of the current CMK and the new CMK must be the same."},
		{rsa, signing, "ValidationException: Alias " + alias + " cannot be changed from a CMK with key usage ENCRYPT_DECRYPT to a CMK with key usage SIGN_VERIFY. The key usage of the current CMK and the new CMK must be the same."},
		{hmac, symmetric, "ValidationException: Alias " + alias + " cannot be changed from a CMK with key usage GENERATE_VERIFY_MAC to a CMK with key usage ENCRYPT_DECRYPT. The key usage of the current CMK and the new CMK must be the same."},
	} {
		got := ""
		if err := checkAlike(alias, &test.from, &test.to); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s to %s:\n got %q\nwant %q", test.from.Spec, test.to.Spec, got, test.want)
		}
	}
}
