package seed

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestParse: what is wrong with a seed is named with its line and its field.
func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                                       "",
		"# nothing":                              "",
		"accounts: [111122223333, 000000000000]": "",
		"keys:\n- region: eu-west-1\n  aliases: [alias/a]\n":                                                                           "",
		"keys:\n- region: eu-west-1\n  id: 1234abcd-12ab-34cd-56ef-1234567890ab\n  state: PendingDeletion\n  pending_window_days: 7\n": "",
		"faults:\n- {operation: Decrypt, fault: throttle, rate: 0.5}\nfault_seed: 7\n":                                                 "",

		"null": "", "---\n": "", "---\n# nothing\n": "",

		"keys: [":                         "seed.yaml:1: ",
		"accounts: {}\n":                  "seed.yaml:1: ",
		"keys: []\n---\nkeys: []\n":       "more than one document",
		"keys: []\nkeys: []\n":            "seed.yaml:2: ",
		"key: []\n":                       "seed.yaml:1: unknown field key",
		"accounts:\n- 111122223333\n- 12": "seed.yaml:3: accounts[1]: want 12 digits",
		"keys:\n- region: eu-west-1\n  aliases: [alias/a]\n  material: AAAA\n":                                   "seed.yaml:4: unknown field material",
		"keys:\n- region: eu-west-1\n  aliases: [alias/a]\n  tags: [a]\n":                                        "seed.yaml:4: ",
		"keys:\n- aliases: [alias/a]\n":                                                                          "seed.yaml:2: keys[0].region: want a Region",
		"keys:\n- region: eu-west-1\n":                                                                           "keys[0].id: a key needs an id or an alias",
		"keys:\n- region: europe\n  aliases: [alias/a]\n":                                                        "seed.yaml:2: keys[0].region: ",
		"keys:\n- region: eu-west-1\n\n  id: key-1\n":                                                            "seed.yaml:4: keys[0].id: want a UUID",
		"keys:\n- region: eu-west-1\n  id: 1234ABCD-12ab-34cd-56ef-1234567890ab\n":                               "seed.yaml:3: keys[0].id: want a UUID",
		"keys:\n- region: eu-west-1\n  id: mrk-1234abcd12ab34cd56ef1234567890ab\n":                               "seed.yaml:3: keys[0].id: want a UUID",
		"keys:\n- region: eu-west-1\n  aliases: [alias/a]\n  account: 1\n":                                       "seed.yaml:4: keys[0].account: want 12 digits",
		"keys:\n- region: eu-west-1\n  aliases: [alias/a]\n  state: PendingImport\n":                             "seed.yaml:4: keys[0].state: want",
		"keys:\n- region: eu-west-1\n  aliases: [alias/a]\n  pending_window_days: 7\n":                           "seed.yaml:4: keys[0].pending_window_days: ",
		"keys:\n- region: eu-west-1\n  aliases: [alias/a]\n  pending_window_days: soon\n":                        "seed.yaml:4: ",
		"keys:\n- {region: eu-west-1, aliases: [alias/a]}\n- {region: eu-west-1, aliases: [alias/b, alias/a]}\n": "seed.yaml:3: keys[1]: alias/a is that of keys[0]",
		"keys:\n":                 "seed.yaml:1: keys: nothing stands here",
		"accounts: [null]\n":      "seed.yaml:1: accounts[0]: nothing stands here",
		"keys:\n- null\n- ~\n-\n": "seed.yaml:4: keys[2]: nothing stands here",
		"keys:\n- region: eu-west-1\n  aliases: [alias/a]\n  tags: {a: null}\n":                                   "seed.yaml:4: keys[0].tags.a: nothing stands here",
		"keys:\n- region: eu-west-1\n  id:\n  aliases: [alias/a]\n":                                               "seed.yaml:3: keys[0].id: nothing stands here",
		"keys:\n- region: eu-west-1\n  aliases:\n  - alias/a\n  - payroll\n":                                      "seed.yaml:5: keys[0].aliases[1]: want alias/",
		"keys:\n- region: eu-west-1\n  aliases: [alias/aws/s3]\n":                                                 "seed.yaml:3: keys[0].aliases[0]: want alias/",
		"keys:\n- region: eu-west-1\n  aliases: [alias/a, alias/a]\n":                                             "seed.yaml:2: keys[0]: alias/a is that of keys[0]",
		"keys:\n- region: eu-west-1\n  aliases: [" + names(51) + "]\n":                                            "seed.yaml:3: keys[0].aliases: a key has 50 aliases at most",
		"keys:\n- region: eu-west-1\n  aliases: [alias/a]\n  state: PendingDeletion\n  pending_window_days: 6\n":  "seed.yaml:5: keys[0].pending_window_days: want 7 to 30 days",
		"keys:\n- region: eu-west-1\n  aliases: [alias/a]\n  state: PendingDeletion\n  pending_window_days: 31\n": "seed.yaml:5: keys[0].pending_window_days: want 7 to 30 days",
		"keys:\n- region: eu-west-1\n  aliases: [alias/a]\n  state: PendingDeletion\n  pending_window_days: 0\n":  "seed.yaml:5: keys[0].pending_window_days: want 7 to 30 days",
		"keys:\n- region: eu-west-1\n  aliases: [alias/a]\n  key_spec: RSA_1\n":                                   "seed.yaml:4: keys[0].key_spec: ",
		"keys:\n- region: eu-west-1\n  aliases: [alias/a]\n  key_spec: HMAC_256\n  key_usage: SIGN_VERIFY\n":      "seed.yaml:4: keys[0].key_spec: ",
		"keys:\n- region: eu-west-1\n  aliases: [alias/a]\n  policy: all\n":                                       "seed.yaml:4: keys[0].policy: ",
		"keys:\n- region: eu-west-1\n  aliases: [alias/a]\n  tags: {\"aws:a\": b}\n":                              "seed.yaml:4: keys[0].tags: TagException",
		"keys:\n- region: eu-west-1\n  aliases: [alias/a]\n  tags: {a: " + strings.Repeat("v", 257) + "}\n":       "seed.yaml:4: keys[0].tags: ",
		"keys:\n- region: eu-west-1\n  aliases: [alias/a]\n  description: " + strings.Repeat("d", 8193) + "\n":    "seed.yaml:4: keys[0].description: ",
		"faults:\n- {fault: throttle}\n- {fault: fire}\n":                                                         "seed.yaml:3: faults[1]: fault \"fire\"",
		"faults:\n- {fault: throttle, key_id: payroll}\n":                                                         "seed.yaml:2: faults[0]: \"payroll\" is neither the id nor the ARN",
		"faults: [" + strings.Repeat("{fault: throttle},", 101) + "]\n":                                           "seed.yaml:1: faults: there are more than 100 rules",
	} {
		f, err := Parse("seed.yaml", []byte(text))
		switch {
		case want == "" && err != nil:
			t.Errorf("%q: %v", text, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want)):
			t.Errorf("%q: %v, want %q", text, err, want)
		case err != nil && (strings.Contains(err.Error(), "!!") || strings.Contains(err.Error(), "seed.Key")):
			t.Errorf("%q: %v speaks of Go or of YAML's own", text, err)
		case want == "" && f == nil:
			t.Errorf("%q: nothing", text)
		}
	}
	if _, err := Parse("seed.yaml", []byte("accounts: [1]\nkeys:\n- region: x\n")); err == nil || strings.Count(err.Error(), "seed.yaml:") != 3 {
		t.Errorf("not every reason: %v", err)
	}
	if _, err := Read(t.TempDir() + "/none"); err == nil {
		t.Error("a file that is not there")
	}
}

// names are n aliases of a flow sequence.
func names(n int) (all string) {
	for i := range n {
		all += fmt.Sprintf("alias/%d, ", i)
	}
	return strings.TrimSuffix(all, ", ")
}

// TestDocument: the example of docs/dev.md is a seed.
func TestDocument(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../../docs/dev.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), "```yaml\n")
	text, _, ok := strings.Cut(text, "```")
	f, err := Parse("docs/dev.md", []byte(text))
	if !ok || err != nil || len(f.Keys) != 2 || len(f.Faults) != 1 || f.FaultSeed == nil || f.Keys[0].Policy == "" {
		t.Errorf("%v: %+v", err, f)
	}
}

// TestReferencesAreNotFollowed: a seed that grows when it is read is refused.
func TestReferencesAreNotFollowed(t *testing.T) {
	t.Parallel()
	text := "a: &a [x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'k'; c++ {
		before := string(c - 1)
		text += string(c) + ": &" + string(c) + " [" + strings.Repeat("*"+before+",", 8) + "*" + before + "]\n"
	}
	if _, err := Parse("seed.yaml", []byte(text)); err == nil {
		t.Error("accepted")
	}
}

// FuzzParse: no text makes it panic, and what is accepted can be found again.
func FuzzParse(f *testing.F) {
	f.Add([]byte("keys:\n- region: eu-west-1\n  aliases: [alias/a]\n  tags: {a: b}\naccounts: [111122223333]\n"))
	f.Add([]byte("keys: &a\n- *a\n"))
	f.Add([]byte("faults:\n- {fault: throttle, rate: .nan}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := Parse("seed.yaml", text)
		if err != nil {
			return
		}
		for _, k := range file.Keys {
			if k.Region == "" || k.Account == "" || k.State == "" || k.ID == "" && len(k.Aliases) == 0 {
				t.Fatalf("%q gives the key %+v", text, k)
			}
		}
	})
}
