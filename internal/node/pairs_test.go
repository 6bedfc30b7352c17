package node_test

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// TestDataKeyPairs makes a pair of every DataKeyPairSpec. Its private key is
// the ciphertext's and, where Go can read it, the public key's. The record of
// one that FIPS 140-3 does not approve is marked.
func TestDataKeyPairs(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller("111122223333")
	id := c.createKey(t)
	context := object{"ward": "7"}
	for _, spec := range strings.Fields("RSA_2048 RSA_3072 RSA_4096 ECC_NIST_P256 ECC_NIST_P384 ECC_NIST_P521 ECC_SECG_P256K1 ECC_NIST_EDWARDS25519 SM2 ML_KEM_512 ML_KEM_768 ML_KEM_1024") {
		in := object{"KeyId": id, "KeyPairSpec": spec, "EncryptionContext": context}
		got := c.must(t, "GenerateDataKeyPair", in)
		opened := c.must(t, "Decrypt", object{"CiphertextBlob": got.str("PrivateKeyCiphertextBlob"), "EncryptionContext": context})
		if got.str("PrivateKeyPlaintext") == "" || opened.str("Plaintext") != got.str("PrivateKeyPlaintext") || got.str("KeyPairSpec") != spec || got.str("KeyMaterialId") == "" {
			t.Errorf("%s: %v", spec, slices.Sorted(maps.Keys(got.body)))
		}
		fits(t, spec, got)
		if strings.HasPrefix(spec, "RSA_") && spec != "RSA_2048" {
			continue // one is enough: they take long to make
		}
		got = c.must(t, "GenerateDataKeyPairWithoutPlaintext", in)
		opened = c.must(t, "Decrypt", object{"CiphertextBlob": got.str("PrivateKeyCiphertextBlob"), "EncryptionContext": context})
		if _, ok := got.body["PrivateKeyPlaintext"]; ok || opened.str("Plaintext") == "" || got.str("PublicKey") == "" || got.str("KeyPairSpec") != spec {
			t.Errorf("%s without plaintext: %v", spec, slices.Sorted(maps.Keys(got.body)))
		}
	}
	f.close(t)
	seen := map[any]int{}
	for _, r := range f.records(t) {
		if name := fmt.Sprint(r["eventName"]); !strings.HasPrefix(name, "GenerateDataKeyPair") {
			continue
		}
		spec := r["requestParameters"].(object)["keyPairSpec"]
		marked := r["additionalEventData"].(object)["notFipsApproved"] == "true"
		if want := spec == "SM2" || spec == "ECC_SECG_P256K1" || spec == "ML_KEM_512"; marked != want {
			t.Errorf("%s of %s: marked %v, want %v", r["eventName"], spec, marked, want)
		}
		seen[spec]++
	}
	if len(seen) != 12 {
		t.Errorf("records of %d specs", len(seen))
	}
}

// fits checks that a pair's halves belong together.
func fits(t *testing.T, spec string, pair answer) {
	t.Helper()
	private, err := base64.StdEncoding.DecodeString(pair.str("PrivateKeyPlaintext"))
	if err != nil {
		t.Fatal(err)
	}
	public, err := base64.StdEncoding.DecodeString(pair.str("PublicKey"))
	if err != nil {
		t.Fatal(err)
	}
	k, err := x509.ParsePKCS8PrivateKey(private)
	if err != nil {
		if !strings.HasPrefix(spec, "ML_KEM") && spec != "SM2" && spec != "ECC_SECG_P256K1" {
			t.Errorf("%s: %v", spec, err)
		}
		return
	}
	of, ok := k.(interface{ Public() crypto.PublicKey })
	if !ok {
		t.Fatalf("%s: a %T", spec, k)
	}
	if got, err := x509.MarshalPKIXPublicKey(of.Public()); err != nil || !bytes.Equal(got, public) {
		t.Errorf("%s: the public key is another one, %v", spec, err)
	}
}

// TestRefusedIsNotMarked: a call that a later key refuses was let through to
// nothing, whatever algorithm an earlier one has.
func TestRefusedIsNotMarked(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller("111122223333")
	made := func(spec, usage string) string {
		return c.must(t, "CreateKey", object{"KeySpec": spec, "KeyUsage": usage}).str("KeyMetadata", "KeyId")
	}
	source, signing, symmetric := made("SM2", "ENCRYPT_DECRYPT"), made("ECC_NIST_P256", "SIGN_VERIFY"), c.createKey(t)
	ciphertext := c.must(t, "Encrypt", object{"KeyId": source, "EncryptionAlgorithm": "SM2PKE", "Plaintext": "cGF5cm9sbA=="}).str("CiphertextBlob")
	for _, destination := range []string{signing, symmetric} {
		got := c.call("ReEncrypt", object{"SourceKeyId": source, "SourceEncryptionAlgorithm": "SM2PKE", "CiphertextBlob": ciphertext, "DestinationKeyId": destination})
		if want := map[string]string{signing: "InvalidKeyUsageException"}[destination]; got.code != want {
			t.Fatalf("ReEncrypt: %q, want %q", got.code, want)
		}
	}
	f.close(t)
	seen := 0
	for _, r := range f.records(t) {
		if r["eventName"] != "ReEncrypt" {
			continue
		}
		seen++
		additional, _ := r["additionalEventData"].(object)
		if marked, refused := additional["notFipsApproved"] == "true", r["errorCode"] != nil; marked == refused {
			t.Errorf("refused %v, marked %v", refused, marked)
		}
	}
	if seen != 2 {
		t.Errorf("%d records", seen)
	}
}
