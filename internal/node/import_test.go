package node_test

import (
	"bytes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"testing"
	"time"
)

// parametersForImport gets a wrapping key of 2048 bits for RSAES_OAEP_SHA_256.
func (c caller) parametersForImport(t *testing.T, id string) (token string, public *rsa.PublicKey) {
	t.Helper()
	out := c.must(t, "GetParametersForImport", object{"KeyId": id, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"})
	der, err := base64.StdEncoding.DecodeString(out.str("PublicKey"))
	if err != nil {
		t.Fatal(err)
	}
	k, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		t.Fatal(err)
	}
	return out.str("ImportToken"), k.(*rsa.PublicKey)
}

// importing is a request that imports material into a key for good; more changes it.
func (c caller) importing(t *testing.T, id string, material []byte, more object) object {
	t.Helper()
	token, public := c.parametersForImport(t, id)
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, public, material, nil)
	if err != nil {
		t.Fatal(err)
	}
	in := object{"KeyId": id, "ImportToken": token, "EncryptedKeyMaterial": wrapped, "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"}
	for name, value := range more {
		if in[name] = value; value == nil {
			delete(in, name)
		}
	}
	return in
}

// state is a key's, with its ExpirationModel.
func (c caller) state(t *testing.T, id string) string {
	t.Helper()
	m := c.must(t, "DescribeKey", object{"KeyId": id}).body["KeyMetadata"].(object)
	model, _ := m["ExpirationModel"].(string)
	return m["KeyState"].(string) + " " + model
}

func filled(b byte) []byte { return bytes.Repeat([]byte{b}, 32) }

func (c caller) createExternal(t *testing.T) string {
	t.Helper()
	m := c.must(t, "CreateKey", object{"Origin": "EXTERNAL"}).body["KeyMetadata"].(object)
	if m["KeyState"] != "PendingImport" || m["Enabled"] != false || m["Origin"] != "EXTERNAL" || m["CurrentKeyMaterialId"] != nil {
		t.Errorf("a new key without material: %v", m)
	}
	return m["KeyId"].(string)
}

// TestImportedKey takes a key through its life: imported, expired, imported again,
// rotated, deleted in part. What was encrypted decrypts whenever its material is there.
func TestImportedKey(t *testing.T) {
	t.Parallel()
	f := newFixtureRotating(t, 4000*day)
	c := f.caller("111122223333")
	id := c.createExternal(t)
	arn := "arn:aws:kms:eu-west-1:111122223333:key/" + id
	pending := func(operation string, in object) {
		t.Helper()
		if got := c.call(operation, in); got.code != "KMSInvalidStateException" || got.message != arn+" is pending import." {
			t.Errorf("%s: %s %s", operation, got.code, got.message)
		}
	}
	encrypt := object{"KeyId": id, "Plaintext": []byte("x")}
	pending("Encrypt", encrypt)

	expires := float64(f.now().Add(20 * day).Unix())
	out := c.must(t, "ImportKeyMaterial", c.importing(t, id, filled(1), object{"ExpirationModel": nil, "ValidTo": expires}))
	first := out.str("KeyMaterialId")
	if m := c.must(t, "DescribeKey", object{"KeyId": id}).body["KeyMetadata"].(object); out.str("KeyId") != arn || m["KeyState"] != "Enabled" ||
		m["ValidTo"] != expires || m["CurrentKeyMaterialId"] != first {
		t.Errorf("imported: %v, %v", out.body, m)
	}
	blob := c.encrypt(t, id)
	f.ahead.Add(int64(20*day + time.Second))
	f.Wake()
	waitFor(t, "the material expires", func() bool { return c.state(t, id) == "PendingImport " })
	pending("Decrypt", object{"CiphertextBlob": blob})

	if got := c.call("ImportKeyMaterial", c.importing(t, id, filled(2), nil)); got.code != "IncorrectKeyMaterialException" {
		t.Errorf("other material in its place: %s", got.code)
	}
	if got := c.must(t, "ImportKeyMaterial", c.importing(t, id, filled(1), nil)).str("KeyMaterialId"); got != first {
		t.Errorf("the same material has the id %s, had %s", got, first)
	}
	if got := c.material(t, blob); got != first || c.state(t, id) != "Enabled KEY_MATERIAL_DOES_NOT_EXPIRE" {
		t.Errorf("imported again: %s, %s", got, c.state(t, id))
	}

	if got := c.call("RotateKeyOnDemand", object{"KeyId": id}); got.message != "No available key material pending rotation for the key: "+arn+"." {
		t.Errorf("rotation without new material: %s %s", got.code, got.message)
	}
	fresh := object{"ImportType": "NEW_KEY_MATERIAL", "KeyMaterialDescription": "of 2027"}
	second := c.must(t, "ImportKeyMaterial", c.importing(t, id, filled(2), fresh)).str("KeyMaterialId")
	if got := c.material(t, c.encrypt(t, id)); got != first {
		t.Errorf("before the rotation %s encrypts", got)
	}
	if got, want := c.call("ImportKeyMaterial", c.importing(t, id, filled(3), fresh)), "because another key material (id: "+second+") is pending rotation."; got.code != "KMSInvalidStateException" ||
		got.message[len(got.message)-len(want):] != want {
		t.Errorf("two that wait: %s %s", got.code, got.message)
	}
	c.must(t, "RotateKeyOnDemand", object{"KeyId": id})
	newer := c.encrypt(t, id)
	if c.material(t, newer) != second || c.material(t, blob) != first {
		t.Error("after the rotation the materials are mixed up")
	}
	list := c.rotations(t, id, "ALL_KEY_MATERIAL")
	if len(list) != 2 || list[1]["KeyMaterialDescription"] != "of 2027" || list[1]["ImportState"] != "IMPORTED" || list[1]["KeyMaterialState"] != "CURRENT" {
		t.Errorf("materials %v", list)
	}

	deleted := c.must(t, "DeleteImportedKeyMaterial", object{"KeyId": id, "KeyMaterialId": first})
	if deleted.str("KeyId") != arn || deleted.str("KeyMaterialId") != first {
		t.Errorf("DeleteImportedKeyMaterial answers %v", deleted.body)
	}
	pending("Decrypt", object{"CiphertextBlob": newer}) // one that is missing stops all
	if list := c.rotations(t, id, "ALL_KEY_MATERIAL"); list[0]["ImportState"] != "PENDING_IMPORT" || list[1]["ImportState"] != "IMPORTED" {
		t.Errorf("materials %v", list)
	}
	c.must(t, "ImportKeyMaterial", c.importing(t, id, filled(1), object{"ImportType": "EXISTING_KEY_MATERIAL", "KeyMaterialId": first}))
	if c.material(t, newer) != second || c.material(t, blob) != first {
		t.Error("imported again, the materials are mixed up")
	}

	// While it waits for its deletion it can lose its material, and is what it is then.
	c.must(t, "ScheduleKeyDeletion", object{"KeyId": id})
	c.must(t, "DeleteImportedKeyMaterial", object{"KeyId": id})
	c.must(t, "CancelKeyDeletion", object{"KeyId": id})
	if got := c.state(t, id); got != "PendingImport " {
		t.Errorf("after its deletion was cancelled: %s", got)
	}
}

// TestExpiredAtOnce: material is not used any more from the time at which it expires,
// although nobody has taken it away yet; imported again it is.
func TestExpiredAtOnce(t *testing.T) {
	t.Parallel()
	f := newFixtureRotating(t, 4000*day)
	c := f.caller("111122223333")
	id := c.createExternal(t)
	c.must(t, "ImportKeyMaterial", c.importing(t, id, filled(1), object{"ExpirationModel": nil, "ValidTo": float64(f.now().Add(day).Unix())}))
	blob := c.encrypt(t, id)
	f.ahead.Add(int64(day)) // and nobody is woken
	for op, in := range map[string]object{"Encrypt": {"KeyId": id, "Plaintext": []byte("x")}, "Decrypt": {"CiphertextBlob": blob}, "DisableKey": {"KeyId": id}} {
		if got := c.call(op, in); got.code != "KMSInvalidStateException" {
			t.Errorf("%s: %s %s", op, got.code, got.message)
		}
	}
	if got := c.state(t, id); got != "PendingImport " {
		t.Errorf("the key is %s", got)
	}
	c.must(t, "ImportKeyMaterial", c.importing(t, id, filled(1), nil))
	c.decrypts(t, blob)
	f.Wake()
	f.close(t) // which waits for the scheduler
	f.open(t)
	c.decrypts(t, blob)
	f.noOrphans(t)
}

// TestImportRefused: what cannot be imported changes nothing.
func TestImportRefused(t *testing.T) {
	t.Parallel()
	f := newFixtureRotating(t, 4000*day)
	c := f.caller("111122223333")
	id, other, generated := c.createExternal(t), c.createExternal(t), c.createKey(t)
	good := c.importing(t, id, filled(1), nil)
	with := func(more object) object {
		in := object{}
		for name, value := range good {
			in[name] = value
		}
		for name, value := range more {
			if in[name] = value; value == nil {
				delete(in, name)
			}
		}
		return in
	}
	token := good["ImportToken"].(string)
	for name, test := range map[string]struct {
		in   object
		code string
	}{
		"another key's token":       {with(object{"KeyId": other}), "InvalidImportTokenException"},
		"a changed token":           {with(object{"ImportToken": "AAAA" + token[4:]}), "InvalidImportTokenException"},
		"no material":               {with(object{"EncryptedKeyMaterial": []byte("x")}), "InvalidCiphertextException"},
		"31 bytes":                  {c.importing(t, id, filled(1)[1:], nil), "InvalidCiphertextException"},
		"a key made here":           {with(object{"KeyId": generated}), "UnsupportedOperationException"},
		"no end":                    {with(object{"ExpirationModel": nil}), "ValidationException"},
		"an end that is past":       {with(object{"ExpirationModel": nil, "ValidTo": float64(f.now().Unix() - 1)}), "ValidationException"},
		"an end in this second":     {with(object{"ExpirationModel": nil, "ValidTo": float64(f.now().Unix()) + 0.999}), "ValidationException"},
		"an end in two years":       {with(object{"ExpirationModel": nil, "ValidTo": float64(f.now().Add(730 * day).Unix())}), "ValidationException"},
		"an end and none":           {with(object{"ValidTo": float64(f.now().Add(day).Unix())}), "ValidationException"},
		"material that it had":      {with(object{"ImportType": "EXISTING_KEY_MATERIAL"}), "IncorrectKeyMaterialException"},
		"new material of a name":    {with(object{"ImportType": "NEW_KEY_MATERIAL", "KeyMaterialId": "aa"}), "ValidationException"},
		"the first one of a name":   {with(object{"KeyMaterialId": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}), "ValidationException"},
		"an alias that nobody made": {with(object{"KeyId": "alias/none"}), "InvalidArnException"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := c.call("ImportKeyMaterial", test.in); got.code != test.code {
				t.Errorf("%s: %s, want %s", got.code, got.message, test.code)
			}
			if got := c.state(t, id); got != "PendingImport " {
				t.Errorf("the key is %s", got)
			}
		})
	}
	for algorithm, spec := range map[string]string{"RSAES_PKCS1_V1_5": "RSA_2048", "RSA_AES_KEY_WRAP_SHA_256": "RSA_4096", "SM2PKE": "RSA_2048", "RSAES_OAEP_SHA_256": "SM2"} {
		if got := c.call("GetParametersForImport", object{"KeyId": id, "WrappingAlgorithm": algorithm, "WrappingKeySpec": spec}); got.code != "UnsupportedOperationException" {
			t.Errorf("%s with %s: %s", algorithm, spec, got.code)
		}
	}
	if got := c.call("GetParametersForImport", object{"KeyId": generated, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}); got.code != "UnsupportedOperationException" {
		t.Errorf("parameters for a key made here: %s", got.code)
	}
	if got := c.call("CreateKey", object{"Origin": "EXTERNAL", "KeySpec": "ML_DSA_65", "KeyUsage": "SIGN_VERIFY"}); got.code != "UnsupportedOperationException" {
		t.Errorf("an ML-DSA key with imported material: %s", got.code)
	}
	c.must(t, "ImportKeyMaterial", good)
	c.must(t, "ScheduleKeyDeletion", object{"KeyId": id})
	for operation, in := range map[string]object{"ImportKeyMaterial": good, "GetParametersForImport": {"KeyId": id, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"}} {
		if got := c.call(operation, in); got.code != "KMSInvalidStateException" {
			t.Errorf("%s while it waits for its deletion: %s", operation, got.code)
		}
	}
}

// TestImportedTokensGo: what was deleted or has expired is in no file of the store,
// and a deleted key leaves no row of its materials.
func TestImportedTokensGo(t *testing.T) {
	t.Parallel()
	f := newFixtureRotating(t, 4000*day)
	c := f.caller("111122223333")
	deleted, expired := c.createExternal(t), c.createExternal(t)
	c.must(t, "ImportKeyMaterial", c.importing(t, deleted, filled(1), nil))
	c.must(t, "ImportKeyMaterial", c.importing(t, expired, filled(2), object{"ExpirationModel": nil, "ValidTo": float64(f.now().Add(day).Unix())}))
	all := f.stored(t)
	tokens := [][]byte{tokenOf(t, all, deleted), tokenOf(t, all, expired)}
	f.open(t)
	c.must(t, "DeleteImportedKeyMaterial", object{"KeyId": deleted})
	f.ahead.Add(int64(2 * day))
	f.Wake()
	for _, token := range tokens {
		waitFor(t, "no file has the token", func() bool { return !f.inFiles(t, token) })
	}
	for _, id := range []string{deleted, expired} {
		c.must(t, "ScheduleKeyDeletion", object{"KeyId": id, "PendingWindowInDays": 7})
	}
	f.ahead.Add(int64(8 * day))
	f.Wake()
	waitFor(t, "the keys are deleted", func() bool {
		return c.call("DescribeKey", object{"KeyId": deleted}).code == "NotFoundException" && c.call("DescribeKey", object{"KeyId": expired}).code == "NotFoundException"
	})
	for _, kv := range f.stored(t) {
		if bytes.Contains(kv.Key, []byte("/x/")) || bytes.Contains(kv.Key, []byte("/m/")) || bytes.Contains(kv.Key, []byte("expire-material")) {
			t.Errorf("a row is left: %s", kv.Key)
		}
	}
	f.open(t)
}
