package node_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"trent/internal/admin"
	"trent/internal/hsm/server/servertest"
	"trent/internal/identity"
	"trent/internal/node"
	"trent/internal/quota"
)

// TestKeysAreCounted: however many make keys at once, as many come through as
// the quota has places; a deletion makes one, and a restart forgets none.
func TestKeysAreCounted(t *testing.T) {
	t.Parallel()
	f := newFixtureWith(t, servertest.Args(t), func(c *node.Config) { c.Limits = quota.Limits{Keys: 5} })
	c := f.caller("111122223333")
	ids := make(chan string, 16)
	var refused atomic.Int64
	var all sync.WaitGroup
	for range 16 {
		all.Go(func() {
			switch got := c.call("CreateKey", "{}"); {
			case got.code == "":
				ids <- got.str("KeyMetadata", "KeyId")
			case got.code == "LimitExceededException" && strings.HasPrefix(got.message, "Key quota for this account in this region is 5 but the current usage is "):
				refused.Add(1)
			default:
				t.Errorf("CreateKey: %s %s", got.code, got.message)
			}
		})
	}
	all.Wait()
	if len(ids) != 5 || refused.Load() != 11 {
		t.Fatalf("%d keys, %d refusals", len(ids), refused.Load())
	}
	f.caller("444455556666").createKey(t) // other accounts and Regions have places of their own
	abroad := c
	abroad.region = "us-west-2"
	abroad.createKey(t)

	c.must(t, "ScheduleKeyDeletion", object{"KeyId": <-ids, "PendingWindowInDays": 7})
	if got := c.call("CreateKey", "{}"); got.message != "Key quota for this account in this region is 5 but the current usage is 5." {
		t.Errorf("with a key pending deletion: %q %q", got.code, got.message)
	}
	f.ahead.Add(int64(7*day + time.Hour))
	f.Wake()
	waitFor(t, "the deletion makes a place", func() bool { return c.call("CreateKey", "{}").code == "" })
	f.close(t)
	f.open(t)
	if got := c.call("CreateKey", "{}"); got.code != "LimitExceededException" {
		t.Errorf("after a restart: %q", got.code)
	}
}

// TestAFailedCreateKeyHoldsNoPlace in the quota.
func TestAFailedCreateKeyHoldsNoPlace(t *testing.T) {
	t.Parallel()
	f := newFixtureWith(t, servertest.Args(t), func(c *node.Config) { c.Limits = quota.Limits{Keys: 2} })
	c := f.caller("111122223333")
	c.createKey(t)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	for range 3 {
		if got := c.send(gone, "CreateKey", "{}", time.Now()); got.code == "" || got.code == "LimitExceededException" {
			t.Fatalf("CreateKey of a client that has gone: %q", got.code)
		}
	}
	c.createKey(t)
}

// TestLimits: the other quotas are the configured ones too.
func TestLimits(t *testing.T) {
	t.Parallel()
	f := newFixtureWith(t, servertest.Args(t), func(c *node.Config) { c.Limits = quota.Limits{AliasesPerKey: 2, TagsPerKey: 3, KeyPolicyBytes: 300} })
	c := f.caller("111122223333")
	id := c.createKey(t)
	c.must(t, "CreateAlias", object{"AliasName": "alias/a", "TargetKeyId": id})
	c.must(t, "CreateAlias", object{"AliasName": "alias/b", "TargetKeyId": id})
	tags := func(n int) (list []object) {
		for i := range n {
			list = append(list, object{"TagKey": fmt.Sprint(i), "TagValue": ""})
		}
		return list
	}
	c.must(t, "TagResource", object{"KeyId": id, "Tags": tags(3)})
	for _, row := range []struct {
		op   string
		in   object
		code string
	}{
		{"CreateAlias", object{"AliasName": "alias/c", "TargetKeyId": id}, "LimitExceededException"},
		{"TagResource", object{"KeyId": id, "Tags": tags(4)}, "TagException"},
		{"CreateKey", object{"Tags": tags(4)}, "TagException"},
		{"CreateKey", object{"Policy": strings.Repeat(" ", 301)}, "LimitExceededException"},
		{"PutKeyPolicy", object{"KeyId": id, "Policy": strings.Repeat(" ", 301)}, "LimitExceededException"},
	} {
		if got := c.call(row.op, row.in); got.code != row.code {
			t.Errorf("%s: %q %q, want %s", row.op, got.code, got.message, row.code)
		}
	}
}

// TestPoliciesArePutWhole: of any number at once each is read at once or was
// replaced by another, and the last one stays, over a restart too.
func TestPoliciesArePutWhole(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller("111122223333")
	id := c.createKey(t)
	document := func(n int) string {
		return fmt.Sprintf(`{"Id":"%d","Statement":{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"kms:*","Resource":"*"}}`, n)
	}
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			c.must(t, "PutKeyPolicy", object{"KeyId": id, "Policy": document(i)})
			if got := c.must(t, "GetKeyPolicy", object{"KeyId": id}).str("Policy"); !strings.HasPrefix(got, `{"Id":"`) {
				t.Errorf("after PutKeyPolicy: %s", got)
			}
		})
	}
	all.Wait()
	c.must(t, "PutKeyPolicy", object{"KeyId": id, "Policy": document(100)})
	f.close(t)
	f.open(t)
	if got := c.must(t, "GetKeyPolicy", object{"KeyId": id}).str("Policy"); got != document(100) {
		t.Errorf("the policy is %s", got)
	}
}

// TestProductionEnforcesKeyPolicies: they are stored byte for byte, name
// principals that exist, and hold from the moment PutKeyPolicy returns.
func TestProductionEnforcesKeyPolicies(t *testing.T) {
	t.Parallel()
	first := true
	f := newFixtureWith(t, servertest.ProductionArgs(t), func(c *node.Config) {
		c.Dev, c.Regions, c.Init = false, []string{"eu-west-1"}, first
		first = false
	})
	by := identity.Operator{Name: "test"}
	as := func(account string) caller {
		if _, err := f.Identity.CreateAccount(t.Context(), by, account, ""); err != nil {
			t.Fatal(err)
		}
		key, err := f.Identity.NewRootKey(t.Context(), by, account, false)
		if err != nil {
			t.Fatal(err)
		}
		return caller{f, key.ID, string(key.Secret.Expose()), "eu-west-1"}
	}
	owner, other := as("111122223333"), as("444455556666")
	alone := `{"Statement":{"Effect":"Allow","Principal":{"AWS":["111122223333"]},"Action":["kms:*"],"Resource":["*"]}}`
	shared := strings.Replace(alone, `["111122223333"]`, `["111122223333","444455556666"]`, 1)
	created := owner.must(t, "CreateKey", object{"Policy": alone})
	id, arn := created.str("KeyMetadata", "KeyId"), created.str("KeyMetadata", "Arn")
	encrypt := object{"KeyId": arn, "Plaintext": []byte("x")}
	for range 3 {
		if got := other.call("Encrypt", encrypt); got.code != "AccessDeniedException" {
			t.Fatalf("before it is shared: %q %q", got.code, got.message)
		}
		owner.must(t, "PutKeyPolicy", object{"KeyId": id, "Policy": shared + " "})
		other.must(t, "Encrypt", encrypt)
		if got := owner.must(t, "GetKeyPolicy", object{"KeyId": id}).str("Policy"); got != shared+" " {
			t.Errorf("the policy is %s", got)
		}
		owner.must(t, "PutKeyPolicy", object{"KeyId": id, "Policy": alone})
	}
	stranger := strings.Replace(alone, `["111122223333"]`, `["111122223333","arn:aws:iam::444455556666:user/nobody"]`, 1)
	for op, in := range map[string]object{
		"CreateKey":    {"Policy": stranger},
		"PutKeyPolicy": {"KeyId": id, "Policy": stranger, "BypassPolicyLockoutSafetyCheck": true},
	} {
		if got := owner.call(op, in); got.code != "MalformedPolicyDocumentException" || !strings.HasSuffix(got.message, "invalid principals.") {
			t.Errorf("%s: %q %q", op, got.code, got.message)
		}
	}
	if keys := owner.must(t, "ListKeys", "{}").body["Keys"].([]any); len(keys) != 1 {
		t.Errorf("%d keys", len(keys))
	}
}

// TestAPolicyReadAndPutAgainMeansNobodyElse: of a user who is another one by now
// GetKeyPolicy shows the id, which cannot be put.
func TestAPolicyReadAndPutAgainMeansNobodyElse(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller("111122223333")
	const alice = "arn:aws:iam::111122223333:user/alice"
	document := `{"Statement":[{"Effect":"Allow","Principal":{"AWS":"111122223333"},"Action":"kms:*","Resource":"*"},` +
		`{"Effect":"Allow","Principal":{"AWS":"` + alice + `"},"Action":"kms:Encrypt","Resource":"*"}]}`
	old := c.user(t, "alice", "")
	id := c.must(t, "CreateKey", object{"Policy": document}).str("KeyMetadata", "KeyId")
	was := c.ask(t, "iam:GetUser", "UserName", "alice").one("UserId")
	read := func() string { return c.must(t, "GetKeyPolicy", object{"KeyId": id}).str("Policy") }
	if got := read(); got != document {
		t.Errorf("while she is there: %s", got)
	}
	c.ask(t, "iam:DeleteAccessKey", "UserName", "alice", "AccessKeyId", old.accessKey)
	c.ask(t, "iam:DeleteUser", "UserName", "alice")
	for _, when := range []string{"gone", "another one"} {
		shown := read()
		if want := strings.Replace(document, alice, was, 1); shown != want {
			t.Errorf("%s: shown as %s", when, shown)
		}
		if d, err := f.Key(t.Context(), admin.KeyName{ID: id, Region: "eu-west-1", Account: "111122223333"}); err != nil || d.Policy != shown {
			t.Errorf("%s: operators are shown %s, %v", when, d.Policy, err)
		}
		if got := c.call("PutKeyPolicy", object{"KeyId": id, "Policy": shown}); got.code != "MalformedPolicyDocumentException" || !strings.HasSuffix(got.message, "invalid principals.") {
			t.Errorf("%s: put again: %q %q", when, got.code, got.message)
		}
		if when == "gone" {
			c.user(t, "alice", "")
		}
	}
}

// TestTagsOfANewKey need kms:TagResource on all keys of the account and Region, and
// a Deny on keys holds for new ones.
func TestTagsOfANewKey(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller("111122223333")
	const keys = "arn:aws:kms:eu-west-1:111122223333:key/"
	tagging := func(effect, resource string) string {
		return `,{"Effect":"` + effect + `","Action":"kms:TagResource","Resource":"` + resource + `"}`
	}
	const lacks, denied = "because no identity-based policy allows the kms:TagResource action", "with an explicit deny in an identity-based policy"
	for i, row := range []struct{ tags, refused string }{
		{"", lacks},
		{tagging("Allow", "*"), ""},
		{tagging("Allow", keys+"*"), ""},
		{tagging("Allow", keys+"1234abcd-12ab-34cd-56ef-1234567890ab"), lacks},
		{tagging("Allow", "arn:aws:kms:us-east-1:111122223333:key/*"), lacks},
		{tagging("Allow", "*") + tagging("Deny", keys+"*"), denied},
		{tagging("Allow", "*") + tagging("Deny", keys+"1234abcd-12ab-34cd-56ef-1234567890ab"), ""},
	} {
		name := fmt.Sprintf("u%d", i)
		u := c.user(t, name, `{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"kms:CreateKey","Resource":"*"}`+row.tags+`]}`)
		u.must(t, "CreateKey", object{})
		got, want := u.call("CreateKey", object{"Tags": []object{{"TagKey": "a", "TagValue": "b"}}}), ""
		if row.refused != "" {
			want = "User: arn:aws:iam::111122223333:user/" + name + " is not authorized to perform: kms:TagResource " + row.refused
		}
		if got.message != want {
			t.Errorf("%s: %q %q, want %q", row.tags, got.code, got.message, want)
		}
	}
}
