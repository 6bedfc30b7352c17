package robustness

import (
	"net/http"
	"slices"
	"testing"

	"trent/test/harness"
)

// TestEveryCallIsRecordedOnce makes calls that succeed and calls that fail,
// and finds each in the trail once, with who, what, whence and how it ended.
func TestEveryCallIsRecordedOnce(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"nowait", "relaxed", "strict"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			s := harness.Start(t, "--audit", mode)
			session := record(t, s)
			if s.Stop() != 0 {
				t.Errorf("the server does not stop in order")
			}
			compareTrail(t, s, session)
		})
	}
}

// A made is a call that a test has made, and what its record must say.
type made struct {
	operation string
	who       harness.Who
	readOnly  bool
	arns      []string // of the keys that it was about, and of the alias
	answer    string   // responseElements.keyId
	context   object
	code      string
	requestID string
	created   bool // arns is the answer's
}

func record(t *testing.T, s *harness.Server) (session []made) {
	t.Helper()
	call := func(m made, in object) object {
		if m.who == (harness.Who{}) {
			m.who = harness.Default
		}
		res := s.Do(t, harness.Request{Operation: m.operation, Who: m.who, Body: harness.Marshal(in)})
		if res.Type != m.code {
			t.Fatalf("%s: %d %s, want %q", m.operation, res.Status, res.Body, m.code)
		}
		m.requestID = res.Header.Get("X-Amzn-Requestid")
		session = append(session, m)
		if res.Status != http.StatusOK || len(res.Body) == 0 {
			return nil
		}
		answer := res.JSON(t)
		if m.created {
			session[len(session)-1].arns = []string{answer["KeyMetadata"].(object)["Arn"].(string)}
		}
		return answer
	}
	key := call(made{operation: "CreateKey", created: true}, object{"Description": "ward 7"})["KeyMetadata"].(object)
	id, arn := key["KeyId"].(string), key["Arn"].(string)
	arns, context := []string{arn}, object{"department": "radiology"}
	alias := "arn:aws:kms:" + harness.Region + ":" + harness.Account + ":alias/recorded"
	call(made{operation: "CreateAlias", arns: []string{arn, alias}, answer: arn}, object{"AliasName": "alias/recorded", "TargetKeyId": id})
	call(made{operation: "DescribeKey", arns: arns, readOnly: true}, object{"KeyId": "alias/recorded"})
	call(made{operation: "ListKeys", readOnly: true}, object{})
	call(made{operation: "ListAliases", readOnly: true}, object{})
	sealed := call(made{operation: "Encrypt", arns: arns, readOnly: true, context: context},
		object{"KeyId": id, "Plaintext": "c2VjcmV0", "EncryptionContext": context})["CiphertextBlob"]
	call(made{operation: "Decrypt", arns: arns, readOnly: true, context: context}, object{"CiphertextBlob": sealed, "EncryptionContext": context})
	call(made{operation: "Decrypt", arns: arns, readOnly: true, code: invalidBlob}, object{"CiphertextBlob": sealed})
	call(made{operation: "ReEncrypt", arns: []string{arn, arn}, readOnly: true},
		object{"CiphertextBlob": sealed, "SourceEncryptionContext": context, "DestinationKeyId": id})
	call(made{operation: "GenerateDataKey", arns: arns, readOnly: true, context: context},
		object{"KeyId": id, "KeySpec": "AES_256", "EncryptionContext": context})
	call(made{operation: "GenerateDataKeyWithoutPlaintext", arns: arns, readOnly: true}, object{"KeyId": arn, "NumberOfBytes": 16})
	call(made{operation: "GenerateRandom", readOnly: true}, object{"NumberOfBytes": 8})
	call(made{operation: "Encrypt", arns: arns, readOnly: true, code: "DryRunOperationException"}, object{"KeyId": id, "Plaintext": "c2VjcmV0", "DryRun": true})
	other := call(made{operation: "CreateKey", created: true}, object{"Tags": []object{{"TagKey": "a", "TagValue": "b"}}})["KeyMetadata"].(object)["Arn"].(string)
	call(made{operation: "UpdateAlias", arns: []string{other, arn, alias}, answer: other}, object{"AliasName": "alias/recorded", "TargetKeyId": other})
	call(made{operation: "UpdateAlias", arns: []string{arn, other, alias}, answer: arn}, object{"AliasName": "alias/recorded", "TargetKeyId": id})
	call(made{operation: "UpdateAlias", code: notFound}, object{"AliasName": "alias/none", "TargetKeyId": id})
	call(made{operation: "UpdateKeyDescription", arns: arns}, object{"KeyId": id, "Description": "ward 8"})
	call(made{operation: "TagResource", arns: arns}, object{"KeyId": id, "Tags": []object{{"TagKey": "ward", "TagValue": "7"}}})
	call(made{operation: "TagResource", arns: arns}, object{"KeyId": id, "Tags": []object{{"TagKey": "ward", "TagValue": "7"}}}) // which changes nothing
	call(made{operation: "TagResource", arns: arns, code: "TagException"}, object{"KeyId": id, "Tags": []object{{"TagKey": "aws:x", "TagValue": ""}}})
	call(made{operation: "ListResourceTags", arns: arns, readOnly: true}, object{"KeyId": id})
	call(made{operation: "UntagResource", arns: arns, answer: arn}, object{"KeyId": id, "TagKeys": []string{"ward"}})
	policy := call(made{operation: "GetKeyPolicy", arns: arns, readOnly: true}, object{"KeyId": id})["Policy"]
	call(made{operation: "PutKeyPolicy", arns: arns}, object{"KeyId": id, "Policy": policy})
	call(made{operation: "PutKeyPolicy", arns: arns, code: "MalformedPolicyDocumentException"}, object{"KeyId": id, "Policy": "{}"})
	call(made{operation: "ListKeyPolicies", arns: arns, readOnly: true}, object{"KeyId": id})
	recordGrants(call, arns, id)
	recordKinds(call, arns, id)
	call(made{operation: "DisableKey", arns: arns, answer: arn}, object{"KeyId": id})
	call(made{operation: "Encrypt", arns: arns, readOnly: true, code: "DisabledException"}, object{"KeyId": id, "Plaintext": "c2VjcmV0"})
	call(made{operation: "EnableKey", arns: arns, answer: arn}, object{"KeyId": id})
	call(made{operation: "ScheduleKeyDeletion", arns: arns, answer: arn}, object{"KeyId": id, "PendingWindowInDays": 7})
	call(made{operation: "Encrypt", arns: arns, readOnly: true, code: "KMSInvalidStateException"}, object{"KeyId": id, "Plaintext": "c2VjcmV0"})
	call(made{operation: "CancelKeyDeletion", arns: arns, answer: arn}, object{"KeyId": id})
	call(made{operation: "EnableKey", arns: arns, answer: arn}, object{"KeyId": id})
	call(made{operation: "DeleteAlias", arns: []string{arn, alias}, answer: arn}, object{"AliasName": "alias/recorded"})
	call(made{operation: "DescribeKey", readOnly: true, code: notFound}, object{"KeyId": "alias/recorded"})
	call(made{operation: "Encrypt", readOnly: true, code: validation}, object{"KeyId": id})
	stranger := harness.Who{AccessKey: "111122223333", SecretKey: harness.SecretKey, Region: harness.Region}
	call(made{operation: "Decrypt", who: stranger, readOnly: true, code: accessDenied}, object{"CiphertextBlob": sealed})
	call(made{operation: "EnableKeyRotation", arns: arns}, object{"KeyId": id})
	call(made{operation: "GetKeyRotationStatus", arns: arns, readOnly: true}, object{"KeyId": id})
	call(made{operation: "GetKeyLastUsage", arns: arns, readOnly: true}, object{"KeyId": id})
	call(made{operation: "ListKeyRotations", arns: arns, readOnly: true}, object{"KeyId": id})
	call(made{operation: "DisableKeyRotation", arns: arns}, object{"KeyId": id})
	call(made{operation: "DescribeCustomKeyStores", readOnly: true, code: "UnsupportedOperationException"}, object{})
	return session
}

// recordGrants makes calls on grants on a key, whose ARN is in arns.
func recordGrants(call func(made, object) object, arns []string, id string) {
	const role = "arn:aws:iam::" + harness.Account + ":role/r"
	in := object{"KeyId": id, "GranteePrincipal": role, "RetiringPrincipal": role, "Operations": []string{"Decrypt"}, "Name": "ward-7"}
	first := call(made{operation: "CreateGrant", arns: arns, answer: arns[0]}, in)
	call(made{operation: "CreateGrant", arns: arns, answer: arns[0]}, in) // which makes nothing
	call(made{operation: "CreateGrant", arns: arns, code: validation}, object{"KeyId": id, "GranteePrincipal": role, "Operations": []string{"Sign"}})
	call(made{operation: "ListGrants", arns: arns, readOnly: true}, object{"KeyId": id})
	call(made{operation: "ListRetirableGrants", readOnly: true}, object{"RetiringPrincipal": role})
	call(made{operation: "RetireGrant", arns: arns, code: "DryRunOperationException"}, object{"GrantToken": first["GrantToken"], "DryRun": true})
	call(made{operation: "RetireGrant", arns: arns, answer: arns[0]}, object{"GrantToken": first["GrantToken"]})
	call(made{operation: "RetireGrant", code: "InvalidGrantTokenException"}, object{"GrantToken": "made-up"})
	call(made{operation: "RevokeGrant", arns: arns, code: notFound}, object{"KeyId": id, "GrantId": first["GrantId"]})
	second := call(made{operation: "CreateGrant", arns: arns, answer: arns[0]}, in)
	call(made{operation: "RevokeGrant", arns: arns}, object{"KeyId": id, "GrantId": second["GrantId"]})
}

// recordKinds makes calls with asymmetric and HMAC keys; call makes one, symmetric
// is another key's id, whose ARN is in arns.
func recordKinds(call func(made, object) object, arns []string, symmetric string) {
	create := func(spec, usage string) string {
		return call(made{operation: "CreateKey", created: true}, object{"KeySpec": spec, "KeyUsage": usage})["KeyMetadata"].(object)["Arn"].(string)
	}
	use := func(operation, arn, code string, in object) object {
		in["KeyId"] = arn
		return call(made{operation: operation, arns: []string{arn}, readOnly: true, code: code}, in)
	}
	sign := create("ECC_NIST_P256", "SIGN_VERIFY")
	message := object{"SigningAlgorithm": "ECDSA_SHA_256", "Message": "c2VjcmV0"}
	signature := use("Sign", sign, "", message)["Signature"]
	message["Signature"] = signature
	use("Verify", sign, "", message)
	message["Signature"] = "c2VjcmV0"
	use("Verify", sign, "KMSInvalidSignatureException", message)
	use("GetPublicKey", sign, "", object{})
	mac := create("HMAC_256", "GENERATE_VERIFY_MAC")
	message = object{"MacAlgorithm": "HMAC_SHA_256", "Message": "c2VjcmV0"}
	message["Mac"] = use("GenerateMac", mac, "", message)["Mac"]
	use("VerifyMac", mac, "", message)
	agree := create("ECC_NIST_P256", "KEY_AGREEMENT")
	public := use("GetPublicKey", agree, "", object{})["PublicKey"]
	use("DeriveSharedSecret", agree, "", object{"KeyAgreementAlgorithm": "ECDH", "PublicKey": public})
	use("DeriveSharedSecret", agree, validation, object{"KeyAgreementAlgorithm": "ECDH", "PublicKey": "c2VjcmV0"})
	kem := create("ML_KEM_768", "ENCAPSULATE_DECAPSULATE")
	ciphertext := use("Encapsulate", kem, "", object{"EncapsulationAlgorithm": "ML_KEM"})["SharedSecretCiphertextBlob"]
	use("Decapsulate", kem, "", object{"EncapsulationAlgorithm": "ML_KEM", "SharedSecretCiphertextBlob": ciphertext})
	for _, operation := range []string{"GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext"} {
		call(made{operation: operation, arns: arns, readOnly: true}, object{"KeyId": symmetric, "KeyPairSpec": "ECC_NIST_P256"})
	}
	sm2 := create("SM2", "ENCRYPT_DECRYPT")
	bare := use("Encrypt", sm2, "", object{"EncryptionAlgorithm": "SM2PKE", "Plaintext": "c2VjcmV0"})["CiphertextBlob"]
	use("Decrypt", sm2, "", object{"EncryptionAlgorithm": "SM2PKE", "CiphertextBlob": bare})
	call(made{operation: "ReEncrypt", arns: []string{sm2, arns[0]}, readOnly: true},
		object{"SourceKeyId": sm2, "SourceEncryptionAlgorithm": "SM2PKE", "CiphertextBlob": bare, "DestinationKeyId": symmetric})
}

func compareTrail(t *testing.T, s *harness.Server, session []made) {
	t.Helper()
	records, err := harness.ReadAudit(s.Data)
	if err != nil {
		t.Fatal(err)
	}
	if len(records) != len(session) {
		t.Errorf("%d records of %d calls", len(records), len(session))
	}
	events := map[string]bool{}
	for _, m := range session {
		var found []harness.AuditRecord
		for _, r := range records {
			if r.Text("requestID") == m.requestID {
				found = append(found, r)
			}
		}
		if len(found) != 1 {
			t.Errorf("%s %s: %d records", m.operation, m.code, len(found))
			continue
		}
		compareRecord(t, &found[0], m)
		if id := found[0].Text("eventID"); id == "" || events[id] {
			t.Errorf("%s: the event id %q is empty or of another record", m.operation, id)
		} else {
			events[id] = true
		}
	}
}

func compareRecord(t *testing.T, r *harness.AuditRecord, m made) {
	t.Helper()
	account := m.who.AccessKey
	if account == harness.AccessKey {
		account = harness.Account
	}
	for _, member := range []struct {
		want string
		path []string
	}{
		{m.operation, []string{"eventName"}},
		{"kms.amazonaws.com", []string{"eventSource"}},
		{m.who.Region, []string{"awsRegion"}},
		{"127.0.0.1", []string{"sourceIPAddress"}},
		{"trent-harness", []string{"userAgent"}},
		{m.code, []string{"errorCode"}},
		{account, []string{"userIdentity", "accountId"}},
		{"arn:aws:iam::" + account + ":root", []string{"userIdentity", "arn"}},
		{m.who.AccessKey, []string{"userIdentity", "accessKeyId"}},
		{"AwsApiCall", []string{"eventType"}},
	} {
		if got := r.Text(member.path...); got != member.want {
			t.Errorf("%s %s: %v is %q, want %q", m.operation, m.code, member.path, got, member.want)
		}
	}
	if r.Text("additionalEventData", "listenerId") == "" {
		t.Errorf("%s: no listener in %s", m.operation, r.JSON)
	}
	if r.Members["readOnly"] != m.readOnly {
		t.Errorf("%s: readOnly is %v", m.operation, r.Members["readOnly"])
	}
	if r.Text("eventTime") == "" {
		t.Errorf("%s: no eventTime", m.operation)
	}
	arns := r.Keys()
	if !slices.Equal(arns, m.arns) {
		t.Errorf("%s %s: the resources are %v, want %v", m.operation, m.code, arns, m.arns)
	}
	if got := r.Text("responseElements", "keyId"); got != m.answer {
		t.Errorf("%s: responseElements.keyId is %q, want %q", m.operation, got, m.answer)
	}
	if m.context != nil {
		parameters, _ := r.Members["requestParameters"].(object)
		if got := harness.Marshal(parameters["encryptionContext"]); got != harness.Marshal(m.context) {
			t.Errorf("%s: the context is %s", m.operation, got)
		}
	}
}
