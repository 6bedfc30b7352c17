package optable_test

import (
	"strings"
	"testing"

	"trent/internal/api"
	"trent/internal/key"
	"trent/internal/optable"
)

// crossAccount are the operations that AWS documents as working on keys of
// other accounts, with the two of the ML-KEM release.
const crossAccount = "CreateGrant Decapsulate Decrypt DeriveSharedSecret DescribeKey Encapsulate Encrypt GenerateDataKey " +
	"GenerateDataKeyPair GenerateDataKeyPairWithoutPlaintext GenerateDataKeyWithoutPlaintext GenerateMac GetKeyRotationStatus " +
	"GetPublicKey ListGrants ListRetirableGrants ReEncrypt RetireGrant RevokeGrant Sign Verify VerifyMac"

// grantOperations are what CreateGrant's Operations can name; ReEncryptFrom
// and ReEncryptTo are both ReEncrypt.
const grantOperations = "CreateGrant Decapsulate Decrypt DeriveSharedSecret DescribeKey Encapsulate Encrypt GenerateDataKey " +
	"GenerateDataKeyPair GenerateDataKeyPairWithoutPlaintext GenerateDataKeyWithoutPlaintext GenerateMac GetPublicKey " +
	"ReEncrypt RetireGrant Sign Verify VerifyMac"

func set(words string) map[string]bool {
	m := map[string]bool{}
	for _, w := range strings.Fields(words) {
		m[w] = true
	}
	return m
}

func TestEveryOperationHasARow(t *testing.T) {
	t.Parallel()
	across, grants := set(crossAccount), set(grantOperations)
	for _, op := range api.Ops() {
		row, name := optable.Of(op), op.String()
		if row.Actions[0] == "" {
			t.Errorf("%s: no row", name)
			continue
		}
		if want := "kms:" + name; row.Actions[0] != want && op != api.OpReEncrypt {
			t.Errorf("%s: action %s, want %s", name, row.Actions[0], want)
		}
		if (row.Target == optable.TwoKeys) != (row.Actions[1] != "") {
			t.Errorf("%s: two keys and two actions belong together", name)
		}
		if row.CrossAccount != across[name] {
			t.Errorf("%s: cross-account %v, want %v", name, row.CrossAccount, across[name])
		}
		if row.GrantOp != grants[name] {
			t.Errorf("%s: grant operation %v, want %v", name, row.GrantOp, grants[name])
		}
		delete(across, name)
		delete(grants, name)
	}
	for name := range across {
		t.Errorf("no operation %s", name)
	}
	for name := range grants {
		t.Errorf("no operation %s", name)
	}
}

func TestDryRunIsTheModels(t *testing.T) {
	t.Parallel()
	for _, op := range api.Ops() {
		has := false
		for _, m := range op.Members() {
			has = has || m == "DryRun"
		}
		if got := optable.Of(op).DryRun; got != has {
			t.Errorf("%s: dry run %v, the model has it: %v", op, got, has)
		}
	}
}

// TestTargetsAreTheModels holds the targets against the members that requests have.
func TestTargetsAreTheModels(t *testing.T) {
	t.Parallel()
	for _, op := range api.Ops() {
		members := set(strings.Join(op.Members(), " "))
		var want optable.Target
		switch {
		case op == api.OpRetireGrant:
			want = optable.Token
		case members["DestinationKeyId"]:
			want = optable.TwoKeys
		case op == api.OpListAliases:
			want = optable.FilterKey
		case op == api.OpDecrypt:
			want = optable.Ciphertext
		case op == api.OpUpdateAlias:
			want = optable.AliasAndKey
		case members["KeyId"], members["TargetKeyId"]:
			want = optable.OneKey
		case members["AliasName"]:
			want = optable.AliasName
		case members["CustomKeyStoreId"] && op != api.OpCreateKey && op != api.OpDescribeCustomKeyStores && op != api.OpGenerateRandom:
			want = optable.KeyStore
		}
		if got := optable.Of(op).Target; got != want {
			t.Errorf("%s: target %d, want %d", op, got, want)
		}
	}
}

// stateTable is AWS's key-state table as its documentation prints it: for
// Enabled, Disabled, PendingDeletion, PendingImport, Unavailable, Creating and
// Updating the number of the error, 0 for none. Numbers that depend on more
// than the state stand as the one that the state alone gives.
var stateTable = map[string][7]int{
	"CancelKeyDeletion":               {4, 4, 0, 4, 4, 4, 4},
	"CreateAlias":                     {0, 0, 3, 0, 0, 0, 0},
	"CreateGrant":                     {0, 1, 3, 5, 0, 14, 0},
	"Encrypt":                         {0, 1, 3, 5, 11, 14, 0},
	"Decrypt":                         {0, 1, 3, 5, 11, 14, 0},
	"ReEncrypt":                       {0, 1, 3, 5, 11, 14, 0},
	"GenerateDataKey":                 {0, 1, 3, 5, 11, 14, 0},
	"GenerateDataKeyWithoutPlaintext": {0, 1, 3, 5, 11, 14, 0},
	"GenerateDataKeyPair":             {0, 1, 3, 5, 6, 14, 0},
	"Sign":                            {0, 1, 3, 5, 11, 14, 0},
	"GetPublicKey":                    {0, 0, 3, 0, 11, 14, 0},
	"DeleteAlias":                     {},
	"DescribeKey":                     {},
	"GetKeyPolicy":                    {},
	"PutKeyPolicy":                    {},
	"ListGrants":                      {},
	"EnableKey":                       {0, 0, 3, 5, 0, 14, 15},
	"DisableKey":                      {0, 0, 3, 5, 0, 14, 15},
	"ReplicateKey":                    {0, 1, 3, 5, 11, 14, 15},
	"ScheduleKeyDeletion":             {0, 0, 3, 0, 0, 0, 15},
	"TagResource":                     {0, 0, 3, 0, 0, 0, 0},
	"UntagResource":                   {0, 0, 3, 0, 0, 0, 0},
	"ListKeyPolicies":                 {},
	"ListResourceTags":                {},
	"UpdateAlias":                     {0, 0, 3, 0, 0, 0, 0}, // the new key's state; the old one's does not matter
	"UpdateKeyDescription":            {0, 0, 3, 0, 0, 0, 0},
}

func TestStates(t *testing.T) {
	t.Parallel()
	const arn = "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	texts := map[int]string{
		0: "", 1: "DisabledException: " + arn + " is disabled.",
		3: "KMSInvalidStateException: " + arn + " is pending deletion.", 4: "KMSInvalidStateException: " + arn + " is not pending deletion.",
		5:  "KMSInvalidStateException: " + arn + " is pending import.",
		6:  "UnsupportedOperationException: " + arn + " origin is AWS_KMS which is not valid for this operation.",
		11: "KMSInvalidStateException: " + arn + " is unavailable.",
		14: "KMSInvalidStateException: " + arn + " is creating.", 15: "KMSInvalidStateException: " + arn + " is updating.",
	}
	states := []key.State{key.Enabled, key.Disabled, key.PendingDeletion, key.PendingImport, key.Unavailable, key.Creating, key.Updating}
	for name, want := range stateTable {
		op, ok := api.ParseOp(name)
		if !ok {
			t.Fatalf("no operation %s", name)
		}
		for i, s := range states {
			got := ""
			if err := optable.Of(op).States.Check(&key.Key{ARN: arn, State: s, Origin: key.OriginAWSKMS}); err != nil {
				got = err.Error()
			}
			if got != texts[want[i]] {
				t.Errorf("%s of a key that is %s: %q, want %q", name, s, got, texts[want[i]])
			}
		}
	}
	replica := &key.Key{ARN: arn, State: key.PendingReplicaDeletion}
	if got := optable.Of(api.OpEncrypt).States.Check(replica).Error(); got != "KMSInvalidStateException: "+arn+" is pending replica deletion." {
		t.Error(got)
	}
	if optable.Of(api.OpEncrypt).States.Check(&key.Key{State: "New"}) == nil {
		t.Error("a state that is none is accepted")
	}
}
