package grant

import (
	"slices"
	"strings"
	"testing"

	"trent/internal/api"
	"trent/internal/key"
	"trent/internal/keyspec"
	"trent/internal/optable"
)

// TestOperationsAreTheTables: a grant can allow what the model's enumeration and
// the operation table say, and nothing else.
func TestOperationsAreTheTables(t *testing.T) {
	t.Parallel()
	if model := api.GrantOperationValues(); !slices.Equal(names[:], model) {
		t.Errorf("here\n%v\nin the model\n%v", names, model)
	}
	var all Operations
	for _, op := range api.Ops() {
		row := optable.Of(op)
		for _, action := range row.Actions {
			if action == "" {
				continue
			}
			one := OfAction(action)
			if one != 0 != row.GrantOp {
				t.Errorf("%s: an operation of grants %v, the table says %v", action, one != 0, row.GrantOp)
			}
			all |= one
		}
	}
	if all != 1<<numOperations-1 {
		t.Errorf("no operation needs %v", (1<<numOperations - 1&^all).Names())
	}
	for _, action := range []string{"Decrypt", "kms:decrypt", "kms:ScheduleKeyDeletion", "s3:Decrypt", ""} {
		if OfAction(action) != 0 {
			t.Errorf("%q is an operation of grants", action)
		}
	}
	for i, name := range names {
		if set := SetOf([]string{name, "ScheduleKeyDeletion"}); set != 1<<i || !slices.Equal(set.Names(), []string{name}) {
			t.Errorf("%s: %b, %v", name, set, set.Names())
		}
	}
}

// suitable are the operations that keys can do besides those of all keys, by
// type and usage.
var suitable = map[string]string{
	"SYMMETRIC ENCRYPT_DECRYPT": "Decrypt Encrypt GenerateDataKey GenerateDataKeyWithoutPlaintext ReEncryptFrom ReEncryptTo GenerateDataKeyPair " +
		"GenerateDataKeyPairWithoutPlaintext",
	"HMAC GENERATE_VERIFY_MAC":           "GenerateMac VerifyMac",
	"ASYMMETRIC ENCRYPT_DECRYPT":         "Decrypt Encrypt ReEncryptFrom ReEncryptTo GetPublicKey",
	"ASYMMETRIC SIGN_VERIFY":             "Sign Verify GetPublicKey",
	"ASYMMETRIC KEY_AGREEMENT":           "GetPublicKey DeriveSharedSecret",
	"ASYMMETRIC ENCAPSULATE_DECAPSULATE": "GetPublicKey Encapsulate Decapsulate",
}

func TestSuitableOperations(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for _, row := range keyspec.All() {
		for _, use := range row.Uses {
			what := row.Type.String() + " " + string(use.Usage)
			seen[what] = true
			want, known := suitable[what]
			if !known {
				t.Errorf("no expectation of keys %s", what)
			}
			set := SetOf(append(strings.Fields(want), "CreateGrant", "RetireGrant", "DescribeKey"))
			k := &key.Key{Spec: row.Spec, Usage: use.Usage}
			if got := Suitable(k); got != set {
				t.Errorf("%s, %s: %v, want %v", row.Spec, use.Usage, got.Names(), set.Names())
			}
		}
	}
	if len(seen) != len(suitable) {
		t.Errorf("%d kinds of keys of %d", len(seen), len(suitable))
	}
}
