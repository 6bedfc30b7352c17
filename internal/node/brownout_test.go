package node_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"trent/internal/admin"
	"trent/internal/hsm/server/servertest"
	"trent/internal/node"
)

// operator is who changes keys at the admin socket.
var operator = admin.Operator{Name: "test", Listener: "admin"}

// share counts how many of n uses a key refuses.
func (c caller) share(t *testing.T, id string, n int) (refused int) {
	t.Helper()
	for range n {
		switch got := c.call("Encrypt", object{"KeyId": id, "Plaintext": []byte("x")}); {
		case got.code == "KMSInvalidStateException" && strings.Contains(got.message, "browned out"):
			refused++
		case got.code != "":
			t.Fatalf("Encrypt: %s %s", got.code, got.message)
		}
	}
	return refused
}

// TestBrownOut: the share of uses that was asked for is refused, from the next
// request on; restarts do not end it, its time does; what is refused is recorded and
// counted, and DescribeKey, other keys and what is no use know nothing of it.
func TestBrownOut(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller("111122223333")
	id, other := c.createKey(t), c.createKey(t)
	described := c.must(t, "DescribeKey", object{"KeyId": id}).body
	brownOut := func(percent int, lasts time.Duration) admin.KeyDetail {
		t.Helper()
		d, err := f.BrownOutKey(t.Context(), operator, admin.BrownOutKey{Key: id, Percent: percent, Seconds: int(lasts / time.Second)})
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	if d := brownOut(100, time.Hour); d.BrownOut == nil || d.BrownOut.Percent != 100 {
		t.Errorf("after it began: %+v", d.BrownOut)
	}
	if n := c.share(t, id, 20); n != 20 {
		t.Errorf("of 20 uses %d are refused", n)
	}
	if n := c.share(t, other, 5); n != 0 {
		t.Errorf("of another key's uses %d are refused", n)
	}
	if got := c.must(t, "DescribeKey", object{"KeyId": id}).body; fmt.Sprint(got) != fmt.Sprint(described) {
		t.Errorf("DescribeKey: %v, before %v", got, described)
	}
	f.close(t)
	f.open(t)
	if n := c.share(t, id, 5); n != 5 {
		t.Errorf("after a restart %d of 5 uses are refused", n)
	}
	d, err := f.Key(t.Context(), admin.KeyName{ID: id})
	if err != nil || d.Refused == nil || d.Refused.Count != 25 || d.Refused.Operation != "Encrypt" || d.Refused.By != "arn:aws:iam::111122223333:root" || d.LastUse != nil {
		t.Errorf("its description: %+v, %+v, %v", d.Refused, d.LastUse, err)
	}
	brownOut(10, time.Hour)
	if n := c.share(t, id, 400); n < 10 || n > 80 { // 40 of a binomial: nine sigma
		t.Errorf("at 10 %% %d of 400 uses are refused", n)
	}
	f.ahead.Add(int64(time.Hour))
	if n := c.share(t, id, 100); n != 0 {
		t.Errorf("after its time %d uses are refused", n)
	}
	brownOut(100, time.Hour)
	if d := brownOut(0, 0); d.BrownOut != nil || c.share(t, id, 10) != 0 {
		t.Errorf("after it was ended: %+v", d.BrownOut)
	}
	f.close(t)
	changes, refused := 0, 0
	for _, r := range f.records(t) {
		if r["eventName"] == "BrownOutKey" && len(r["resources"].([]any)) == 1 {
			changes++
		}
		if r["errorCode"] == "KMSInvalidStateException" {
			refused++
		}
	}
	if changes != 4 || refused < 25 {
		t.Errorf("the trail has %d changes of 4, and %d refused uses", changes, refused)
	}
}

// TestPendingKeysCount: a key that waits for its deletion counts what it refuses,
// for that deletion only.
func TestPendingKeysCount(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	c := f.caller("111122223333")
	id := c.createKey(t)
	for round := range 2 {
		if _, err := f.DeleteKey(t.Context(), operator, admin.DeleteKey{Key: id, Days: 7}); err != nil {
			t.Fatal(err)
		}
		for range 3 + round {
			if got := c.call("Encrypt", object{"KeyId": id, "Plaintext": []byte("x")}); got.code != "KMSInvalidStateException" {
				t.Fatalf("Encrypt: %s", got.code)
			}
		}
		c.call("Encrypt", object{"KeyId": id, "Plaintext": []byte("x"), "DryRun": true})
		d, err := f.Key(t.Context(), admin.KeyName{ID: id})
		if err != nil || d.State != "PendingDeletion" || d.Refused == nil || d.Refused.Count != uint64(3+round) {
			t.Errorf("round %d: %s, %+v, %v", round, d.State, d.Refused, err)
		}
		if _, err := f.DeleteKey(t.Context(), operator, admin.DeleteKey{Key: id, Days: 7}); err == nil {
			t.Error("it is deleted twice")
		}
		c.must(t, "CancelKeyDeletion", object{"KeyId": id})
		f.ahead.Add(int64(time.Minute))
	}
}

// TestDeletionGuard: a key that was used in the days of the configuration is
// deleted by nobody, a key that was not by whoever may.
func TestDeletionGuard(t *testing.T) {
	t.Parallel()
	f := newFixtureWith(t, servertest.Args(t), func(c *node.Config) { c.DeletionGuardDays = 30 })
	c := f.caller("111122223333")
	unused, id := c.createKey(t), c.createKey(t)
	c.encrypt(t, id)
	c.must(t, "ScheduleKeyDeletion", object{"KeyId": unused})
	f.ahead.Add(int64(29 * day))
	if got := c.call("ScheduleKeyDeletion", object{"KeyId": id}); got.code != "KMSInvalidStateException" || !strings.Contains(got.message, "Encrypt") {
		t.Errorf("ScheduleKeyDeletion: %s %s", got.code, got.message)
	}
	if _, err := f.DeleteKey(t.Context(), operator, admin.DeleteKey{Key: id, Days: 7}); err == nil {
		t.Error("an operator deletes it")
	}
	c.must(t, "DisableKey", object{"KeyId": id})
	f.ahead.Add(int64(day))
	if _, err := f.DeleteKey(t.Context(), operator, admin.DeleteKey{Key: id, Days: 7}); err != nil {
		t.Error(err)
	}
}
