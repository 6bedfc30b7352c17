package node_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"trent/internal/store"
)

// TestTagsAreCounted: however many tag a key at once, it ends with fifty tags,
// and who was told of success finds his tag.
func TestTagsAreCounted(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller("111122223333")
	id := c.createKey(t)
	var all sync.WaitGroup
	var kept sync.Map
	var refused atomic.Int64
	for i := range 60 {
		all.Go(func() {
			name := fmt.Sprint("tag", i)
			switch got := c.call("TagResource", object{"KeyId": id, "Tags": []object{{"TagKey": name, "TagValue": "v"}}}); {
			case got.code == "":
				kept.Store(name, true)
			case got.code == "TagException" && got.message == "Too many tags":
				refused.Add(1)
			default:
				t.Errorf("TagResource: %s %s", got.code, got.message)
			}
		})
	}
	all.Wait()
	if refused.Load() != 10 {
		t.Errorf("%d calls are refused, want 10", refused.Load())
	}
	tags := c.must(t, "ListResourceTags", object{"KeyId": id}).body["Tags"].([]any)
	if len(tags) != 50 {
		t.Errorf("%d tags, want 50", len(tags))
	}
	for _, tag := range tags {
		if name := tag.(object)["TagKey"]; !loaded(&kept, name) {
			t.Errorf("the key has %v, which was refused", name)
		}
	}
}

func loaded(m *sync.Map, key any) bool {
	_, ok := m.Load(key)
	return ok
}

// TestAliasesMoveWhole: after any number of moves at once, the alias stands
// under one key, the one that it means.
func TestAliasesMoveWhole(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller("111122223333")
	keys := []string{c.createKey(t), c.createKey(t), c.createKey(t)}
	c.must(t, "CreateAlias", object{"AliasName": "alias/a", "TargetKeyId": keys[0]})
	var all sync.WaitGroup
	for i := range 12 {
		all.Go(func() {
			for j := range 4 {
				if got := c.call("UpdateAlias", object{"AliasName": "alias/a", "TargetKeyId": keys[(i+j)%len(keys)]}); got.code != "" {
					t.Errorf("UpdateAlias: %s %s", got.code, got.message)
				}
			}
		})
	}
	all.Wait()
	means := c.must(t, "DescribeKey", object{"KeyId": "alias/a"}).str("KeyMetadata", "KeyId")
	for _, id := range keys {
		found := c.must(t, "ListAliases", object{"KeyId": id}).body["Aliases"].([]any)
		if want := id == means; (len(found) == 1) != want {
			t.Errorf("the alias means %s, and %s has %v", means, id, found)
		}
	}
}

// TestAliasesOfAKeyAreCounted: an alias cannot move to a key that has fifty.
func TestAliasesOfAKeyAreCounted(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller("111122223333")
	full, other := c.createKey(t), c.createKey(t)
	for i := range 50 {
		c.must(t, "CreateAlias", object{"AliasName": fmt.Sprint("alias/", i), "TargetKeyId": full})
	}
	c.must(t, "CreateAlias", object{"AliasName": "alias/one-more", "TargetKeyId": other})
	const want = "Aliases per key quota for this account in this region is 50, current usage is 50."
	for _, op := range []string{"UpdateAlias", "CreateAlias"} {
		name := map[string]string{"UpdateAlias": "alias/one-more", "CreateAlias": "alias/new"}[op]
		if got := c.call(op, object{"AliasName": name, "TargetKeyId": full}); got.code != "LimitExceededException" || got.message != want {
			t.Errorf("%s: %s %s", op, got.code, got.message)
		}
	}
	// One that the full key has already takes no further place.
	c.must(t, "UpdateAlias", object{"AliasName": "alias/7", "TargetKeyId": full})
	c.must(t, "UpdateAlias", object{"AliasName": "alias/7", "TargetKeyId": other})
	c.must(t, "UpdateAlias", object{"AliasName": "alias/one-more", "TargetKeyId": full})
}

// TestTagsOfAnotherKey: tags that somebody moved from another key are refused,
// as every record is that does not belong where it stands.
func TestTagsOfAnotherKey(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller("111122223333")
	mine := c.must(t, "CreateKey", object{"Tags": []object{{"TagKey": "level", "TagValue": "low"}}}).str("KeyMetadata", "KeyId")
	other := c.must(t, "CreateKey", object{"Tags": []object{{"TagKey": "level", "TagValue": "high"}}}).str("KeyMetadata", "KeyId")
	f.edit(t, func(all []store.KV) []store.Op {
		const at = "eu-west-1/t/111122223333/"
		return []store.Op{{Key: find(all, at+mine).Key, Value: find(all, at+other).Value}}
	})
	f.open(t)
	for op, in := range map[string]object{
		"ListResourceTags": {"KeyId": mine},
		"TagResource":      {"KeyId": mine, "Tags": []object{{"TagKey": "a", "TagValue": "b"}}},
		"UntagResource":    {"KeyId": mine, "TagKeys": []string{"level"}},
	} {
		if got := c.call(op, in); got.code != "KMSInternalException" {
			t.Errorf("%s: %q %q", op, got.code, got.message)
		}
	}
}
