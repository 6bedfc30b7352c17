package node_test

import (
	"encoding/base64"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"trent/internal/keyspec"
)

const rsaSigning = "RSASSA_PSS_SHA_256 RSASSA_PSS_SHA_384 RSASSA_PSS_SHA_512 RSASSA_PKCS1_V1_5_SHA_256 RSASSA_PKCS1_V1_5_SHA_384 RSASSA_PKCS1_V1_5_SHA_512"

// allowed is what each KeySpec does with each KeyUsage, as AWS's guide has it:
// the algorithms in its order.
var allowed = func() map[string]map[string]string {
	rsa := map[string]string{"ENCRYPT_DECRYPT": "RSAES_OAEP_SHA_1 RSAES_OAEP_SHA_256", "SIGN_VERIFY": rsaSigning}
	curve := func(hash string) map[string]string {
		return map[string]string{"SIGN_VERIFY": "ECDSA_SHA_" + hash, "KEY_AGREEMENT": "ECDH"}
	}
	mldsa := map[string]string{"SIGN_VERIFY": "ML_DSA_SHAKE_256"}
	mlkem := map[string]string{"ENCAPSULATE_DECAPSULATE": "ML_KEM"}
	mac := func(hash string) map[string]string {
		return map[string]string{"GENERATE_VERIFY_MAC": "HMAC_SHA_" + hash}
	}
	return map[string]map[string]string{
		"SYMMETRIC_DEFAULT": {"ENCRYPT_DECRYPT": "SYMMETRIC_DEFAULT"},
		"RSA_2048":          rsa, "RSA_3072": rsa, "RSA_4096": rsa,
		"ECC_NIST_P256": curve("256"), "ECC_NIST_P384": curve("384"), "ECC_NIST_P521": curve("512"),
		"ECC_SECG_P256K1":       {"SIGN_VERIFY": "ECDSA_SHA_256"},
		"ECC_NIST_EDWARDS25519": {"SIGN_VERIFY": "ED25519_SHA_512 ED25519_PH_SHA_512"},
		"HMAC_224":              mac("224"), "HMAC_256": mac("256"), "HMAC_384": mac("384"), "HMAC_512": mac("512"),
		"ML_DSA_44": mldsa, "ML_DSA_65": mldsa, "ML_DSA_87": mldsa,
		"ML_KEM_512": mlkem, "ML_KEM_768": mlkem, "ML_KEM_1024": mlkem,
		"SM2": {"ENCRYPT_DECRYPT": "SM2PKE", "SIGN_VERIFY": "SM2DSA", "KEY_AGREEMENT": "ECDH"},
	}
}()

// members are where DescribeKey and GetPublicKey list a usage's algorithms.
var members = map[string]string{
	"ENCRYPT_DECRYPT": "EncryptionAlgorithms", "SIGN_VERIFY": "SigningAlgorithms", "GENERATE_VERIFY_MAC": "MacAlgorithms",
	"KEY_AGREEMENT": "KeyAgreementAlgorithms", "ENCAPSULATE_DECAPSULATE": "EncapsulationAlgorithms",
}

// taking are the operations that name an algorithm, in an order in which each
// finds what it needs, with the usage that they need.
var taking = []struct{ operation, usage, member string }{
	{"Encrypt", "ENCRYPT_DECRYPT", "EncryptionAlgorithm"},
	{"Decrypt", "ENCRYPT_DECRYPT", "EncryptionAlgorithm"},
	{"ReEncrypt", "ENCRYPT_DECRYPT", "SourceEncryptionAlgorithm"},
	{"ReEncrypt", "ENCRYPT_DECRYPT", "DestinationEncryptionAlgorithm"},
	{"Sign", "SIGN_VERIFY", "SigningAlgorithm"},
	{"Verify", "SIGN_VERIFY", "SigningAlgorithm"},
	{"GenerateMac", "GENERATE_VERIFY_MAC", "MacAlgorithm"},
	{"VerifyMac", "GENERATE_VERIFY_MAC", "MacAlgorithm"},
	{"DeriveSharedSecret", "KEY_AGREEMENT", "KeyAgreementAlgorithm"},
	{"Encapsulate", "ENCAPSULATE_DECAPSULATE", "EncapsulationAlgorithm"},
	{"Decapsulate", "ENCAPSULATE_DECAPSULATE", "EncapsulationAlgorithm"},
}

// A tried is a key of one spec and usage, and what its calls have answered.
type tried struct {
	spec, usage, id, arn string
	symmetric            string // a symmetric key of the caller's
	symmetricBlob        string // what that key has encrypted
	public               string
	blob                 map[string]string // ciphertexts by algorithm
	signature            map[string]string // signatures and MACs by algorithm
}

// TestEveryAlgorithm has a key of each KeySpec and KeyUsage meet each operation
// with each algorithm: what AWS's guide allows works, all else is AWS's error.
// Then the audit trail marks what FIPS 140-3 does not approve, and nothing else.
func TestEveryAlgorithm(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller("111122223333")
	tried := everyKey(t, c)
	for _, k := range tried {
		describes(t, c, k)
		for _, row := range taking {
			for _, algorithm := range algorithmsOf(row.usage) {
				tries(t, c, k, row.operation, row.usage, row.member, algorithm)
			}
		}
	}
	f.close(t)
	marks(t, f.records(t), tried)
}

// everyKey makes a key of each spec and usage, and is refused all others.
func everyKey(t *testing.T, c caller) (all []*tried) {
	t.Helper()
	symmetric := c.createKey(t)
	symmetricBlob := c.encrypt(t, symmetric)
	for _, row := range keyspec.All() {
		if allowed[string(row.Spec)] == nil {
			t.Errorf("%s is not in this test", row.Spec)
		}
	}
	for _, spec := range slices.Sorted(maps.Keys(allowed)) {
		for usage := range members {
			got := c.call("CreateKey", object{"KeySpec": spec, "KeyUsage": usage})
			if allowed[spec][usage] != "" {
				if got.code != "" {
					t.Fatalf("CreateKey %s for %s: %s %s", spec, usage, got.code, got.message)
				}
				all = append(all, &tried{
					spec: spec, usage: usage, id: got.str("KeyMetadata", "KeyId"), arn: got.str("KeyMetadata", "Arn"),
					symmetric: symmetric, symmetricBlob: symmetricBlob, blob: map[string]string{}, signature: map[string]string{},
				})
			} else if want := "KeyUsage " + usage + " is not compatible with KeySpec " + spec; got.code != "ValidationException" || got.message != want {
				t.Errorf("CreateKey %s for %s: %s %q, want %q", spec, usage, got.code, got.message, want)
			}
		}
		got, want := c.call("CreateKey", object{"KeySpec": spec, "DryRun": true}), "You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys."
		if spec != "SYMMETRIC_DEFAULT" && (got.code != "ValidationException" || got.message != want) {
			t.Errorf("CreateKey %s without a usage: %s %q", spec, got.code, got.message)
		}
	}
	return all
}

// algorithmsOf lists all algorithms of a usage, of whatever spec.
func algorithmsOf(usage string) []string {
	all := map[string]bool{}
	for _, usages := range allowed {
		for _, a := range strings.Fields(usages[usage]) {
			all[a] = true
		}
	}
	return slices.Sorted(maps.Keys(all))
}

func (k *tried) has(usage, algorithm string) bool {
	return k.usage == usage && slices.Contains(strings.Fields(allowed[k.spec][usage]), algorithm)
}

func (k *tried) isSymmetric() bool { return k.spec == "SYMMETRIC_DEFAULT" }

// describes compares what DescribeKey and GetPublicKey say of a key.
func describes(t *testing.T, c caller, k *tried) {
	t.Helper()
	metadata := c.must(t, "DescribeKey", object{"KeyId": k.id}).body["KeyMetadata"].(object)
	lists(t, k, "DescribeKey", metadata)
	if _, ok := metadata["CurrentKeyMaterialId"]; ok != k.isSymmetric() {
		t.Errorf("%s: CurrentKeyMaterialId is there: %v", k.spec, ok)
	}
	got := c.call("GetPublicKey", object{"KeyId": k.id})
	if k.isSymmetric() || strings.HasPrefix(k.spec, "HMAC_") {
		if got.code != "UnsupportedOperationException" || got.message != k.arn+" key spec is "+k.spec+" which is not valid for GetPublicKey." {
			t.Errorf("GetPublicKey of %s: %s %q", k.spec, got.code, got.message)
		}
		return
	}
	lists(t, k, "GetPublicKey", got.body)
	if k.public = got.str("PublicKey"); k.public == "" || got.str("KeyId") != k.arn {
		t.Errorf("GetPublicKey of %s: %v", k.spec, got.body)
	}
}

// lists compares the lists of algorithms in an answer: one of them is there.
func lists(t *testing.T, k *tried, operation string, body object) {
	t.Helper()
	if body["KeySpec"] != k.spec || body["CustomerMasterKeySpec"] != k.spec || body["KeyUsage"] != k.usage {
		t.Errorf("%s of %s for %s: %v", operation, k.spec, k.usage, body)
	}
	for usage, member := range members {
		want := "<nil>"
		if usage == k.usage {
			want = "[" + allowed[k.spec][usage] + "]"
		}
		if got := fmt.Sprint(body[member]); got != want {
			t.Errorf("%s of %s for %s: %s is %s, want %s", operation, k.spec, k.usage, member, got, want)
		}
	}
}

// tries makes one call with one algorithm.
func tries(t *testing.T, c caller, k *tried, operation, usage, member, algorithm string) {
	t.Helper()
	got := c.call(operation, k.request(operation, member, algorithm))
	code, message := "", ""
	switch {
	case k.usage != usage:
		code, message = "InvalidKeyUsageException", k.arn+" key usage is "+k.usage+" which is not valid for "+operation+"."
	case !k.has(usage, algorithm):
		code, message = "InvalidKeyUsageException", "Algorithm "+algorithm+" is incompatible with key spec "+k.spec+"."
	}
	if got.code != code || got.message != message {
		t.Errorf("%s with %s and %s for %s: %s %q\nwant %s %q", operation, algorithm, k.spec, k.usage, got.code, got.message, code, message)
		return
	}
	if code == "" {
		k.answered(t, operation, member, algorithm, got)
	}
}

// request is one that works if the key has the algorithm.
func (k *tried) request(operation, member, algorithm string) object {
	in := object{"KeyId": k.id, member: algorithm}
	blob := k.blob[algorithm]
	if blob == "" {
		blob = base64.StdEncoding.EncodeToString([]byte("no ciphertext"))
		if k.isSymmetric() {
			blob = k.blob["SYMMETRIC_DEFAULT"]
		}
	}
	switch operation {
	case "Encrypt":
		in["Plaintext"] = []byte("x")
	case "Decrypt":
		in["CiphertextBlob"] = blob
	case "ReEncrypt":
		delete(in, "KeyId")
		if member == "SourceEncryptionAlgorithm" {
			in["SourceKeyId"], in["CiphertextBlob"], in["DestinationKeyId"] = k.id, blob, k.symmetric
		} else {
			in["SourceKeyId"], in["CiphertextBlob"], in["DestinationKeyId"] = k.symmetric, k.symmetricBlob, k.id
		}
	case "Sign", "Verify":
		in["Message"] = []byte("message")
		if algorithm == "ED25519_PH_SHA_512" {
			in["Message"], in["MessageType"] = make([]byte, 64), "DIGEST"
		}
	case "GenerateMac", "VerifyMac":
		in["Message"] = []byte("message")
	case "DeriveSharedSecret":
		in["PublicKey"] = k.public // agreeing with oneself
		if k.public == "" {
			in["PublicKey"] = []byte("no key")
		}
	case "Decapsulate":
		in["SharedSecretCiphertextBlob"] = blob
	}
	none := base64.StdEncoding.EncodeToString([]byte("no signature"))
	if signature := map[string]string{"Verify": "Signature", "VerifyMac": "Mac"}[operation]; signature != "" {
		if in[signature] = k.signature[algorithm]; in[signature] == "" {
			in[signature] = none
		}
	}
	return in
}

// answered checks a good answer, and keeps what later calls need of it.
func (k *tried) answered(t *testing.T, operation, member, algorithm string, got answer) {
	t.Helper()
	ok := got.str("KeyId") == k.arn || operation == "ReEncrypt"
	if operation == "ReEncrypt" || got.str(member) != "" {
		ok = ok && got.str(member) == algorithm
	}
	switch operation {
	case "Encrypt":
		k.blob[algorithm] = got.str("CiphertextBlob")
	case "Decrypt":
		ok = ok && got.str("Plaintext") == "eA==" && (got.str("KeyMaterialId") != "") == k.isSymmetric()
	case "ReEncrypt":
		ok = ok && got.str("CiphertextBlob") != "" && (got.str("SourceKeyMaterialId") != "") == (k.isSymmetric() || member != "SourceEncryptionAlgorithm")
	case "Sign", "GenerateMac":
		k.signature[algorithm] = got.str("Signature") + got.str("Mac")
		ok = ok && k.signature[algorithm] != ""
	case "Verify":
		ok = ok && got.body["SignatureValid"] == true
	case "VerifyMac":
		ok = ok && got.body["MacValid"] == true
	case "DeriveSharedSecret":
		ok = ok && got.str("SharedSecret") != "" && got.str("KeyOrigin") == "AWS_KMS"
	case "Encapsulate":
		k.blob[algorithm], k.signature[algorithm] = got.str("SharedSecretCiphertextBlob"), got.str("SharedSecret")
	case "Decapsulate":
		ok = ok && got.str("SharedSecret") == k.signature[algorithm]
	}
	if !ok {
		t.Errorf("%s with %s and %s: %v", operation, algorithm, k.spec, got.body)
	}
}

// notApproved are algorithms that FIPS 140-3 does not approve, with the spec
// where it depends on that; "" is every spec.
var notApproved = map[string]string{
	"RSAES_OAEP_SHA_1": "", "SM2PKE": "", "SM2DSA": "", "ML_DSA_SHAKE_256": "", "ECDSA_SHA_256": "ECC_SECG_P256K1", "ML_KEM": "ML_KEM_512", "ECDH": "SM2",
}

// marks checks notFipsApproved in each record of a call that was let through,
// and that no record has what a caller signed, sent or got.
func marks(t *testing.T, records []map[string]any, keys []*tried) {
	t.Helper()
	specs := map[string]string{}
	for _, k := range keys {
		specs[k.id] = k.spec
	}
	marked := map[string]int{}
	for _, r := range records {
		parameters, _ := r["requestParameters"].(object)
		additional, _ := r["additionalEventData"].(object)
		want := false
		for name, value := range parameters {
			algorithm, _ := value.(string)
			if spec, ok := notApproved[algorithm]; ok && strings.HasSuffix(name, "Algorithm") {
				id, _ := parameters["keyId"].(string)
				want = want || spec == "" || spec == specs[id]
			}
			if slices.Contains([]string{"message", "signature", "mac", "publicKey", "plaintext", "ciphertextBlob", "sharedSecretCiphertextBlob"}, name) {
				t.Errorf("%s: the record has %s", r["eventName"], name)
			}
		}
		if r["eventName"] == "CreateKey" {
			spec, _ := parameters["keySpec"].(string)
			created(t, r, spec, fmt.Sprint(parameters["keyUsage"]))
			want = spec == "SM2" || spec == "ECC_SECG_P256K1" || spec == "ML_KEM_512" || strings.HasPrefix(spec, "ML_DSA_")
		}
		if r["errorCode"] == "InvalidKeyUsageException" || r["errorCode"] == "ValidationException" {
			want = false
		}
		if got := additional["notFipsApproved"] == "true"; got != want {
			t.Errorf("%s, %v: marked %v, want %v", r["eventName"], parameters, got, want)
		} else if got {
			marked[fmt.Sprint(r["eventName"])]++
		}
	}
	for _, operation := range []string{"CreateKey", "Encrypt", "Decrypt", "ReEncrypt", "Sign", "Verify", "DeriveSharedSecret", "Encapsulate", "Decapsulate"} {
		if marked[operation] == 0 {
			t.Errorf("no record of %s is marked: this looks at the wrong place", operation)
		}
	}
}

// created checks what the record of a CreateKey tells of the new key.
func created(t *testing.T, r map[string]any, spec, usage string) {
	t.Helper()
	answer, _ := r["responseElements"].(object)
	if answer == nil {
		return
	}
	metadata, _ := answer["keyMetadata"].(object)
	for of, member := range members {
		want := "<nil>"
		if of == usage {
			want = "[" + allowed[spec][usage] + "]"
		}
		name := strings.ToLower(member[:1]) + member[1:]
		if got := fmt.Sprint(metadata[name]); got != want {
			t.Errorf("the record of a %s for %s: %s is %s, want %s", spec, usage, name, got, want)
		}
	}
	if _, ok := metadata["currentKeyMaterialId"]; ok != (spec == "SYMMETRIC_DEFAULT") {
		t.Errorf("the record of a %s: currentKeyMaterialId is there: %v", spec, ok)
	}
}
