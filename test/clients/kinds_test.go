package clients

import (
	"bytes"
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/mlkem"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"slices"
	"testing"
)

// lacks are the operations that came after a client's release, the one of
// Debian 12.
var lacks = map[string][]string{
	"aws-cli": {"DeriveSharedSecret", "Encapsulate", "Decapsulate", "RotateKeyOnDemand", "ListKeyRotations", "GetKeyLastUsage"},
	"boto3":   {"DeriveSharedSecret", "Encapsulate", "Decapsulate", "RotateKeyOnDemand", "ListKeyRotations", "GetKeyLastUsage"},
}

// kinds uses asymmetric and HMAC keys, each also with the public key alone, by
// Go's implementations.
func kinds(t *testing.T, c caller, lacks []string) {
	t.Run("signatures", func(t *testing.T) { signatures(t, c) })
	t.Run("MACs", func(t *testing.T) { macs(t, c) })
	t.Run("asymmetric encryption", func(t *testing.T) { encryption(t, c) })
	t.Run("data key pairs", func(t *testing.T) { dataKeyPairs(t, c) })
	if !slices.Contains(lacks, "DeriveSharedSecret") {
		t.Run("key agreement", func(t *testing.T) { agreement(t, c) })
	}
	if !slices.Contains(lacks, "Encapsulate") {
		t.Run("encapsulation", func(t *testing.T) { encapsulation(t, c) })
	}
}

// aKey makes a key and returns its ARN.
func aKey(t testing.TB, c caller, spec, usage string) string {
	t.Helper()
	metadata := must(t, c, "CreateKey", object{"KeySpec": spec, "KeyUsage": usage})["KeyMetadata"].(object)
	if metadata["KeySpec"] != spec || metadata["KeyUsage"] != usage {
		t.Errorf("CreateKey of %s for %s answers %v", spec, usage, metadata)
	}
	return text(t, metadata, "Arn")
}

// publicKey is GetPublicKey's, as DER.
func publicKey(t testing.TB, c caller, key string) []byte {
	t.Helper()
	out := must(t, c, "GetPublicKey", object{"KeyId": key})
	if out["KeyId"] != key {
		t.Errorf("GetPublicKey of %s answers %v", key, out)
	}
	return decoded(t, out, "PublicKey")
}

// parsed is a public key as Go knows it.
func parsed[K any](t testing.TB, spki []byte) K {
	t.Helper()
	parsed, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		t.Fatal(err)
	}
	k, ok := parsed.(K)
	if !ok {
		t.Fatalf("the public key is a %T", parsed)
	}
	return k
}

func b64(b []byte) string { return base64.StdEncoding.EncodeToString(b) }

func signatures(t *testing.T, c caller) {
	message := []byte("a discharge letter")
	sum := sha256.Sum256(message)
	for _, row := range []struct {
		spec, algorithm string
		digest          []byte // nil: the algorithm takes none
		verify          func(spki, signature []byte) bool
	}{
		{"ECC_NIST_P256", "ECDSA_SHA_256", sum[:], func(spki, signature []byte) bool {
			return ecdsa.VerifyASN1(parsed[*ecdsa.PublicKey](t, spki), sum[:], signature)
		}},
		{"RSA_2048", "RSASSA_PSS_SHA_256", sum[:], func(spki, signature []byte) bool {
			return rsa.VerifyPSS(parsed[*rsa.PublicKey](t, spki), crypto.SHA256, sum[:], signature, &rsa.PSSOptions{SaltLength: 32}) == nil
		}},
		{"ECC_NIST_EDWARDS25519", "ED25519_SHA_512", nil, func(spki, signature []byte) bool {
			return ed25519.Verify(parsed[ed25519.PublicKey](t, spki), message, signature)
		}},
	} {
		key := aKey(t, c, row.spec, "SIGN_VERIFY")
		spki := publicKey(t, c, key)
		forms := []object{{"Message": b64(message)}}
		if row.digest != nil {
			forms = append(forms, object{"Message": b64(row.digest), "MessageType": "DIGEST"})
		}
		for _, in := range forms {
			in["KeyId"], in["SigningAlgorithm"] = key, row.algorithm
		}
		signed := must(t, c, "Sign", forms[len(forms)-1])
		if signed["KeyId"] != key || signed["SigningAlgorithm"] != row.algorithm || !row.verify(spki, decoded(t, signed, "Signature")) {
			t.Errorf("Sign with %s answers %v", row.algorithm, signed)
		}
		check := forms[0] // the other form, if there is one
		check["Signature"] = signed["Signature"]
		if verified := must(t, c, "Verify", check); verified["SignatureValid"] != true || verified["KeyId"] != key {
			t.Errorf("Verify with %s answers %v", row.algorithm, verified)
		}
		refused(t, c, "Verify", object{"KeyId": key, "SigningAlgorithm": row.algorithm, "Message": blob("another"), "Signature": signed["Signature"]},
			"KMSInvalidSignatureException", "")
	}
}

func macs(t *testing.T, c caller) {
	key, message := aKey(t, c, "HMAC_256", "GENERATE_VERIFY_MAC"), blob("a token")
	made := must(t, c, "GenerateMac", object{"KeyId": key, "MacAlgorithm": "HMAC_SHA_256", "Message": message})
	if mac := decoded(t, made, "Mac"); len(mac) != 32 || made["MacAlgorithm"] != "HMAC_SHA_256" || made["KeyId"] != key {
		t.Errorf("GenerateMac answers %v", made)
	}
	in := object{"KeyId": key, "MacAlgorithm": "HMAC_SHA_256", "Message": message, "Mac": made["Mac"]}
	if verified := must(t, c, "VerifyMac", in); verified["MacValid"] != true {
		t.Errorf("VerifyMac answers %v", verified)
	}
	in["Message"] = blob("another token")
	refused(t, c, "VerifyMac", in, "KMSInvalidMacException", "")
}

// encryption has somebody with the public key alone encrypt.
func encryption(t *testing.T, c caller) {
	key, plaintext := aKey(t, c, "RSA_2048", "ENCRYPT_DECRYPT"), []byte("a diagnosis")
	const algorithm = "RSAES_OAEP_SHA_256"
	offline, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, parsed[*rsa.PublicKey](t, publicKey(t, c, key)), plaintext, nil)
	if err != nil {
		t.Fatal(err)
	}
	online := must(t, c, "Encrypt", object{"KeyId": key, "EncryptionAlgorithm": algorithm, "Plaintext": b64(plaintext)})
	for _, ciphertext := range []string{b64(offline), text(t, online, "CiphertextBlob")} {
		out := must(t, c, "Decrypt", object{"KeyId": key, "EncryptionAlgorithm": algorithm, "CiphertextBlob": ciphertext})
		if out["Plaintext"] != b64(plaintext) || out["EncryptionAlgorithm"] != algorithm || out["KeyId"] != key {
			t.Errorf("Decrypt answers %v", out)
		}
	}
	symmetric := text(t, must(t, c, "CreateKey", object{})["KeyMetadata"].(object), "Arn")
	context := object{"ward": "7"}
	moved := must(t, c, "ReEncrypt", object{"CiphertextBlob": b64(offline), "SourceKeyId": key, "SourceEncryptionAlgorithm": algorithm,
		"DestinationKeyId": symmetric, "DestinationEncryptionContext": context})
	if moved["SourceKeyId"] != key || moved["KeyId"] != symmetric || moved["SourceEncryptionAlgorithm"] != algorithm || moved["DestinationEncryptionAlgorithm"] != "SYMMETRIC_DEFAULT" {
		t.Errorf("ReEncrypt answers %v", moved)
	}
	if out := must(t, c, "Decrypt", object{"CiphertextBlob": moved["CiphertextBlob"], "EncryptionContext": context}); out["Plaintext"] != b64(plaintext) {
		t.Errorf("what ReEncrypt gave decrypts to %v", out)
	}
	back := must(t, c, "ReEncrypt", object{"CiphertextBlob": moved["CiphertextBlob"], "SourceEncryptionContext": context,
		"DestinationKeyId": key, "DestinationEncryptionAlgorithm": "RSAES_OAEP_SHA_1"})
	if out := must(t, c, "Decrypt", object{"KeyId": key, "EncryptionAlgorithm": "RSAES_OAEP_SHA_1", "CiphertextBlob": back["CiphertextBlob"]}); out["Plaintext"] != b64(plaintext) {
		t.Errorf("what ReEncrypt gave back decrypts to %v", out)
	}
}

func dataKeyPairs(t *testing.T, c caller) {
	key := text(t, must(t, c, "CreateKey", object{})["KeyMetadata"].(object), "Arn")
	context := object{"ward": "7"}
	in := object{"KeyId": key, "KeyPairSpec": "ECC_NIST_P256", "EncryptionContext": context}
	open := func(pair object) []byte {
		return decoded(t, must(t, c, "Decrypt", object{"CiphertextBlob": pair["PrivateKeyCiphertextBlob"], "EncryptionContext": context}), "Plaintext")
	}
	pair := must(t, c, "GenerateDataKeyPair", in)
	if pair["KeyId"] != key || pair["KeyPairSpec"] != "ECC_NIST_P256" || !bytes.Equal(open(pair), decoded(t, pair, "PrivateKeyPlaintext")) {
		t.Errorf("GenerateDataKeyPair answers for %v", pair["KeyId"])
	}
	hidden := must(t, c, "GenerateDataKeyPairWithoutPlaintext", in)
	if hidden["PrivateKeyPlaintext"] != nil {
		t.Errorf("GenerateDataKeyPairWithoutPlaintext answers with a private key")
	}
	for _, pair := range []object{pair, hidden} {
		private, err := x509.ParsePKCS8PrivateKey(open(pair))
		if err != nil {
			t.Fatal(err)
		}
		if k, ok := private.(*ecdsa.PrivateKey); !ok || !k.PublicKey.Equal(parsed[*ecdsa.PublicKey](t, decoded(t, pair, "PublicKey"))) {
			t.Errorf("the halves of a pair do not belong together: %T", private)
		}
	}
}

func agreement(t *testing.T, c caller) {
	key := aKey(t, c, "ECC_NIST_P384", "KEY_AGREEMENT")
	mine, err := ecdh.P384().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := x509.MarshalPKIXPublicKey(mine.PublicKey())
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := parsed[*ecdsa.PublicKey](t, publicKey(t, c, key)).ECDH()
	if err != nil {
		t.Fatal(err)
	}
	want, err := mine.ECDH(theirs)
	if err != nil {
		t.Fatal(err)
	}
	out := must(t, c, "DeriveSharedSecret", object{"KeyId": key, "KeyAgreementAlgorithm": "ECDH", "PublicKey": b64(spki)})
	if !bytes.Equal(decoded(t, out, "SharedSecret"), want) || out["KeyOrigin"] != "AWS_KMS" || out["KeyAgreementAlgorithm"] != "ECDH" || out["KeyId"] != key {
		t.Errorf("DeriveSharedSecret answers %v for %v", out["KeyOrigin"], out["KeyId"])
	}
}

// encapsulation has somebody with the public key alone encapsulate, and then
// derive a key as the owner does.
func encapsulation(t *testing.T, c caller) {
	key := aKey(t, c, "ML_KEM_768", "ENCAPSULATE_DECAPSULATE")
	var spki struct {
		Algorithm struct{ OID asn1.ObjectIdentifier }
		Key       asn1.BitString
	}
	if rest, err := asn1.Unmarshal(publicKey(t, c, key), &spki); err != nil || len(rest) > 0 || spki.Algorithm.OID.String() != "2.16.840.1.101.3.4.4.2" {
		t.Fatalf("the public key is of %v, %v", spki.Algorithm.OID, err)
	}
	theirs, err := mlkem.NewEncapsulationKey768(spki.Key.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	open := func(ciphertext string) []byte {
		out := must(t, c, "Decapsulate", object{"KeyId": key, "EncapsulationAlgorithm": "ML_KEM", "SharedSecretCiphertextBlob": ciphertext})
		if out["KeyId"] != key || out["EncapsulationAlgorithm"] != "ML_KEM" {
			t.Errorf("Decapsulate answers for %v", out["KeyId"])
		}
		return decoded(t, out, "SharedSecret")
	}
	secret, ciphertext := theirs.Encapsulate()
	tag := func(secret []byte) []byte {
		m := hmac.New(sha512.New, secret)
		m.Write([]byte("confirmed"))
		return m.Sum(nil)
	}
	if !hmac.Equal(tag(open(b64(ciphertext))), tag(secret)) {
		t.Errorf("the two sides have two secrets")
	}
	out := must(t, c, "Encapsulate", object{"KeyId": key, "EncapsulationAlgorithm": "ML_KEM"})
	if secret := decoded(t, out, "SharedSecret"); len(secret) != 32 || !bytes.Equal(open(text(t, out, "SharedSecretCiphertextBlob")), secret) {
		t.Errorf("Decapsulate does not give Encapsulate's secret back")
	}
	ciphertext[0] ^= 1
	if bytes.Equal(open(b64(ciphertext)), secret) { // implicit rejection: another secret, no error
		t.Errorf("a changed ciphertext gives the secret")
	}
}
