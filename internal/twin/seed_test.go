package twin

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"trent/internal/twin/seed"
)

const seeded = `
accounts: [444455556666]
keys:
- account: 111122223333
  region: eu-west-1
  id: 1234abcd-12ab-34cd-56ef-1234567890ab
  description: payroll
  aliases: [alias/payroll, alias/salaries]
  tags: {cost: "7", ward: radiology}
- account: 111122223333
  region: eu-west-1
  aliases: [alias/off]
  state: Disabled
- account: 111122223333
  region: eu-west-1
  aliases: [alias/going]
  state: PendingDeletion
  pending_window_days: 9
faults:
- {operation: GenerateRandom, fault: throttle, count: 1}
`

const seededID = "1234abcd-12ab-34cd-56ef-1234567890ab"

func parsed(t *testing.T, text string) *seed.File {
	t.Helper()
	f, err := seed.Parse("seed.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// state is what the seeded keys are, by their aliases.
func (f *fixture) state(t *testing.T) object {
	t.Helper()
	all := object{}
	for _, alias := range f.must(t, "ListAliases", object{})["Aliases"].([]any) {
		a := alias.(object)
		m := f.must(t, "DescribeKey", object{"KeyId": a["AliasName"]})["KeyMetadata"].(object)
		tags := f.must(t, "ListResourceTags", object{"KeyId": m["KeyId"]})["Tags"]
		all[a["AliasName"].(string)] = []any{m["KeyId"], m["KeyState"], m["Description"], m["DeletionDate"], m["CreationDate"], tags}
	}
	return all
}

// TestSeed: what the file says is there, once, after a start, after another one
// on the same folder, after a change by a client, and after a reset.
func TestSeed(t *testing.T) {
	t.Parallel()
	f := &fixture{dir: t.TempDir(), seed: parsed(t, seeded)}
	f.start(t)
	t.Cleanup(func() {
		if err := f.stop(); err != nil {
			t.Error(err)
		}
	})
	first := f.state(t)
	if len(first) != 4 || !reflect.DeepEqual(first["alias/payroll"], first["alias/salaries"]) {
		t.Errorf("aliases %v", first)
	}
	payroll := first["alias/payroll"].([]any)
	if payroll[0] != seededID || payroll[1] != "Enabled" || payroll[2] != "payroll" || len(payroll[5].([]any)) != 2 {
		t.Errorf("payroll: %v", payroll)
	}
	if off, going := first["alias/off"].([]any), first["alias/going"].([]any); off[1] != "Disabled" || going[1] != "PendingDeletion" {
		t.Errorf("states: %v, %v", off, going)
	}
	if _, code := f.call(t, "GenerateRandom", object{"NumberOfBytes": 1}); code != "ThrottlingException" {
		t.Errorf("the seed's fault: %q", code)
	}
	blob := f.must(t, "Encrypt", object{"KeyId": "alias/payroll", "Plaintext": []byte("x")})["CiphertextBlob"]

	f.restart(t, true)
	if again := f.state(t); !reflect.DeepEqual(again, first) {
		t.Errorf("started again: %v, want %v", again, first)
	}
	f.must(t, "Decrypt", object{"CiphertextBlob": blob})

	mine := f.createKey(t)
	f.must(t, "DisableKey", object{"KeyId": seededID})
	f.must(t, "UpdateKeyDescription", object{"KeyId": seededID, "Description": "mine"})
	f.must(t, "TagResource", object{"KeyId": seededID, "Tags": []object{{"TagKey": "cost", "TagValue": "8"}}})
	f.must(t, "UpdateAlias", object{"AliasName": "alias/salaries", "TargetKeyId": mine})
	f.must(t, "ScheduleKeyDeletion", object{"KeyId": first["alias/off"].([]any)[0], "PendingWindowInDays": 7})
	f.restart(t, true)
	changed := f.state(t)
	if !reflect.DeepEqual(changed, first) {
		t.Errorf("changed by a client and started again: %v, want %v", changed, first)
	}
	f.must(t, "DescribeKey", object{"KeyId": mine})

	f.post(t, "/_trent/reset", "{}")
	if fresh := f.state(t)["alias/payroll"].([]any); fresh[0] != seededID || fresh[1] != "Enabled" {
		t.Errorf("after a reset: %v", fresh)
	}
	if _, code := f.call(t, "Decrypt", object{"CiphertextBlob": blob}); code != "AccessDeniedException" {
		t.Errorf("a ciphertext of before the reset: %q", code)
	}
	if _, code := f.call(t, "DescribeKey", object{"KeyId": mine}); code != "NotFoundException" {
		t.Errorf("a key of before the reset: %q", code)
	}
}

// TestSeedOfKeysThatAreDue: keys whose waiting period ended while nothing ran are
// deleted first, and then made as the seed says.
func TestSeedOfKeysThatAreDue(t *testing.T) {
	t.Parallel()
	const keys = 12
	text := func(state string) string {
		all := "keys:\n"
		for i := range keys {
			all += fmt.Sprintf("- {account: 111122223333, region: eu-west-1, id: 1234abcd-12ab-34cd-56ef-%012d, state: %s}\n", i, state)
		}
		return all
	}
	f := &fixture{dir: t.TempDir(), seed: parsed(t, text("PendingDeletion"))}
	f.start(t)
	t.Cleanup(func() {
		if err := f.stop(); err != nil {
			t.Error(err)
		}
	})
	f.restart(t, false)
	f.seed, f.ahead = parsed(t, text("Enabled")), 31*day
	f.start(t)
	for i := range keys {
		m := f.must(t, "DescribeKey", object{"KeyId": fmt.Sprintf("1234abcd-12ab-34cd-56ef-%012d", i)})["KeyMetadata"].(object)
		made := time.UnixMilli(int64(m["CreationDate"].(float64) * 1000))
		if m["KeyState"] != "Enabled" || made.Before(f.Now().Add(-day)) {
			t.Errorf("key %d is %v, made at %v", i, m["KeyState"], made)
		}
	}
}

// TestSeedIsRefused: what only the service can tell is refused by the rules that
// hold for clients, with the key's line.
func TestSeedIsRefused(t *testing.T) {
	t.Parallel()
	const text = `keys:
- region: eu-west-1
  aliases: [alias/a]
  policy: '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:*","Resource":"*"}]}'
`
	f := &fixture{dir: t.TempDir(), seed: parsed(t, text)}
	twin, err := Open(t.Context(), f.config(t))
	if err == nil {
		twin.Close()
	}
	if want := "seed.yaml:2: keys[0]: CreateKey: MalformedPolicyDocumentException"; err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
}

// TestSeedOfAnotherSpec: no key changes its spec or its usage.
func TestSeedOfAnotherSpec(t *testing.T) {
	t.Parallel()
	const text = "keys:\n- {region: eu-west-1, aliases: [alias/a], key_spec: %s, key_usage: %s}\n"
	f := &fixture{dir: t.TempDir(), seed: parsed(t, fmt.Sprintf(text, "RSA_2048", "SIGN_VERIFY"))}
	f.start(t)
	f.restart(t, true)
	f.restart(t, false)
	for _, other := range [][2]string{{"RSA_3072", "SIGN_VERIFY"}, {"RSA_2048", "ENCRYPT_DECRYPT"}} {
		f.seed = parsed(t, fmt.Sprintf(text, other[0], other[1]))
		twin, err := Open(t.Context(), f.config(t))
		if err == nil {
			twin.Close()
		}
		if want := "seed.yaml:2: keys[0]: the key is there already, for SIGN_VERIFY with the spec RSA_2048"; err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: %v, want %q", other, err, want)
		}
	}
}

// TestSeedOfAliasesThatMoved: an alias that a client has moved to the key of
// another entry does not make one key of the two.
func TestSeedOfAliasesThatMoved(t *testing.T) {
	t.Parallel()
	const text = `keys:
- {account: 111122223333, region: eu-west-1, aliases: [alias/first], description: first}
- {account: 111122223333, region: eu-west-1, aliases: [alias/moved], description: moved}
- {account: 111122223333, region: eu-west-1, aliases: [alias/signs], description: signs, key_spec: ECC_NIST_P256, key_usage: SIGN_VERIFY}
- {account: 111122223333, region: eu-west-1, id: ` + seededID + `, description: owner}
- {account: 111122223333, region: us-west-2, id: ` + seededID + `, description: elsewhere}
`
	for name, target := range map[string]string{"of an id": seededID, "of an alias": "alias/first"} {
		f := &fixture{dir: t.TempDir(), seed: parsed(t, text)}
		f.start(t)
		t.Cleanup(func() {
			if err := f.stop(); err != nil {
				t.Error(err)
			}
		})
		described := func(id string) object {
			return f.must(t, "DescribeKey", object{"KeyId": id})["KeyMetadata"].(object)
		}
		first := described("alias/first")["KeyId"]
		id := described(target)["KeyId"].(string)
		f.must(t, "UpdateAlias", object{"AliasName": "alias/moved", "TargetKeyId": id})
		f.must(t, "DeleteAlias", object{"AliasName": "alias/signs"})
		f.must(t, "CreateAlias", object{"AliasName": "alias/signs", "TargetKeyId": id})
		f.restart(t, true)
		for alias, description := range map[string]string{"alias/first": "first", "alias/moved": "moved", "alias/signs": "signs", seededID: "owner"} {
			if got := described(alias)["Description"]; got != description {
				t.Errorf("%s: the key of %s is described as %v", name, alias, got)
			}
		}
		if got := described("alias/first")["KeyId"]; got != first {
			t.Errorf("%s: alias/first is of %v, and was of %v", name, got, first)
		}
		keys := len(f.must(t, "ListKeys", object{})["Keys"].([]any))
		f.restart(t, true)
		if again := len(f.must(t, "ListKeys", object{})["Keys"].([]any)); again != keys || keys != 6 {
			t.Errorf("%s: %d keys, started again %d, want 6: the two whose aliases moved are new", name, keys, again)
		}
	}
}
