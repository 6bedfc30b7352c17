package clients

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"trent/internal/api"
	"trent/internal/notyet"
	"trent/test/harness"
)

// missingOperations are those that internal/notyet refuses.
func missingOperations() (names []string) {
	for _, op := range api.Ops() {
		if !notyet.Works(op) {
			names = append(names, op.String())
		}
	}
	return names
}

// missingParameters are those that working operations refuse whatever their
// value, by operation.
func missingParameters() map[string][]string {
	refused := map[string][]string{}
	for _, op := range api.Ops() {
		for i, name := range op.Members() {
			if notyet.Works(op) && notyet.Refuses(op, 1<<i) {
				refused[op.String()] = append(refused[op.String()], name)
			}
		}
	}
	return refused
}

const (
	someBlob  = "c29tZSBieXRlcw=="
	someRole  = "arn:aws:iam::000000000000:role/radiology"
	someStore = "cks-1234567890abcdef0"
)

// unsupported has a well-formed request for each operation that Trent does not
// have yet. An operation leaves this table with the change that brings it.
func unsupported(key string) map[string]object {
	return map[string]object{
		"ConnectCustomKeyStore":    {"CustomKeyStoreId": someStore},
		"CreateCustomKeyStore":     {"CustomKeyStoreName": "store"},
		"DeleteCustomKeyStore":     {"CustomKeyStoreId": someStore},
		"DescribeCustomKeyStores":  {},
		"DisconnectCustomKeyStore": {"CustomKeyStoreId": someStore},
		"UpdateCustomKeyStore":     {"CustomKeyStoreId": someStore, "NewCustomKeyStoreName": "other"},
	}
}

// TestMissingOperationsAreRefused: what Trent does not have yet says so, and
// changes nothing.
func TestMissingOperationsAreRefused(t *testing.T) {
	t.Parallel()
	if have, want := slices.Sorted(maps.Keys(unsupported(""))), missingOperations(); !slices.Equal(have, want) {
		t.Errorf("requests for\n%v\nwant them for\n%v", have, want)
	}
	s := harness.Start(t)
	c := connectGoSDK(t, s, harness.Default)
	key, _ := s.CreateKey(t, harness.Default)
	describe := harness.Request{Operation: "DescribeKey", Body: harness.Marshal(object{"KeyId": key})}
	before := string(s.Do(t, describe).Body)
	for operation, in := range unsupported(key) {
		refused(t, c, operation, in, "UnsupportedOperationException", anyMessage)
	}
	if after := string(s.Do(t, describe).Body); after != before {
		t.Errorf("the key has changed:\n%s\n%s", before, after)
	}
}

// TestMissingParametersAreRefused: a parameter without its effect is refused,
// not ignored.
func TestMissingParametersAreRefused(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	c := connectGoSDK(t, s, harness.Default)
	key, _ := s.CreateKey(t, harness.Default)
	sealed := s.Must(t, "GenerateDataKey", object{"KeyId": key, "KeySpec": "AES_256"})["CiphertextBlob"]
	recipient := object{"KeyEncryptionAlgorithm": "RSAES_OAEP_SHA_256", "AttestationDocument": someBlob}
	for _, row := range []struct {
		operation string
		in        object
	}{
		{"CreateKey", object{"Origin": "AWS_CLOUDHSM"}},
		{"CreateKey", object{"CustomKeyStoreId": someStore, "Origin": "AWS_CLOUDHSM"}},
		{"Decrypt", object{"CiphertextBlob": sealed, "Recipient": recipient}},
		{"GenerateDataKey", object{"KeyId": key, "KeySpec": "AES_256", "Recipient": recipient}},
		{"GenerateDataKeyPair", object{"KeyId": key, "KeyPairSpec": "ECC_NIST_P256", "Recipient": recipient}},
		{"DeriveSharedSecret", object{"KeyId": key, "KeyAgreementAlgorithm": "ECDH", "PublicKey": someBlob, "Recipient": recipient}},
		{"GenerateRandom", object{"NumberOfBytes": 8, "Recipient": recipient}},
		{"GenerateRandom", object{"NumberOfBytes": 8, "CustomKeyStoreId": someStore}},
	} {
		t.Run(row.operation+" "+strings.Join(slices.Sorted(maps.Keys(row.in)), " "), func(t *testing.T) {
			refused(t, c, row.operation, row.in, "UnsupportedOperationException", anyMessage)
		})
	}
}
