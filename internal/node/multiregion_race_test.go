package node_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"trent/internal/hsm/server/servertest"
	"trent/internal/node"
	"trent/internal/quota"
)

// expected are the answers that turmoil may give: success, and refusals by the
// state that somebody else has brought about.
var expected = []string{
	"", "AlreadyExistsException", "UnsupportedOperationException", "KMSInvalidStateException", "DisabledException", "NotFoundException",
	"ConflictException", "DependencyTimeoutException", "LimitExceededException",
}

// TestMultiRegionTurmoil has many callers change one key in all its Regions at the
// same time. When they are done its members agree, nothing is orphaned, and what
// anybody encrypted anywhere decrypts wherever the key is.
func TestMultiRegionTurmoil(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller(owners)
	id := c.multiRegion(t, nil, away)
	regions := []string{home, away, third}
	var mu sync.Mutex
	var blobs []string
	outcomes := map[string]int{}
	var wg sync.WaitGroup
	for worker := range 6 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(worker), 7))
			for range 40 {
				at, other := c.in(regions[r.IntN(3)]), regions[r.IntN(3)]
				if primary := c.call("DescribeKey", object{"KeyId": id}).body["KeyMetadata"].(object)["MultiRegionConfiguration"].(object)["PrimaryKey"].(object); r.IntN(4) > 0 {
					at = c.in(primary["Region"].(string))
				}
				var got answer
				switch r.IntN(8) {
				case 0:
					got = at.call("ReplicateKey", object{"KeyId": id, "ReplicaRegion": other})
				case 1:
					got = at.call("UpdatePrimaryRegion", object{"KeyId": id, "PrimaryRegion": other})
				case 2:
					got = at.call("RotateKeyOnDemand", object{"KeyId": id})
				case 3:
					got = at.call("EnableKeyRotation", object{"KeyId": id, "RotationPeriodInDays": 90 + r.IntN(100)})
				case 4:
					got = at.call("DisableKey", object{"KeyId": id})
					at.call("EnableKey", object{"KeyId": id})
				case 5:
					got = at.call("UpdateKeyDescription", object{"KeyId": id, "Description": at.region})
				case 6:
					got = at.call("ScheduleKeyDeletion", object{"KeyId": id, "PendingWindowInDays": 7})
					at.call("CancelKeyDeletion", object{"KeyId": id})
					at.call("EnableKey", object{"KeyId": id})
				case 7:
					if got = at.call("Encrypt", object{"KeyId": id, "Plaintext": []byte("x")}); got.code == "" {
						mu.Lock()
						blobs = append(blobs, got.str("CiphertextBlob"))
						mu.Unlock()
					}
				}
				mu.Lock()
				outcomes[got.code]++
				mu.Unlock()
				if !slices.Contains(expected, got.code) && !(got.code == "ValidationException" && strings.Contains(got.message, "Region of the primary key")) {
					t.Errorf("%s: %s", got.code, got.message)
				}
			}
		})
	}
	wg.Wait()
	f.settled(t)
	t.Log(outcomes)
	var members []string
	for _, region := range regions {
		if s := c.in(region).keyState(id); s != "" {
			members = append(members, region)
			if s == "Creating" || s == "Updating" {
				t.Errorf("in %s the key is %s", region, s)
			}
			c.in(region).call("CancelKeyDeletion", object{"KeyId": id})
			c.in(region).must(t, "EnableKey", object{"KeyId": id})
		}
	}
	shared := ""
	for _, region := range members {
		there := c.in(region)
		m := there.must(t, "DescribeKey", object{"KeyId": id}).body["KeyMetadata"].(object)
		config := m["MultiRegionConfiguration"].(object)
		delete(config, "MultiRegionKeyType")
		status := there.must(t, "GetKeyRotationStatus", object{"KeyId": id}).body
		got := fmt.Sprint(config, m["CurrentKeyMaterialId"], status["KeyRotationEnabled"], status["RotationPeriodInDays"], status["NextRotationDate"],
			strip(there.rotations(t, id, "ALL_KEY_MATERIAL")))
		if shared == "" {
			shared = got
		}
		if got != shared {
			t.Errorf("in %s the key is\n%s, and not\n%s", region, got, shared)
		}
		for _, blob := range append(blobs, there.encrypt(t, id)) {
			there.decrypts(t, blob)
		}
	}
	if len(blobs) == 0 || len(members) < 2 {
		t.Errorf("%d ciphertexts, members in %v", len(blobs), members)
	}
	f.noOrphans(t)
}

// TestReplicatePermissions: a replica needs kms:ReplicateKey on the primary, and
// in its own Region kms:CreateKey, and kms:TagResource for tags; a change of the
// primary needs permission on both keys.
func TestReplicatePermissions(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	root := f.caller(owners)
	allow := func(actions, condition string) string {
		return `{"Effect":"Allow","Action":[` + actions + `],"Resource":"*"` + condition + `}`
	}
	statements := func(s ...string) string { return `{"Version":"2012-10-17","Statement":[` + strings.Join(s, ",") + `]}` }
	tags := object{"Tags": []object{{"TagKey": "a", "TagValue": "b"}}}
	for i, row := range []struct {
		policy string
		more   object
		ok     bool
		lacks  string // the action that the refusal names
	}{
		{statements(allow(`"kms:ReplicateKey","kms:CreateKey"`, "")), nil, true, ""},
		{statements(allow(`"kms:ReplicateKey"`, "")), nil, false, "kms:CreateKey"},
		{statements(allow(`"kms:CreateKey"`, "")), nil, false, "kms:ReplicateKey"},
		{statements(allow(`"kms:ReplicateKey","kms:CreateKey"`, "")), tags, false, "kms:TagResource"},
		{statements(allow(`"kms:ReplicateKey","kms:CreateKey","kms:TagResource"`, "")), tags, true, ""},
		{statements(allow(`"kms:CreateKey"`, ""), allow(`"kms:ReplicateKey"`, `,"Condition":{"StringEquals":{"kms:ReplicaRegion":"`+away+`"}}`)), nil, true, ""},
		{statements(allow(`"kms:CreateKey"`, ""), allow(`"kms:ReplicateKey"`, `,"Condition":{"StringEquals":{"kms:ReplicaRegion":"`+third+`"}}`)), nil, false, "kms:ReplicateKey"},
		{statements(allow(`"kms:ReplicateKey"`, ""), allow(`"kms:CreateKey"`, `,"Condition":{"StringEquals":{"aws:RequestedRegion":"`+away+`","kms:MultiRegionKeyType":"REPLICA"},"Bool":{"kms:MultiRegion":"true"}}`)), nil, true, ""},
		{statements(allow(`"kms:ReplicateKey"`, ""), allow(`"kms:CreateKey"`, `,"Condition":{"StringEquals":{"aws:RequestedRegion":"`+home+`"}}`)), nil, false, "kms:CreateKey"},
		{statements(allow(`"kms:ReplicateKey"`, `,"Condition":{"StringEquals":{"kms:MultiRegionKeyType":"PRIMARY"}}`), allow(`"kms:CreateKey"`, `,"Condition":{"StringEquals":{"kms:KeySpec":"SYMMETRIC_DEFAULT"}}`)), nil, true, ""},
	} {
		who := root.user(t, fmt.Sprint("replicator", i), row.policy)
		in := object{"KeyId": root.multiRegion(t, nil), "ReplicaRegion": away}
		if row.more != nil {
			in["Tags"] = row.more["Tags"]
		}
		got := who.call("ReplicateKey", in)
		if row.ok != (got.code == "") || !row.ok && (got.code != "AccessDeniedException" || !strings.Contains(got.message, row.lacks)) {
			t.Errorf("%s: %s: %s", row.policy, got.code, got.message)
		}
	}
	for i, row := range []struct {
		resource string
		ok       bool
	}{{"*", true}, {"arn:aws:kms:" + home + ":*:key/*", false}, {"arn:aws:kms:" + away + ":*:key/*", false}} {
		who := root.user(t, fmt.Sprint("mover", i), `{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"kms:UpdatePrimaryRegion","Resource":"`+row.resource+`"}}`)
		id := root.multiRegion(t, nil, away)
		if got := who.call("UpdatePrimaryRegion", object{"KeyId": id, "PrimaryRegion": away}); row.ok != (got.code == "") || !row.ok && got.code != "AccessDeniedException" {
			t.Errorf("on %s: %s: %s", row.resource, got.code, got.message)
		}
	}
	// Who may not see the replica learns nothing of it.
	who := root.user(t, "stranger", "")
	if got := who.call("UpdatePrimaryRegion", object{"KeyId": root.multiRegion(t, nil, away), "PrimaryRegion": away}); got.code != "AccessDeniedException" {
		t.Errorf("a stranger: %s", got.code)
	}
}

// TestReplicasCount: each member counts against its own Region's quota.
func TestReplicasCount(t *testing.T) {
	t.Parallel()
	f := newFixtureWith(t, servertest.Args(t), func(c *node.Config) {
		c.Limits = quota.AWS()
		c.Limits.Keys = 2
	})
	c := f.caller(owners)
	first, second := c.multiRegion(t, nil, away), c.multiRegion(t, nil)
	c.in(away).createKey(t)
	if got := c.call("ReplicateKey", object{"KeyId": second, "ReplicaRegion": away}); got.code != "LimitExceededException" {
		t.Errorf("one replica more: %s: %s", got.code, got.message)
	}
	if got := c.call("CreateKey", object{"MultiRegion": true}); got.code != "LimitExceededException" {
		t.Errorf("one key more: %s: %s", got.code, got.message)
	}
	c.must(t, "ReplicateKey", object{"KeyId": second, "ReplicaRegion": third})
	c.are(t, first, "Enabled", home, away)
	if m := c.must(t, "DescribeKey", object{"KeyId": second}).body["KeyMetadata"].(object)["MultiRegionConfiguration"].(object); len(m["ReplicaKeys"].([]any)) != 1 {
		t.Errorf("the replica that was refused is listed: %v", m)
	}
}
