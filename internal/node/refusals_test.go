package node_test

import (
	"sync"
	"sync/atomic"
	"testing"
)

// TestManyRefusals: a principal that is refused thousands of times gets the same
// answer each time, and the trail has each refusal, most of them counted in records
// that they have together, the last one's too. What is not refused is recorded.
func TestManyRefusals(t *testing.T) {
	t.Parallel()
	f := newFixture(t)
	owner, stranger := f.caller("111122223333"), f.caller("444455556666")
	key := owner.must(t, "CreateKey", "{}").str("KeyMetadata", "Arn")
	const callers, each, allowed = 16, 250, 150
	want := stranger.call("DescribeKey", object{"KeyId": key})
	if want.code != "AccessDeniedException" {
		t.Fatal(want)
	}
	var others atomic.Int64
	var all sync.WaitGroup
	for range callers {
		all.Go(func() {
			for range each {
				if got := stranger.call("DescribeKey", object{"KeyId": key}); got.code != want.code || got.message != want.message || got.status != want.status {
					others.Add(1)
				}
			}
		})
	}
	all.Go(func() {
		for range allowed {
			stranger.must(t, "ListKeys", "{}")
		}
	})
	all.Wait()
	f.close(t)
	if n := others.Load(); n != 0 {
		t.Errorf("%d refusals are answered in another way", n)
	}
	own, together, lists := 0, 0, 0
	for _, m := range f.records(t) {
		switch {
		case m["eventName"] == "RefusedCalls":
			together += int(m["serviceEventDetails"].(map[string]any)["calls"].(float64))
			if m["userIdentity"].(map[string]any)["accountId"] != "444455556666" || m["errorCode"] != "AccessDeniedException" {
				t.Errorf("%v", m)
			}
		case m["errorCode"] == "AccessDeniedException":
			own++
		case m["eventName"] == "ListKeys":
			lists++
		}
	}
	if own+together != callers*each+1 || own < 100 || together == 0 || lists != allowed {
		t.Errorf("%d refusals have records, %d are counted; %d calls that are not refused have records", own, together, lists)
	}
}
