package crypto

import "trent/internal/keyspec"

// used are the files of Wycheproof whose vectors are run.
var used = func() map[string]use {
	m := map[string]use{
		"ecdsa_secp256r1_sha256_test.json":         {"ECC_NIST_P256", "ECDSA_SHA_256", signatures},
		"ecdsa_secp384r1_sha384_test.json":         {"ECC_NIST_P384", "ECDSA_SHA_384", signatures},
		"ecdsa_secp521r1_sha512_test.json":         {"ECC_NIST_P521", "ECDSA_SHA_512", signatures},
		"ecdsa_secp256k1_sha256_test.json":         {"ECC_SECG_P256K1", "ECDSA_SHA_256", signatures},
		"ecdsa_secp256k1_sha256_bitcoin_test.json": {"ECC_SECG_P256K1", "ECDSA_SHA_256", signatures},
		"ed25519_test.json":                        {"ECC_NIST_EDWARDS25519", "ED25519_SHA_512", signatures},

		"ecdh_secp256r1_test.json":         {"ECC_NIST_P256", "ECDH", agreements},
		"ecdh_secp384r1_test.json":         {"ECC_NIST_P384", "ECDH", agreements},
		"ecdh_secp521r1_test.json":         {"ECC_NIST_P521", "ECDH", agreements},
		"ecdh_secp256r1_ecpoint_test.json": {"ECC_NIST_P256", "ECDH", agreementsOfPoints},
		"ecdh_secp384r1_ecpoint_test.json": {"ECC_NIST_P384", "ECDH", agreementsOfPoints},
		"ecdh_secp521r1_ecpoint_test.json": {"ECC_NIST_P521", "ECDH", agreementsOfPoints},

		"hmac_sha224_test.json": {"HMAC_224", "HMAC_SHA_224", macs},
		"hmac_sha256_test.json": {"HMAC_256", "HMAC_SHA_256", macs},
		"hmac_sha384_test.json": {"HMAC_384", "HMAC_SHA_384", macs},
		"hmac_sha512_test.json": {"HMAC_512", "HMAC_SHA_512", macs},

		// Other parameters than AWS's, in which nothing may be accepted.
		"rsa_pss_2048_sha256_mgf1sha1_20_test.json":    {"RSA_2048", "RSASSA_PSS_SHA_256", signaturesPSS},
		"rsa_pss_4096_sha512_mgf1_32_test.json":        {"RSA_4096", "RSASSA_PSS_SHA_512", signaturesPSS},
		"rsa_pss_2048_sha256_mgf1_32_params_test.json": {"RSA_2048", "RSASSA_PSS_SHA_256", foreignSPKI},
		"rsa_pss_3072_sha256_mgf1_32_params_test.json": {"RSA_3072", "RSASSA_PSS_SHA_256", foreignSPKI},
		"rsa_pss_4096_sha512_mgf1_64_params_test.json": {"RSA_4096", "RSASSA_PSS_SHA_512", foreignSPKI},

		"rsa_pss_2048_sha256_mgf1_32_test.json": {"RSA_2048", "RSASSA_PSS_SHA_256", signaturesPSS},
		"rsa_pss_2048_sha384_mgf1_48_test.json": {"RSA_2048", "RSASSA_PSS_SHA_384", signaturesPSS},
		"rsa_pss_3072_sha256_mgf1_32_test.json": {"RSA_3072", "RSASSA_PSS_SHA_256", signaturesPSS},
		"rsa_pss_4096_sha256_mgf1_32_test.json": {"RSA_4096", "RSASSA_PSS_SHA_256", signaturesPSS},
		"rsa_pss_4096_sha384_mgf1_48_test.json": {"RSA_4096", "RSASSA_PSS_SHA_384", signaturesPSS},
		"rsa_pss_4096_sha512_mgf1_64_test.json": {"RSA_4096", "RSASSA_PSS_SHA_512", signaturesPSS},

		"rsa_oaep_2048_sha1_mgf1sha1_test.json":     {"RSA_2048", "RSAES_OAEP_SHA_1", decryptions},
		"rsa_oaep_2048_sha256_mgf1sha1_test.json":   {"RSA_2048", "RSAES_OAEP_SHA_256", decryptions},
		"rsa_oaep_2048_sha256_mgf1sha256_test.json": {"RSA_2048", "RSAES_OAEP_SHA_256", decryptions},
		"rsa_oaep_3072_sha256_mgf1sha256_test.json": {"RSA_3072", "RSAES_OAEP_SHA_256", decryptions},
		"rsa_oaep_4096_sha256_mgf1sha256_test.json": {"RSA_4096", "RSAES_OAEP_SHA_256", decryptions},
		"rsa_oaep_misc_test.json":                   {"RSA_2048", "RSAES_OAEP_SHA_256", decryptions},

		"rsa_three_primes_oaep_2048_sha1_mgf1sha1_test.json":     {"RSA_2048", "RSAES_OAEP_SHA_1", threePrimes},
		"rsa_three_primes_oaep_4096_sha256_mgf1sha256_test.json": {"RSA_4096", "RSAES_OAEP_SHA_256", threePrimes},

		"rsa_pkcs1_2048_sig_gen_test.json": {"RSA_2048", "RSASSA_PKCS1_V1_5_SHA_256", signing},
		"rsa_pkcs1_3072_sig_gen_test.json": {"RSA_3072", "RSASSA_PKCS1_V1_5_SHA_256", signing},
		"rsa_pkcs1_4096_sig_gen_test.json": {"RSA_4096", "RSASSA_PKCS1_V1_5_SHA_256", signing},
	}
	for _, bits := range []string{"2048", "3072", "4096"} {
		for _, hash := range []string{"256", "384", "512"} {
			m["rsa_signature_"+bits+"_sha"+hash+"_test.json"] = use{keyspec.Spec("RSA_" + bits), keyspec.Algorithm("RSASSA_PKCS1_V1_5_SHA_" + hash), signatures}
		}
	}
	for _, set := range []string{"44", "65", "87"} {
		spec := keyspec.Spec("ML_DSA_" + set)
		m["mldsa_"+set+"_verify_test.json"] = use{spec, "ML_DSA_SHAKE_256", signaturesMLDSA}
		m["mldsa_"+set+"_sign_seed_test.json"] = use{spec, "ML_DSA_SHAKE_256", signingMLDSA}
	}
	for _, set := range []string{"512", "768", "1024"} {
		spec := keyspec.Spec("ML_KEM_" + set)
		m["mlkem_"+set+"_test.json"] = use{spec, "ML_KEM", decapsulations}
		m["mlkem_"+set+"_keygen_seed_test.json"] = use{spec, "ML_KEM", publicOfSeeds}
		m["mlkem_"+set+"_encaps_test.json"] = use{spec, "ML_KEM", encapsulations}
	}
	return m
}()

// leftOut is why files are not used. Patterns are path.Match's; files that
// are used are not meant.
type leftOut struct{ pattern, reason string }

var left = []leftOut{
	{"ecdsa_*_p1363_test.json", "AWS's signatures are DER"},
	{"ecdsa_*_sha3_*_test.json", "AWS has no SHA-3"},
	{"ecdsa_*_shake*_test.json", "AWS has no SHAKE for ECDSA"},
	{"ecdsa_brainpool*", "not a curve of AWS KMS"},
	{"ecdsa_secp1*", "not a curve of AWS KMS"},
	{"ecdsa_secp224*", "not a curve of AWS KMS"},
	{"ecdsa_secp256*_sha512_test.json", "AWS has SHA-256 only with this curve"},
	{"ecdsa_secp384r1_sha256_test.json", "AWS has SHA-384 only with this curve"},
	{"ecdsa_secp384r1_sha512_test.json", "AWS has SHA-384 only with this curve"},
	{"ed448_test.json", "not an algorithm of AWS KMS"},
	{"dsa_*", "not an algorithm of AWS KMS"},
	{"ecdh_*_pem_test.json", "the vectors of the file without pem in another armour"},
	{"ecdh_*_webcrypto_test.json", "JWK; the vectors are those of the other files"},
	{"ecdh_secp256k1_test.json", "AWS has no key agreement on this curve"},
	{"ecdh_secp224*", "not a curve of AWS KMS"},
	{"ecdh_brainpool*", "not a curve of AWS KMS"},
	{"ecdh_sect*", "not a curve of AWS KMS"},
	{"ec_prime_order_curves_test.json", "parameters of curves, nothing to compute"},
	{"x25519_*", "not an algorithm of AWS KMS"},
	{"x448_*", "not an algorithm of AWS KMS"},
	{"hmac_sha1_test.json", "not an algorithm of AWS KMS"},
	{"hmac_sha3_*", "not an algorithm of AWS KMS"},
	{"hmac_sha512_2*", "truncated hashes are not in AWS KMS"},
	{"hmac_sm3_test.json", "not an algorithm of AWS KMS"},
	{"rsa_pss_*_sha1_*", "AWS has no SHA-1 for signatures"},
	{"rsa_pss_*_sha512_2*", "AWS has no truncated SHA-512"},
	{"rsa_pss_2048_sha256_mgf1_0_test.json", "as the other files with a salt that is not as long as the hash"},
	{"rsa_pss_*_shake*", "AWS has no SHAKE for RSA"},
	{"rsa_pss_*_mgf1sha256_32_params_test.json", "as the other files of keys whose SPKI has PSS parameters"},
	{"rsa_pss_*_mgf1_0_params_test.json", "as the other files of keys whose SPKI has PSS parameters"},
	{"rsa_pss_4096_sha512_mgf1_32_params_test.json", "as the other files of keys whose SPKI has PSS parameters"},
	{"rsa_pss_misc*", "keys of 1024 bits and hashes that AWS lacks"},
	{"rsa_oaep_*_sha224_*", "AWS has OAEP with SHA-1 and SHA-256 only"},
	{"rsa_oaep_*_sha384_*", "AWS has OAEP with SHA-1 and SHA-256 only"},
	{"rsa_oaep_*_sha512_*", "AWS has OAEP with SHA-1 and SHA-256 only"},
	{"rsa_oaep_*_sha256_mgf1sha1_test.json", "as with 2048 bits: another hash in MGF1 is refused"},
	{"rsa_three_primes_oaep_3072_*", "AWS has OAEP with SHA-1 and SHA-256 only"},
	{"rsa_pkcs1_1*_sig_gen_test.json", "AWS has no RSA keys below 2048 bits"},
	{"rsa_pkcs1_*_test.json", "AWS has no PKCS #1 v1.5 encryption"},
	{"rsa_signature_*_sha224_test.json", "AWS has SHA-256, 384 and 512"},
	{"rsa_signature_*_sha3_*", "AWS has SHA-256, 384 and 512"},
	{"rsa_signature_*_sha512_2*", "AWS has SHA-256, 384 and 512"},
	{"rsa_signature_8192_*", "AWS has no RSA keys above 4096 bits"},
	{"mldsa_*_sign_noseed_test.json", "expanded private keys: the stored form is the seed"},
	{"mlkem_*_semi_expanded_decaps_test.json", "expanded private keys: the stored form is the seed"},
	{"primality_test.json", "no operation of AWS KMS"},
	{"hkdf_*", "not an algorithm of AWS KMS"},
	{"pbkdf2_*", "not an algorithm of AWS KMS"},
	{"pbes2_*", "not an algorithm of AWS KMS"},
	{"bls_*", "not an algorithm of AWS KMS"},
	{"json_web_*", "not a format of AWS KMS"},
	{"aes_gcm_test.json", "any length of nonce; the module's constructions have their own vectors"},
	{"aes_*", "not an algorithm of AWS KMS"},
	{"a???cbc_*", "not an algorithm of AWS KMS"},
	{"aead_*", "not an algorithm of AWS KMS"},
	{"aegis*", "not an algorithm of AWS KMS"},
	{"aria_*", "not an algorithm of AWS KMS"},
	{"ascon*", "not an algorithm of AWS KMS"},
	{"c2sp_*", "not an algorithm of AWS KMS"},
	{"camellia_*", "not an algorithm of AWS KMS"},
	{"*chacha20_*", "not an algorithm of AWS KMS"},
	{"kmac*", "not an algorithm of AWS KMS"},
	{"morus*", "not an algorithm of AWS KMS"},
	{"seed_*", "not an algorithm of AWS KMS"},
	{"siphash*", "not an algorithm of AWS KMS"},
	{"sm4_*", "not an algorithm of AWS KMS outside China"},
	{"vmac_*", "not an algorithm of AWS KMS"},
}
