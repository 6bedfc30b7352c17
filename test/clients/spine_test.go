package clients

import (
	"bytes"
	"fmt"
	"slices"
	"sync"
	"testing"

	"trent/test/harness"
)

// A recorder notes which operations a client has carried out with success; the
// table proven.txt comes from it.
type recorder struct {
	caller
	mu   *sync.Mutex
	done map[string]bool
}

func (r recorder) call(t testing.TB, operation string, in object) (object, error) {
	t.Helper()
	out, err := r.caller.call(t, operation, in)
	if err == nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.done[operation] = true
	}
	return out, err
}

// identifiers are the four ways to name a key.
type identifiers struct{ id, arn, alias, aliasARN string }

func (k identifiers) all() []string { return []string{k.id, k.arn, k.alias, k.aliasARN} }

// TestSpine takes a key through its life with each client: created, named,
// used by every name, disabled, enabled.
func TestSpine(t *testing.T) {
	t.Parallel()
	proven := provenTable(t)
	t.Run("clients", func(t *testing.T) {
		forEachClient(t, func(t *testing.T, c client) {
			s := harness.Start(t)
			r := recorder{c.connect(t, s, harness.Default), new(sync.Mutex), map[string]bool{}}
			spine(t, r, "alias/spine-"+c.name)
			t.Run("identities", func(t *testing.T) {
				identities(t, r, func(who harness.Who) caller { return recorder{c.connect(t, s, who), r.mu, r.done} })
			})
			t.Run("Regions", func(t *testing.T) {
				regions(t, r, func(region string) caller {
					who := harness.Default
					who.Region = region
					return recorder{c.connect(t, s, who), r.mu, r.done}
				})
			})
			t.Run("rotation", func(t *testing.T) { rotations(t, r, lacks[c.name]) })
			t.Run("last usage", func(t *testing.T) { lastUsage(t, r, lacks[c.name]) })
			t.Run("event history", func(t *testing.T) { lookups(t, r) })
			t.Run("import", func(t *testing.T) { imports(t, r) })
			t.Run("keys of all kinds", func(t *testing.T) { kinds(t, r, lacks[c.name]) })
			proven.check(t, c.name, r.done)
		})
	})
}

func spine(t *testing.T, c caller, alias string) {
	metadata := must(t, c, "CreateKey", object{
		"Description": "spine", "Tags": []object{{"TagKey": "spine", "TagValue": "yes"}},
	})["KeyMetadata"].(object)
	key := identifiers{id: text(t, metadata, "KeyId"), arn: text(t, metadata, "Arn"), alias: alias}
	key.aliasARN = "arn:aws:kms:" + harness.Region + ":" + harness.Account + ":" + alias
	if want := "arn:aws:kms:" + harness.Region + ":" + harness.Account + ":key/" + key.id; key.arn != want {
		t.Fatalf("the key's ARN is %s, want %s", key.arn, want)
	}
	must(t, c, "CreateAlias", object{"AliasName": alias, "TargetKeyId": key.arn})
	refused(t, c, "CreateAlias", object{"AliasName": alias, "TargetKeyId": key.id},
		"AlreadyExistsException", "An alias with the name "+key.aliasARN+" already exists")

	t.Run("list", func(t *testing.T) { lists(t, c, key) })
	t.Run("use", func(t *testing.T) {
		for _, name := range key.all() {
			use(t, c, key, name)
		}
	})
	t.Run("context", func(t *testing.T) { bindContext(t, c, key) })
	t.Run("description", func(t *testing.T) { describeAnew(t, c, key) })
	t.Run("tags", func(t *testing.T) { tags(t, c, key) })
	t.Run("policy", func(t *testing.T) { policy(t, c, key) })
	t.Run("grants", func(t *testing.T) { grants(t, c, key) })
	t.Run("move the alias", func(t *testing.T) { moveAlias(t, c, key) })
	t.Run("re-encrypt", func(t *testing.T) { reEncrypt(t, c, key) })
	t.Run("aliases are refused where AWS takes none", func(t *testing.T) {
		for _, operation := range []string{"EnableKey", "DisableKey"} {
			for _, name := range []string{key.alias, key.aliasARN} {
				refused(t, c, operation, object{"KeyId": name}, "InvalidArnException", "Key Aliases are not supported for this operation.")
			}
		}
	})
	t.Run("disable and enable", func(t *testing.T) { disableAndEnable(t, c, key) })
	t.Run("deletion", func(t *testing.T) { scheduleDeletion(t, c, alias+"-deleted") })
	t.Run("random", func(t *testing.T) {
		one := decoded(t, must(t, c, "GenerateRandom", object{"NumberOfBytes": 32}), "Plaintext")
		two := decoded(t, must(t, c, "GenerateRandom", object{"NumberOfBytes": 32}), "Plaintext")
		if len(one) != 32 || bytes.Equal(one, two) {
			t.Errorf("two random answers: %x, %x", one, two)
		}
	})

	must(t, c, "DeleteAlias", object{"AliasName": alias})
	refused(t, c, "Encrypt", object{"KeyId": alias, "Plaintext": blob("x")},
		"NotFoundException", "Alias "+key.aliasARN+" is not found.")
}

func lists(t *testing.T, c caller, key identifiers) {
	var found []any
	for _, entry := range must(t, c, "ListKeys", object{})["Keys"].([]any) {
		if entry.(object)["KeyId"] == key.id {
			found = append(found, entry.(object)["KeyArn"])
		}
	}
	if len(found) != 1 || found[0] != key.arn {
		t.Errorf("ListKeys has the key as %v", found)
	}
	for _, in := range []object{{}, {"KeyId": key.id}, {"KeyId": key.arn}} {
		aliases := must(t, c, "ListAliases", in)["Aliases"].([]any)
		at := slices.IndexFunc(aliases, func(a any) bool { return a.(object)["AliasName"] == key.alias })
		if at < 0 {
			t.Fatalf("ListAliases %v lacks %s: %v", in, key.alias, aliases)
		}
		entry := aliases[at].(object)
		if entry["AliasArn"] != key.aliasARN || entry["TargetKeyId"] != key.id || entry["CreationDate"] == nil || entry["LastUpdatedDate"] == nil {
			t.Errorf("ListAliases has %v", entry)
		}
	}
}

// use uses the key by one of its names; answers name it by its ARN.
func use(t *testing.T, c caller, key identifiers, name string) {
	context := object{"department": "radiology"}
	if got := text(t, must(t, c, "DescribeKey", object{"KeyId": name})["KeyMetadata"].(object), "Arn"); got != key.arn {
		t.Errorf("DescribeKey %s answers %s", name, got)
	}
	plaintext := blob("attack at dawn")
	encrypted := must(t, c, "Encrypt", object{"KeyId": name, "Plaintext": plaintext, "EncryptionContext": context})
	if encrypted["KeyId"] != key.arn || encrypted["EncryptionAlgorithm"] != "SYMMETRIC_DEFAULT" {
		t.Errorf("Encrypt %s answers %v", name, encrypted)
	}
	decrypted := must(t, c, "Decrypt", object{"KeyId": name, "CiphertextBlob": encrypted["CiphertextBlob"], "EncryptionContext": context})
	if decrypted["Plaintext"] != plaintext || decrypted["KeyId"] != key.arn {
		t.Errorf("Decrypt %s answers %v", name, decrypted)
	}
	dataKey := must(t, c, "GenerateDataKey", object{"KeyId": name, "KeySpec": "AES_256"})
	if len(decoded(t, dataKey, "Plaintext")) != 32 || dataKey["KeyId"] != key.arn {
		t.Errorf("GenerateDataKey %s answers %d bytes for %v", name, len(decoded(t, dataKey, "Plaintext")), dataKey["KeyId"])
	}
	sealed := must(t, c, "GenerateDataKeyWithoutPlaintext", object{"KeyId": name, "NumberOfBytes": 17})
	if sealed["Plaintext"] != nil || sealed["KeyId"] != key.arn {
		t.Errorf("GenerateDataKeyWithoutPlaintext %s answers %v", name, sealed)
	}
}

// bindContext shows that the encryption context belongs to a ciphertext: with
// another one, or none, it is no ciphertext.
func bindContext(t *testing.T, c caller, key identifiers) {
	context := object{"department": "radiology", "ward": "7"}
	dataKey := must(t, c, "GenerateDataKey", object{"KeyId": key.id, "KeySpec": "AES_256", "EncryptionContext": context})
	again := must(t, c, "Decrypt", object{"CiphertextBlob": dataKey["CiphertextBlob"], "EncryptionContext": context})
	if again["Plaintext"] != dataKey["Plaintext"] {
		t.Errorf("Decrypt does not give the data key back")
	}
	for _, wrong := range []object{{"department": "Radiology", "ward": "7"}, {"department": "radiology"}, {}} {
		refused(t, c, "Decrypt", object{"CiphertextBlob": dataKey["CiphertextBlob"], "EncryptionContext": wrong}, "InvalidCiphertextException", "")
	}
	sealed := must(t, c, "GenerateDataKeyWithoutPlaintext", object{"KeyId": key.id, "NumberOfBytes": 17, "EncryptionContext": context})
	opened := must(t, c, "Decrypt", object{"CiphertextBlob": sealed["CiphertextBlob"], "EncryptionContext": context})
	if got := decoded(t, opened, "Plaintext"); len(got) != 17 {
		t.Errorf("the data key without plaintext has %d bytes, want 17", len(got))
	}
}

func reEncrypt(t *testing.T, c caller, from identifiers) {
	to := must(t, c, "CreateKey", object{})["KeyMetadata"].(object)
	plaintext := blob("carry me over")
	before := object{"ward": "7"}
	after := object{"ward": "8", "bed": "2"}
	encrypted := must(t, c, "Encrypt", object{"KeyId": from.id, "Plaintext": plaintext, "EncryptionContext": before})
	for _, source := range append(from.all(), "") {
		in := object{
			"CiphertextBlob": encrypted["CiphertextBlob"], "SourceEncryptionContext": before,
			"DestinationKeyId": to["KeyId"], "DestinationEncryptionContext": after,
		}
		if source != "" {
			in["SourceKeyId"] = source
		}
		out := must(t, c, "ReEncrypt", in)
		if out["SourceKeyId"] != from.arn || out["KeyId"] != to["Arn"] ||
			out["SourceEncryptionAlgorithm"] != "SYMMETRIC_DEFAULT" || out["DestinationEncryptionAlgorithm"] != "SYMMETRIC_DEFAULT" {
			t.Errorf("ReEncrypt from %q answers %v", source, out)
		}
		decrypted := must(t, c, "Decrypt", object{"CiphertextBlob": out["CiphertextBlob"], "EncryptionContext": after})
		if decrypted["Plaintext"] != plaintext || decrypted["KeyId"] != to["Arn"] {
			t.Errorf("what ReEncrypt gave decrypts to %v", decrypted)
		}
	}
}

func disableAndEnable(t *testing.T, c caller, key identifiers) {
	encrypted := must(t, c, "Encrypt", object{"KeyId": key.id, "Plaintext": blob("x")})
	state := func() string {
		m := must(t, c, "DescribeKey", object{"KeyId": key.id})["KeyMetadata"].(object)
		return fmt.Sprint(m["KeyState"], " ", m["Enabled"])
	}
	must(t, c, "DisableKey", object{"KeyId": key.arn})
	if got := state(); got != "Disabled false" {
		t.Errorf("after DisableKey: %s", got)
	}
	for operation, in := range map[string]object{
		"Encrypt":                         {"KeyId": key.id, "Plaintext": blob("x")},
		"Decrypt":                         {"CiphertextBlob": encrypted["CiphertextBlob"]},
		"GenerateDataKey":                 {"KeyId": key.alias, "KeySpec": "AES_128"},
		"GenerateDataKeyWithoutPlaintext": {"KeyId": key.aliasARN, "KeySpec": "AES_128"},
		"ReEncrypt":                       {"CiphertextBlob": encrypted["CiphertextBlob"], "DestinationKeyId": key.id},
	} {
		refused(t, c, operation, in, "DisabledException", key.arn+" is disabled.")
	}
	must(t, c, "EnableKey", object{"KeyId": key.id})
	if got := state(); got != "Enabled true" {
		t.Errorf("after EnableKey: %s", got)
	}
	must(t, c, "Decrypt", object{"CiphertextBlob": encrypted["CiphertextBlob"]})
}
