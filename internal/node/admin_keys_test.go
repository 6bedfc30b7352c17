package node_test

import (
	"slices"
	"strings"
	"testing"

	"trent/internal/admin"
	"trent/internal/store"
)

// TestKeysAreListed: pages of every size, with and without filters, have each
// key once and in order.
func TestKeysAreListed(t *testing.T) {
	t.Parallel()
	f, a := newOperated(t)
	ctx := t.Context()
	want := map[admin.KeyQuery][]string{}
	add := func(k string, queries ...admin.KeyQuery) {
		for _, q := range queries {
			want[q] = append(want[q], k)
		}
	}
	for _, region := range []string{"eu-west-1", "us-east-1"} {
		for _, account := range []string{"111122223333", "222233334444"} {
			c := f.caller(account)
			c.region = region
			for i := range 3 {
				key, state := c.createKey(t), "Enabled"
				if i == 0 {
					c.must(t, "DisableKey", map[string]any{"KeyId": key})
					state = "Disabled"
				}
				add(region+"/"+account+"/"+key, admin.KeyQuery{}, admin.KeyQuery{Region: region}, admin.KeyQuery{Account: account},
					admin.KeyQuery{State: state}, admin.KeyQuery{Region: region, Account: account, State: state})
			}
		}
	}
	want[admin.KeyQuery{State: "PendingDeletion"}] = nil
	want[admin.KeyQuery{Account: "333344445555"}] = nil
	for q, keys := range want {
		slices.Sort(keys)
		for limit := 1; limit <= 13; limit++ {
			q.Limit, q.After = limit, ""
			var got []string
			for {
				page, err := a.Keys(ctx, q)
				if err != nil || len(page.Keys) > limit {
					t.Fatalf("%+v: %d keys, %v", q, len(page.Keys), err)
				}
				for _, k := range page.Keys {
					got = append(got, k.Region+"/"+k.Account+"/"+k.ID)
				}
				if q.After = page.Next; q.After == "" {
					break
				}
			}
			if !slices.Equal(got, keys) {
				t.Errorf("%+v: %q, want %q", q, got, keys)
			}
		}
	}
}

// TestKeyIsShown: by all its names, with what stands beside its record.
func TestKeyIsShown(t *testing.T) {
	t.Parallel()
	f, a := newOperated(t)
	ctx := t.Context()
	c := f.caller("111122223333")
	made := c.must(t, "CreateKey", map[string]any{"Description": "payroll", "Tags": []any{map[string]any{"TagKey": "cost", "TagValue": "7"}}})
	id, arn := made.str("KeyMetadata", "KeyId"), made.str("KeyMetadata", "Arn")
	c.must(t, "CreateAlias", map[string]any{"AliasName": "alias/pay/roll", "TargetKeyId": id})
	c.must(t, "CreateAlias", map[string]any{"AliasName": "alias/again", "TargetKeyId": id})
	for _, q := range []admin.KeyName{
		{ID: id}, {ID: arn}, {ID: "alias/again"}, {ID: strings.ReplaceAll(arn, "key/"+id, "alias/pay/roll")},
		{ID: id, Region: "eu-west-1", Account: "111122223333"}, {ID: "alias/pay/roll", Region: "eu-west-1"},
	} {
		k, err := a.Key(ctx, q)
		if err != nil {
			t.Errorf("%+v: %v", q, err)
			continue
		}
		if k.ID != id || k.ARN != arn || k.State != "Enabled" || k.Description != "payroll" || k.Region != "eu-west-1" || k.Account != "111122223333" {
			t.Errorf("%+v: %+v", q, k)
		}
		if !slices.Equal(k.Aliases, []string{"alias/again", "alias/pay/roll"}) || len(k.Tags) != 1 || k.Tags["cost"] != "7" || !strings.Contains(k.Policy, `"Version"`) {
			t.Errorf("%+v: %+v", q, k)
		}
		if len(k.Materials) != 1 || !k.Materials[0].Current || len(k.Materials[0].ID) != 64 || k.Materials[0].Generation != 1 {
			t.Errorf("%+v: %+v", q, k.Materials)
		}
	}
	c.must(t, "ScheduleKeyDeletion", map[string]any{"KeyId": id})
	if k, err := a.Key(ctx, admin.KeyName{ID: id}); err != nil || k.State != "PendingDeletion" || k.DeletionDate == nil {
		t.Errorf("%+v, %v", k, err)
	}
	if _, err := a.Key(ctx, admin.KeyName{ID: id, Account: "222233334444"}); code(err) != admin.NotFound {
		t.Errorf("of another account: %v", err)
	}
}

// TestAlteredRecords: an operator is told which records somebody has altered.
func TestAlteredRecords(t *testing.T) {
	t.Parallel()
	f, a := newOperated(t)
	key := f.caller("test").createKey(t)
	f.edit(t, func(all []store.KV) []store.Op {
		kv := find(all, "eu-west-1/k/")
		kv.Value[len(kv.Value)-1] ^= 1
		return []store.Op{{Key: kv.Key, Value: kv.Value}}
	})
	f.open(t)
	for name, err := range map[string]error{
		"list": errorOf(a.Keys(t.Context(), admin.KeyQuery{})), "show": errorOf(a.Key(t.Context(), admin.KeyName{ID: key})),
	} {
		if code(err) != admin.Internal || !strings.Contains(err.Error(), key) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
