package robustness

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"crypto/x509"
	"encoding/asn1"
	"encoding/base64"
	"maps"
	"strings"
	"testing"

	"trent/test/harness"
)

const invalidUsage = "InvalidKeyUsageException"

// An aKey is a key of one kind, and what it has made.
type aKey struct {
	id, arn, usage string
	public         []byte // SPKI
	request        object // a good one of the first operation of the usage, without KeyId
	made           []byte // its signature, MAC or ciphertext
}

// kinds are asymmetric and HMAC keys, one a usage.
type kinds struct {
	sign, ed25519, mldsa, mac, agree, kem, rsa aKey
}

func newKinds(t *testing.T, s *harness.Server) *kinds {
	t.Helper()
	decode := func(v any) []byte {
		b, err := base64.StdEncoding.DecodeString(v.(string))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	kind := func(spec, usage, operation string, request object, made string) aKey {
		metadata := s.Must(t, "CreateKey", object{"KeySpec": spec, "KeyUsage": usage})["KeyMetadata"].(object)
		k := aKey{id: metadata["KeyId"].(string), arn: metadata["Arn"].(string), usage: usage, request: request}
		if usage != "GENERATE_VERIFY_MAC" {
			k.public = decode(s.Must(t, "GetPublicKey", object{"KeyId": k.id})["PublicKey"])
		}
		if operation != "" {
			k.made = decode(s.Must(t, operation, k.in(nil))[made])
		}
		return k
	}
	message := encoded([]byte("message"))
	k := &kinds{
		sign:    kind("ECC_NIST_P256", "SIGN_VERIFY", "Sign", object{"SigningAlgorithm": "ECDSA_SHA_256", "Message": message}, "Signature"),
		ed25519: kind("ECC_NIST_EDWARDS25519", "SIGN_VERIFY", "Sign", object{"SigningAlgorithm": "ED25519_SHA_512", "Message": message}, "Signature"),
		mldsa:   kind("ML_DSA_44", "SIGN_VERIFY", "Sign", object{"SigningAlgorithm": "ML_DSA_SHAKE_256", "Message": message}, "Signature"),
		mac:     kind("HMAC_384", "GENERATE_VERIFY_MAC", "GenerateMac", object{"MacAlgorithm": "HMAC_SHA_384", "Message": message}, "Mac"),
		agree:   kind("ECC_NIST_P256", "KEY_AGREEMENT", "", object{"KeyAgreementAlgorithm": "ECDH"}, ""),
		kem:     kind("ML_KEM_768", "ENCAPSULATE_DECAPSULATE", "Encapsulate", object{"EncapsulationAlgorithm": "ML_KEM"}, "SharedSecretCiphertextBlob"),
		rsa:     kind("RSA_2048", "ENCRYPT_DECRYPT", "Encrypt", object{"EncryptionAlgorithm": "RSAES_OAEP_SHA_256", "Plaintext": message}, "CiphertextBlob"),
	}
	k.agree.request["PublicKey"] = encoded(k.agree.public)
	return k
}

// in is the key's good request, changed.
func (k *aKey) in(change object) object {
	in := object{"KeyId": k.id}
	maps.Copy(in, k.request)
	maps.Copy(in, change)
	return in
}

// with is what the key made, in a request for the operation that reads it.
func (k *aKey) with(member string, made []byte, change object) object {
	in := k.in(change)
	in[member] = encoded(made)
	return in
}

// ofKinds are bad inputs of the operations on asymmetric and HMAC keys.
func (w *world) ofKinds() (rows []badInput) {
	rows = append(rows, w.messages()...)
	rows = append(rows, w.verdicts()...)
	rows = append(rows, w.secrets()...)
	rows = append(rows, w.bareCiphertexts()...)
	rows = append(rows, w.usages()...)
	for operation, more := range w.goodOf() {
		delete(more, "KeyId")
		rows = append(rows, w.namedBadly(operation, "KeyId", more, true)...)
		rows = append(rows, badInput{name: "no key", operation: operation, body: harness.Marshal(more), code: validation, message: oneError + "null at 'keyId'" + notNull})
	}
	return append(rows, w.statesOfKinds()...)
}

// messages are what Sign, Verify and GenerateMac do not sign.
func (w *world) messages() (rows []badInput) {
	k := w.kinds
	row := func(name, operation string, in object, message string) {
		rows = append(rows, badInput{name: name, operation: operation, body: harness.Marshal(in), code: validation, message: message})
	}
	const long = oneError + "at 'message' failed to satisfy constraint: Member must have length less than or equal to 4096"
	row("4,097 bytes", "Sign", k.sign.in(object{"Message": zeros(4097)}), long)
	row("4,097 bytes", "GenerateMac", k.mac.in(object{"Message": zeros(4097)}), long)
	row("no bytes", "Sign", k.sign.in(object{"Message": ""}), oneError+"at 'message'"+unlike("have length greater than or equal to 1"))
	row("unknown algorithm", "Sign", k.sign.in(object{"SigningAlgorithm": "ROT13"}), oneError+"'ROT13' at 'signingAlgorithm'"+unlike("satisfy enum value set: […"))
	row("unknown message type", "Sign", k.sign.in(object{"MessageType": "TEXT"}), oneError+"'TEXT' at 'messageType'"+unlike("satisfy enum value set: […"))
	for _, key := range []struct {
		*aKey
		algorithm, messageType string
		bytes                  int
		message                string
	}{
		{&k.sign, "ECDSA_SHA_256", "DIGEST", 31, "Digest is invalid length for algorithm ECDSA_SHA_256."},
		{&k.sign, "ECDSA_SHA_256", "DIGEST", 48, "Digest is invalid length for algorithm ECDSA_SHA_256."},
		{&k.sign, "ECDSA_SHA_256", "EXTERNAL_MU", 64, "MessageType EXTERNAL_MU is not valid for algorithm ECDSA_SHA_256."},
		{&k.ed25519, "ED25519_SHA_512", "DIGEST", 64, "MessageType DIGEST is not valid for algorithm ED25519_SHA_512."},
		{&k.ed25519, "ED25519_PH_SHA_512", "RAW", 64, "MessageType RAW is not valid for algorithm ED25519_PH_SHA_512."},
		{&k.ed25519, "ED25519_PH_SHA_512", "DIGEST", 32, "Digest is invalid length for algorithm ED25519_PH_SHA_512."},
		{&k.mldsa, "ML_DSA_SHAKE_256", "DIGEST", 64, "MessageType DIGEST is not valid for algorithm ML_DSA_SHAKE_256."},
		{&k.mldsa, "ML_DSA_SHAKE_256", "EXTERNAL_MU", 63, "External mu is invalid length for algorithm ML_DSA_SHAKE_256."},
	} {
		in := key.in(object{"SigningAlgorithm": key.algorithm, "MessageType": key.messageType, "Message": zeros(key.bytes)})
		row(key.algorithm+" "+key.messageType, "Sign", in, key.message)
		in["Signature"] = encoded(key.made)
		row(key.algorithm+" "+key.messageType, "Verify", in, key.message)
	}
	rows = append(rows, badInput{name: "another mu", operation: "Verify", code: "KMSInvalidSignatureException",
		body: harness.Marshal(k.mldsa.with("Signature", k.mldsa.made, object{"MessageType": "EXTERNAL_MU", "Message": zeros(64)}))})
	return rows
}

// verdicts are signatures and MACs that are not the key's for the message.
func (w *world) verdicts() (rows []badInput) {
	k := w.kinds
	for _, key := range []*aKey{&k.sign, &k.ed25519, &k.mldsa, &k.mac} {
		operation, member, code := "Verify", "Signature", "KMSInvalidSignatureException"
		if key == &k.mac {
			operation, member, code = "VerifyMac", "Mac", "KMSInvalidMacException"
		}
		flipped := bytes.Clone(key.made)
		flipped[len(flipped)/2] ^= 1
		for name, made := range map[string][]byte{
			"cut": key.made[:len(key.made)-1], "one byte": {0}, "a byte more": append(bytes.Clone(key.made), 0), "flipped": flipped, "zeros": make([]byte, len(key.made)),
		} {
			rows = append(rows, badInput{name: key.usage + " " + name, operation: operation, body: harness.Marshal(key.with(member, made, nil)), code: code})
		}
		rows = append(rows,
			badInput{name: "another message", operation: operation, body: harness.Marshal(key.with(member, key.made, object{"Message": zeros(7)})), code: code},
			badInput{name: "long", operation: operation, body: harness.Marshal(key.with(member, make([]byte, 6145), nil)), code: validation,
				message: oneError + "at '" + strings.ToLower(member) + "'" + unlike("have length less than or equal to 6144")},
			badInput{name: "empty", operation: operation, body: harness.Marshal(key.with(member, nil, nil)), code: validation,
				message: oneError + "at '" + strings.ToLower(member) + "'" + unlike("have length greater than or equal to 1")})
	}
	return rows
}

// spki is a public key on P-256 with any bytes in the place of its point.
func spki(point []byte) []byte {
	der, err := asn1.Marshal(struct {
		Algorithm struct{ Type, Curve asn1.ObjectIdentifier }
		Key       asn1.BitString
	}{
		struct{ Type, Curve asn1.ObjectIdentifier }{asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}, asn1.ObjectIdentifier{1, 2, 840, 10045, 3, 1, 7}},
		asn1.BitString{Bytes: point, BitLength: 8 * len(point)},
	})
	if err != nil {
		panic(err) // a structure of this file's
	}
	return der
}

// secrets are public keys that are no peer's, and ciphertexts of ML-KEM that
// are none.
func (w *world) secrets() (rows []badInput) {
	k := w.kinds
	mine, _ := ecdh.P256().GenerateKey(rand.Reader)
	other, _ := ecdh.P384().GenerateKey(rand.Reader)
	otherCurve, _ := x509.MarshalPKIXPublicKey(other.PublicKey())
	x25519, _ := ecdh.X25519().GenerateKey(rand.Reader)
	montgomery, _ := x509.MarshalPKIXPublicKey(x25519.PublicKey())
	point := mine.PublicKey().Bytes()
	compressed := append([]byte{2 + point[64]&1}, point[1:33]...)
	off := bytes.Clone(point)
	off[len(off)-1] ^= 1
	good := spki(point)
	for name, peer := range map[string][]byte{
		"words": []byte("no public key"), "another curve": otherCurve, "X25519": montgomery, "a bare point": point, "compressed": spki(compressed),
		"off the curve": spki(off), "infinity": spki([]byte{0}), "the origin": spki(append([]byte{4}, make([]byte, 64)...)), "no point": spki(nil),
		"cut": good[:len(good)-1], "a byte more": append(bytes.Clone(good), 0), "an RSA key": k.rsa.public, "long": make([]byte, 8192),
	} {
		rows = append(rows, badInput{name: name, operation: "DeriveSharedSecret", body: harness.Marshal(k.agree.in(object{"PublicKey": encoded(peer)})), code: validation})
	}
	rows = append(rows,
		badInput{name: "8,193 bytes", operation: "DeriveSharedSecret", body: harness.Marshal(k.agree.in(object{"PublicKey": zeros(8193)})), code: validation,
			message: oneError + "at 'publicKey'" + unlike("have length less than or equal to 8192")},
		badInput{name: "unknown algorithm", operation: "DeriveSharedSecret", body: harness.Marshal(k.agree.in(object{"KeyAgreementAlgorithm": "X25519"})), code: validation, message: "…"},
		badInput{name: "unknown algorithm", operation: "Encapsulate", body: harness.Marshal(k.kem.in(object{"EncapsulationAlgorithm": "RSA_KEM"})), code: validation, message: "…"})
	for name, blob := range map[string][]byte{
		"cut": k.kem.made[:len(k.kem.made)-1], "a byte more": append(bytes.Clone(k.kem.made), 0), "one byte": {0}, "of ML-KEM-512": make([]byte, 768), "of ML-KEM-1024": make([]byte, 1568),
	} {
		rows = append(rows, badInput{name: name, operation: "Decapsulate", body: harness.Marshal(k.kem.with("SharedSecretCiphertextBlob", blob, nil)), code: invalidBlob})
	}
	return rows
}

// bareCiphertexts are those of asymmetric keys, which name no key.
func (w *world) bareCiphertexts() (rows []badInput) {
	k := &w.kinds.rsa
	row := func(name, operation string, in object, code, message string) {
		rows = append(rows, badInput{name: name, operation: operation, body: harness.Marshal(in), code: code, message: message})
	}
	const long = "Algorithm RSAES_OAEP_SHA_256 and key spec RSA_2048 cannot encrypt data larger than 190 bytes."
	row("191 bytes, RSA", "Encrypt", k.in(object{"Plaintext": zeros(191)}), validation, long)
	row("215 bytes, RSA with SHA-1", "Encrypt", k.in(object{"Plaintext": zeros(215), "EncryptionAlgorithm": "RSAES_OAEP_SHA_1"}), validation,
		"Algorithm RSAES_OAEP_SHA_1 and key spec RSA_2048 cannot encrypt data larger than 214 bytes.")
	const noContext = "EncryptionContext is not supported for key spec RSA_2048: only symmetric encryption keys take one."
	row("context, RSA", "Encrypt", k.in(object{"EncryptionContext": object{"a": "b"}}), validation, noContext)
	row("context, RSA", "Decrypt", k.with("CiphertextBlob", k.made, object{"EncryptionContext": object{"a": "b"}}), validation, noContext)
	row("no algorithm, RSA", "Encrypt", object{"KeyId": k.id, "Plaintext": zeros(1)}, invalidUsage, "Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048.")
	row("no algorithm, RSA", "Decrypt", object{"KeyId": k.id, "CiphertextBlob": encoded(k.made)}, invalidUsage, "Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048.")
	row("no key, RSA", "Decrypt", object{"EncryptionAlgorithm": "RSAES_OAEP_SHA_256", "CiphertextBlob": encoded(k.made)}, validation,
		"A KeyId is required for the algorithm RSAES_OAEP_SHA_256.")
	row("no key, RSA", "ReEncrypt", object{"SourceEncryptionAlgorithm": "RSAES_OAEP_SHA_1", "CiphertextBlob": encoded(k.made), "DestinationKeyId": w.key}, validation,
		"A KeyId is required for the algorithm RSAES_OAEP_SHA_1.")
	row("symmetric ciphertext, RSA key", "Decrypt", object{"KeyId": k.id, "CiphertextBlob": encoded(w.blob)}, "IncorrectKeyException", incorrectKey)
	row("symmetric key, RSA algorithm", "Encrypt", object{"KeyId": w.key, "Plaintext": zeros(1), "EncryptionAlgorithm": "RSAES_OAEP_SHA_256"}, invalidUsage,
		"Algorithm RSAES_OAEP_SHA_256 is incompatible with key spec SYMMETRIC_DEFAULT.")
	flipped := bytes.Clone(k.made)
	flipped[9] ^= 1
	for name, blob := range map[string][]byte{
		"flipped": flipped, "cut": k.made[:255], "a byte more": append(bytes.Clone(k.made), 0), "zeros": make([]byte, 256), "ones": bytes.Repeat([]byte{255}, 256), "symmetric": w.blob,
	} {
		row("RSA, "+name, "Decrypt", k.with("CiphertextBlob", blob, nil), invalidBlob, "")
		row("RSA, "+name, "ReEncrypt", object{"SourceKeyId": k.id, "SourceEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "CiphertextBlob": encoded(blob), "DestinationKeyId": w.key}, invalidBlob, "")
	}
	row("RSA, another algorithm", "Decrypt", k.with("CiphertextBlob", k.made, object{"EncryptionAlgorithm": "RSAES_OAEP_SHA_1"}), invalidBlob, "")
	for _, operation := range []string{"GenerateDataKey", "GenerateDataKeyPair"} {
		row("an RSA key", operation, object{"KeyId": k.id, "NumberOfBytes": 32, "KeyPairSpec": "ECC_NIST_P256"}, invalidUsage,
			"Algorithm SYMMETRIC_DEFAULT is incompatible with key spec RSA_2048.")
	}
	for _, spec := range []string{"ML_DSA_44", "SYMMETRIC_DEFAULT", "HMAC_256"} {
		row(spec, "GenerateDataKeyPair", object{"KeyId": w.key, "KeyPairSpec": spec}, validation, oneError+"'"+spec+"' at 'keyPairSpec'"+unlike("satisfy enum value set: […"))
	}
	row("no spec", "GenerateDataKeyPairWithoutPlaintext", object{"KeyId": w.key}, validation, oneError+"null at 'keyPairSpec'"+notNull)
	for id, arn := range map[string]string{w.key: w.arn + " key spec is SYMMETRIC_DEFAULT", w.kinds.mac.id: w.kinds.mac.arn + " key spec is HMAC_384"} {
		row("no public key", "GetPublicKey", object{"KeyId": id}, "UnsupportedOperationException", arn+" which is not valid for GetPublicKey.")
	}
	return rows
}

// goodOf has a good request for each operation that came with these keys.
func (w *world) goodOf() map[string]object {
	k := w.kinds
	return map[string]object{
		"Sign": k.sign.in(nil), "Verify": k.sign.with("Signature", k.sign.made, nil),
		"GenerateMac": k.mac.in(nil), "VerifyMac": k.mac.with("Mac", k.mac.made, nil),
		"DeriveSharedSecret": k.agree.in(nil),
		"Encapsulate":        k.kem.in(nil), "Decapsulate": k.kem.with("SharedSecretCiphertextBlob", k.kem.made, nil),
		"GetPublicKey":        {"KeyId": k.sign.id},
		"GenerateDataKeyPair": {"KeyId": w.key, "KeyPairSpec": "ECC_NIST_P256"}, "GenerateDataKeyPairWithoutPlaintext": {"KeyId": w.key, "KeyPairSpec": "ECC_NIST_P256"},
	}
}

// usages are keys of another usage than the operation's.
func (w *world) usages() (rows []badInput) {
	k := w.kinds
	for operation, in := range w.goodOf() {
		if operation == "GetPublicKey" {
			continue
		}
		other := &k.mac
		if strings.HasSuffix(operation, "Mac") {
			other = &k.kem
		}
		in["KeyId"] = other.id
		rows = append(rows, badInput{name: "a key of another usage", operation: operation, body: harness.Marshal(in), code: invalidUsage,
			message: other.arn + " key usage is " + other.usage + " which is not valid for " + operation + "."})
	}
	return append(rows,
		badInput{name: "another hash", operation: "Sign", body: harness.Marshal(k.sign.in(object{"SigningAlgorithm": "ECDSA_SHA_384"})), code: invalidUsage,
			message: "Algorithm ECDSA_SHA_384 is incompatible with key spec ECC_NIST_P256."},
		badInput{name: "another hash", operation: "GenerateMac", body: harness.Marshal(k.mac.in(object{"MacAlgorithm": "HMAC_SHA_256"})), code: invalidUsage,
			message: "Algorithm HMAC_SHA_256 is incompatible with key spec HMAC_384."})
}

// statesOfKinds are uses of a disabled key and of one pending deletion.
func (w *world) statesOfKinds() (rows []badInput) {
	for operation, in := range w.goodOf() {
		of := w.inStates[operation]
		row := func(name, key, code, message string) {
			in := maps.Clone(in)
			in["KeyId"] = key
			rows = append(rows, badInput{name: name, operation: operation, body: harness.Marshal(in), code: code, message: message})
		}
		if operation != "GetPublicKey" { // which works, as AWS says
			row("disabled key", of.disabled, "DisabledException", w.account+"key/"+of.disabled+" is disabled.")
		}
		row("key pending deletion", of.pending, "KMSInvalidStateException", w.account+"key/"+of.pending+" is pending deletion.")
	}
	return rows
}

// An inState is a disabled key and one pending deletion.
type inState struct{ disabled, pending string }

// newInStates makes them for each operation that came with these keys.
func newInStates(t *testing.T, s *harness.Server) map[string]inState {
	t.Helper()
	made := map[string]inState{}
	of := map[string]inState{}
	for operation, kind := range map[string][2]string{
		"Sign": {"ECC_NIST_P256", "SIGN_VERIFY"}, "Verify": {"ECC_NIST_P256", "SIGN_VERIFY"}, "GetPublicKey": {"ECC_NIST_P256", "SIGN_VERIFY"},
		"GenerateMac": {"HMAC_384", "GENERATE_VERIFY_MAC"}, "VerifyMac": {"HMAC_384", "GENERATE_VERIFY_MAC"},
		"DeriveSharedSecret": {"ECC_NIST_P256", "KEY_AGREEMENT"},
		"Encapsulate":        {"ML_KEM_768", "ENCAPSULATE_DECAPSULATE"}, "Decapsulate": {"ML_KEM_768", "ENCAPSULATE_DECAPSULATE"},
		"GenerateDataKeyPair": {"SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"}, "GenerateDataKeyPairWithoutPlaintext": {"SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT"},
	} {
		name := kind[0] + kind[1]
		if made[name] == (inState{}) {
			id := func() string {
				return s.Must(t, "CreateKey", object{"KeySpec": kind[0], "KeyUsage": kind[1]})["KeyMetadata"].(object)["KeyId"].(string)
			}
			made[name] = inState{id(), id()}
			s.Must(t, "DisableKey", object{"KeyId": made[name].disabled})
			s.Must(t, "ScheduleKeyDeletion", object{"KeyId": made[name].pending})
		}
		of[operation] = made[name]
	}
	return of
}
