package clients

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"trent/test/harness"
)

// must is run, which has to succeed.
func (o openSSL) must(args ...string) []byte {
	o.t.Helper()
	out, ok := o.run(args...)
	if !ok {
		o.t.FailNow()
	}
	return out
}

// material makes key material, as AWS wants it: 32 bytes, or PKCS #8.
func (o openSSL) material(genpkey ...string) []byte {
	o.t.Helper()
	if genpkey == nil {
		return o.must("rand", "32")
	}
	// genpkey's DER has no PKCS #8 around it.
	der := o.must(append([]string{"genpkey", "-outform", "DER"}, genpkey...)...)
	return o.must("pkcs8", "-topk8", "-nocrypt", "-inform", "DER", "-outform", "DER", "-in", o.file("generated", der))
}

// wrap does what a customer does with the material, the way that AWS's guide shows.
func (o openSSL) wrap(algorithm string, public, material []byte) []byte {
	o.t.Helper()
	encrypt := []string{"pkeyutl", "-encrypt", "-pubin", "-keyform", "DER", "-inkey", o.file("public", public), "-in"}
	if algorithm == "SM2PKE" {
		return o.must(append(encrypt, o.file("material", material))...)
	}
	hash := "sha256"
	if strings.HasSuffix(algorithm, "_SHA_1") {
		hash = "sha1"
	}
	oaep := []string{"-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:" + hash, "-pkeyopt", "rsa_mgf1_md:" + hash}
	if strings.HasPrefix(algorithm, "RSAES_OAEP") {
		return o.must(slices.Concat(encrypt, []string{o.file("material", material)}, oaep)...)
	}
	kek := bytes.Repeat([]byte{7}, 32)
	head := o.must(slices.Concat(encrypt, []string{o.file("kek", kek)}, oaep)...)
	return append(head, o.must("enc", "-id-aes256-wrap-pad", "-iv", "A65959A6", "-K", hex.EncodeToString(kek), "-in", o.file("material", material))...)
}

// importCases has every wrapping algorithm with every kind of material that it
// brings.
var importCases = []struct {
	spec, usage, algorithm, wrapping string
	genpkey                          []string
}{
	{"SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "RSAES_OAEP_SHA_256", "RSA_2048", nil},
	{"SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "RSAES_OAEP_SHA_1", "RSA_4096", nil},
	{"SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT", "SM2PKE", "SM2", nil},
	{"HMAC_256", "GENERATE_VERIFY_MAC", "RSAES_OAEP_SHA_256", "RSA_3072", nil},
	{"RSA_2048", "SIGN_VERIFY", "RSA_AES_KEY_WRAP_SHA_256", "RSA_2048", []string{"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"}},
	{"RSA_4096", "ENCRYPT_DECRYPT", "RSA_AES_KEY_WRAP_SHA_1", "RSA_3072", []string{"-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:4096"}},
	{"ECC_NIST_P256", "SIGN_VERIFY", "RSAES_OAEP_SHA_256", "RSA_2048", []string{"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"}},
	{"ECC_NIST_P521", "KEY_AGREEMENT", "RSA_AES_KEY_WRAP_SHA_256", "RSA_2048", []string{"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-521"}},
	{"ECC_SECG_P256K1", "SIGN_VERIFY", "RSAES_OAEP_SHA_1", "RSA_2048", []string{"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"}},
	{"ECC_NIST_EDWARDS25519", "SIGN_VERIFY", "RSA_AES_KEY_WRAP_SHA_256", "RSA_4096", []string{"-algorithm", "ED25519"}},
	{"SM2", "SIGN_VERIFY", "SM2PKE", "SM2", []string{"-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:SM2", "-pkeyopt", "ec_param_enc:named_curve"}},
}

// TestImportFromOpenSSL: what OpenSSL makes and wraps, with each wrapping
// algorithm, becomes a key that works, and of asymmetric keys that very key.
func TestImportFromOpenSSL(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	c := connectGoSDK(t, s, harness.Default)
	for _, test := range importCases {
		t.Run(test.spec+" by "+test.algorithm, func(t *testing.T) {
			o := newOpenSSL(t)
			material := o.material(test.genpkey...)
			arn := imported(t, c, o, material, object{"Origin": "EXTERNAL", "KeySpec": test.spec, "KeyUsage": test.usage}, test.algorithm, test.wrapping)
			switch {
			case test.spec == "SYMMETRIC_DEFAULT":
				sealed := must(t, c, "Encrypt", object{"KeyId": arn, "Plaintext": blob("x")})["CiphertextBlob"]
				must(t, c, "Decrypt", object{"CiphertextBlob": sealed})
			case test.genpkey == nil:
				must(t, c, "GenerateMac", object{"KeyId": arn, "MacAlgorithm": "HMAC_SHA_256", "Message": blob("x")})
			default:
				want := o.must("pkey", "-inform", "DER", "-in", o.file("private", material), "-pubout", "-outform", "DER")
				if got := publicKey(t, c, arn); !bytes.Equal(got, want) {
					t.Errorf("the public key is %x, OpenSSL's %x", got, want)
				}
			}
		})
	}
}

// imported makes a key and imports material into it.
func imported(t *testing.T, c caller, o openSSL, material []byte, kind object, algorithm, wrapping string) (arn string) {
	t.Helper()
	metadata := must(t, c, "CreateKey", kind)["KeyMetadata"].(object)
	id, arn := text(t, metadata, "KeyId"), text(t, metadata, "Arn")
	if metadata["KeyState"] != "PendingImport" || metadata["Origin"] != "EXTERNAL" {
		t.Errorf("CreateKey answers %v", metadata)
	}
	p := must(t, c, "GetParametersForImport", object{"KeyId": id, "WrappingAlgorithm": algorithm, "WrappingKeySpec": wrapping})
	if p["KeyId"] != arn || p["ParametersValidTo"] == nil {
		t.Errorf("GetParametersForImport answers %v", p)
	}
	wrapped := o.wrap(algorithm, decoded(t, p, "PublicKey"), material)
	must(t, c, "ImportKeyMaterial", object{
		"KeyId": id, "ImportToken": p["ImportToken"], "EncryptedKeyMaterial": blob(string(wrapped)), "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE",
	})
	m := must(t, c, "DescribeKey", object{"KeyId": id})["KeyMetadata"].(object)
	if m["KeyState"] != "Enabled" || m["ExpirationModel"] != "KEY_MATERIAL_DOES_NOT_EXPIRE" {
		t.Errorf("DescribeKey has %v", m)
	}
	return arn
}

// imports brings a key's material, takes it away and brings it again.
func imports(t *testing.T, c caller) {
	o := newOpenSSL(t)
	material := o.material()
	arn := imported(t, c, o, material, object{"Origin": "EXTERNAL"}, "RSAES_OAEP_SHA_256", "RSA_2048")
	sealed := must(t, c, "Encrypt", object{"KeyId": arn, "Plaintext": blob("x")})["CiphertextBlob"]
	must(t, c, "DeleteImportedKeyMaterial", object{"KeyId": arn})
	refused(t, c, "Decrypt", object{"CiphertextBlob": sealed}, "KMSInvalidStateException", arn+" is pending import.")
	p := must(t, c, "GetParametersForImport", object{"KeyId": arn, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"})
	again := func(material []byte) object {
		wrapped := o.wrap("RSAES_OAEP_SHA_256", decoded(t, p, "PublicKey"), material)
		return object{"KeyId": arn, "ImportToken": p["ImportToken"], "EncryptedKeyMaterial": blob(string(wrapped)), "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
	}
	other := slices.Clone(material)
	other[0] ^= 1
	refused(t, c, "ImportKeyMaterial", again(other), "IncorrectKeyMaterialException", anyMessage)
	must(t, c, "ImportKeyMaterial", again(material))
	must(t, c, "Decrypt", object{"CiphertextBlob": sealed})
}
