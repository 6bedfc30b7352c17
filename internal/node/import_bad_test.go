package node_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"maps"
	"testing"
	"time"
)

// sha1Wrapped is a request with material that is wrapped with SHA-1.
func sha1Wrapped(t *testing.T, c caller, id string, material []byte) object {
	t.Helper()
	token, public := c.parametersForImport(t, id) // for SHA-256
	b, err := rsa.EncryptOAEP(sha1.New(), rand.Reader, public, material, nil)
	if err != nil {
		t.Fatal(err)
	}
	return object{"KeyId": id, "ImportToken": token, "EncryptedKeyMaterial": b, "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
}

// TestBadMaterial: material that does not fit its key's spec, or is not wrapped as
// its token says, is refused with AWS's error, and the key stays as it is.
func TestBadMaterial(t *testing.T) {
	t.Parallel()
	f := newFixtureRotating(t, 4000*day)
	c := f.caller(owners)
	external := func(spec, usage string) string {
		return c.must(t, "CreateKey", object{"Origin": "EXTERNAL", "KeySpec": spec, "KeyUsage": usage}).str("KeyMetadata", "KeyId")
	}
	p384, err := ecdsa.GenerateKey(elliptic.P384(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	other, err := x509.MarshalPKCS8PrivateKey(p384)
	if err != nil {
		t.Fatal(err)
	}
	for _, row := range []struct {
		spec, usage string
		materials   map[string][]byte
	}{
		{symmetric, "ENCRYPT_DECRYPT", map[string][]byte{"16": make([]byte, 16), "31": make([]byte, 31), "33": make([]byte, 33), "64": make([]byte, 64), "one": {1}}},
		{"HMAC_256", "GENERATE_VERIFY_MAC", map[string][]byte{"31": make([]byte, 31), "129": make([]byte, 129), "one": {1}}},
		{"HMAC_512", "GENERATE_VERIFY_MAC", map[string][]byte{"63": make([]byte, 63), "129": make([]byte, 129)}},
		{"ECC_NIST_P256", "SIGN_VERIFY", map[string][]byte{"no DER": make([]byte, 32), "another curve": other}},
		{"ECC_NIST_EDWARDS25519", "SIGN_VERIFY", map[string][]byte{"a seed alone": make([]byte, 32), "another kind": other}},
	} {
		id := external(row.spec, row.usage)
		for name, material := range row.materials {
			if got := c.call("ImportKeyMaterial", c.importing(t, id, material, nil)); got.code != "InvalidCiphertextException" || got.message != "" {
				t.Errorf("%s, %s: %s %s", row.spec, name, got.code, got.message)
			}
		}
		if got := c.call("ImportKeyMaterial", sha1Wrapped(t, c, id, make([]byte, 64))); got.code != "InvalidCiphertextException" {
			t.Errorf("%s, wrapped with another algorithm: %s %s", row.spec, got.code, got.message)
		}
		if got := c.state(t, id); got != "PendingImport " {
			t.Errorf("%s: the key is %s", row.spec, got)
		}
	}
	if got := c.call("GetParametersForImport", object{"KeyId": external("RSA_2048", "SIGN_VERIFY"), "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_4096"}); got.code != "UnsupportedOperationException" {
		t.Errorf("an RSA key by OAEP alone: %s", got.code)
	}
	f.noOrphans(t)
}

// TestBadTokens: an import token is good for one key of one account in one Region,
// for 24 hours, as it was given.
func TestBadTokens(t *testing.T) {
	t.Parallel()
	f := newFixtureRotating(t, 4000*day)
	c := f.caller(owners)
	id, there := c.createExternal(t), c.in(away).createExternal(t)
	stranger := f.caller("444455556666")
	theirs := stranger.createExternal(t)
	good := c.importing(t, id, filled(1), nil)
	refused := func(what, code string, c caller, change object) {
		t.Helper()
		in := maps.Clone(good)
		maps.Copy(in, change)
		if got := c.call("ImportKeyMaterial", in); got.code != code {
			t.Errorf("%s: %s %s, want %s", what, got.code, got.message, code)
		}
	}
	refused("in another Region", codeToken, c.in(away), object{"KeyId": there})
	refused("in another account", codeToken, stranger, object{"KeyId": theirs})
	token, err := base64.StdEncoding.DecodeString(good["ImportToken"].(string))
	if err != nil {
		t.Fatal(err)
	}
	for i := range token {
		changed := append([]byte(nil), token...)
		changed[i] ^= 1 << (i % 8)
		refused("a changed token", codeToken, c, object{"ImportToken": changed})
	}
	for _, n := range []int{1, 10, len(token) - 1} {
		refused("a part of a token", codeToken, c, object{"ImportToken": token[:n]})
	}
	refused("a longer token", codeToken, c, object{"ImportToken": append(append([]byte(nil), token...), 0)})
	for name, at := range map[string]float64{"the past": -1, "now": 0, "a year and a day": 366 * 86400} {
		in := maps.Clone(good)
		delete(in, "ExpirationModel")
		in["ValidTo"] = float64(f.Now().Unix()) + at
		if got := c.call("ImportKeyMaterial", in); got.code != codeValidation {
			t.Errorf("ValidTo %s: %s %s", name, got.code, got.message)
		}
	}
	if got := c.state(t, id); got != "PendingImport " {
		t.Errorf("the key is %s", got)
	}
	// Half a second is a time, as at AWS; what expires, expires at a whole one.
	fraction := maps.Clone(good)
	delete(fraction, "ExpirationModel")
	fraction["ValidTo"] = float64(f.Now().Unix()) + 3600.5
	c.must(t, "ImportKeyMaterial", fraction)
	f.move(t, 24*time.Hour+time.Second)
	refused("a day later", codeExpired, c, nil)
	f.noOrphans(t)
}
