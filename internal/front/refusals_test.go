package front

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"trent/internal/audit"
	"trent/internal/call"
	"trent/internal/identity"
)

// ledger is an audit trail of refusals' common records.
type ledger struct {
	mu      sync.Mutex
	fails   bool
	records []map[string]any
}

func (l *ledger) write(e *audit.Event) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fails {
		return errors.New("the disk is full")
	}
	var m map[string]any
	if err := json.Unmarshal(e.AppendJSON(nil), &m); err != nil {
		return err
	}
	l.records = append(l.records, m)
	return nil
}

// calls is how many calls each record of a principal counts.
func (l *ledger) calls(principal string) (calls []int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, m := range l.records {
		if m["userIdentity"].(map[string]any)["principalId"] == principal {
			calls = append(calls, int(m["serviceEventDetails"].(map[string]any)["calls"].(float64)))
		}
	}
	return calls
}

// refuse refuses n calls of a principal, and returns how many of them have records
// of their own.
func refuse(r *refusals, principal, operation string, n int) (recorded int) {
	for range n {
		c := &call.Common{Caller: identity.Caller{PrincipalID: principal}}
		e := audit.Event{
			Time: time.Now(), Source: "kms.amazonaws.com", Name: operation, ErrorCode: "AccessDeniedException", ErrorMessage: "User … is not authorized", ReadOnly: operation != "EnableKey",
			UserIdentity: audit.UserIdentity{PrincipalID: principal, AccountID: "111122223333"}, RecipientAccountID: "111122223333", Region: "eu-west-1",
		}
		if r.admit(c, &e) {
			recorded++
		}
	}
	return recorded
}

// running are refusals whose run has begun; stop ends it and returns what is lost.
func running(l *ledger) (r *refusals, stop func() int) {
	r = newRefusals(l.write)
	ctx, cancel := context.WithCancel(context.Background())
	lost := make(chan int, 1)
	go func() { lost <- r.run(ctx) }()
	return r, func() int { cancel(); return <-lost }
}

// TestManyRefusalsHaveOneRecord: a principal's refusals have records of their own
// up to a hundred a second; at the second's end the others have one, with exact
// counts, although nobody calls any more. Principals do not count for each other,
// but a role's sessions do.
func TestManyRefusalsHaveOneRecord(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{}
		r, stop := running(l)
		for principal, n := range map[string]int{"AIDAONE": 100, "AIDATWO": 99, "AROAROLE:a": 60} {
			if got := refuse(r, principal, "Decrypt", n); got != n {
				t.Errorf("%s: %d of %d have records", principal, got, n)
			}
		}
		if got := refuse(r, "AROAROLE:b", "Decrypt", 60); got != 40 {
			t.Errorf("%d of 60 of a role's second session have records", got)
		}
		time.Sleep(refusalWindow / 2)
		if got := refuse(r, "AIDAONE", "Decrypt", 3) + refuse(r, "AIDAONE", "EnableKey", 4); got != 0 {
			t.Errorf("%d of seven too many have records", got)
		}
		if l.calls("AIDAONE") != nil {
			t.Error("there is a record before the second is over")
		}
		time.Sleep(refusalWindow)
		for principal, want := range map[string][]int{"AIDAONE": {7}, "AIDATWO": nil, "AROAROLE:a": nil, "AROAROLE:b": {20}} {
			if got := l.calls(principal); !slices.Equal(got, want) {
				t.Errorf("%s: records of %d calls, want %d", principal, got, want)
			}
		}
		// The next second is one of its own, whenever it begins.
		time.Sleep(time.Hour)
		if got := refuse(r, "AIDAONE", "Decrypt", 101); got != 100 {
			t.Errorf("an hour later %d of 101 have records", got)
		}
		if lost := stop(); lost != 0 || !slices.Equal(l.calls("AIDAONE"), []int{7, 1}) {
			t.Errorf("at the end %d are lost, records of %d calls", lost, l.calls("AIDAONE"))
		}
		if got := refuse(r, "AIDAONE", "Decrypt", 200); got != 200 {
			t.Errorf("after the end %d of 200 have records", got)
		}
		synctest.Wait()
	})
}

// TestRecordOfRefusals has every member of one.
func TestRecordOfRefusals(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // on 2000-01-01
		l := &ledger{}
		r, stop := running(l)
		refuse(r, "AIDAONE", "Decrypt", refusalsPerSecond+2)
		time.Sleep(refusalWindow - 1)
		refuse(r, "AIDAONE", "EnableKey", 1)
		time.Sleep(refusalWindow)
		stop()
		want := map[string]any{
			"eventVersion": audit.EventVersion, "userIdentity": map[string]any{"principalId": "AIDAONE", "accountId": "111122223333"},
			"eventTime": "2000-01-01T00:00:00Z", "eventSource": "kms.amazonaws.com", "eventName": "RefusedCalls", "awsRegion": "eu-west-1",
			"sourceIPAddress": "AWS Internal", "userAgent": "AWS Internal", "errorCode": "AccessDeniedException",
			"requestParameters": nil, "responseElements": nil, "resources": []any{}, "eventID": "", "readOnly": false, "eventType": "AwsServiceEvent",
			"managementEvent": true, "eventCategory": "Management", "recipientAccountId": "111122223333",
			"serviceEventDetails": map[string]any{
				"calls": 3.0, "operations": map[string]any{"kms.amazonaws.com:Decrypt": 2.0, "kms.amazonaws.com:EnableKey": 1.0},
				"first": "2000-01-01T00:00:00Z", "last": "2000-01-01T00:00:00Z",
			},
		}
		if got := fmt.Sprint(l.records); got != fmt.Sprint([]map[string]any{want}) {
			t.Errorf("got  %s\nwant %v", got, want)
		}
	})
}

// TestRefusalsWaitForTheTrail: what cannot be written is not forgotten.
func TestRefusalsWaitForTheTrail(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := &ledger{fails: true}
		r, stop := running(l)
		for range 3 {
			refuse(r, "AIDAONE", "Decrypt", refusalsPerSecond+5)
			time.Sleep(refusalWindow + 1)
		}
		time.Sleep(time.Minute)
		l.mu.Lock()
		l.fails = false
		l.mu.Unlock()
		time.Sleep(refusalWindow + 1)
		if got := l.calls("AIDAONE"); !slices.Equal(got, []int{15}) {
			t.Errorf("records of %d calls", got)
		}
		l.mu.Lock()
		l.fails = true
		l.mu.Unlock()
		refuse(r, "AIDAONE", "Decrypt", refusalsPerSecond+2)
		if lost := stop(); lost != 2 {
			t.Errorf("%d are lost at the end", lost)
		}
	})
}

// TestRefusalsAreBounded: more principals than are counted have records of their own.
func TestRefusalsAreBounded(t *testing.T) {
	t.Parallel()
	r := newRefusals((&ledger{}).write)
	for n := range refusedPrincipals {
		refuse(r, fmt.Sprint("AIDA", n), "Decrypt", 1)
	}
	if got := refuse(r, "AIDAMORE", "Decrypt", 2*refusalsPerSecond); got != 2*refusalsPerSecond {
		t.Errorf("%d of one principal too many have records", got)
	}
	if got := refuse(r, "AIDA7", "Decrypt", refusalsPerSecond); got != refusalsPerSecond-1 || len(r.principals) != refusedPrincipals {
		t.Errorf("%d of another's have records; %d principals are counted", got, len(r.principals))
	}
}

// TestRefusalsAtOnceAreAllCounted: each refusal has a record of its own or is
// counted in one.
func TestRefusalsAtOnceAreAllCounted(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const callers, each = 8, 500
		l := &ledger{}
		r, stop := running(l)
		var recorded atomic.Int64
		var all sync.WaitGroup
		for i := range callers {
			all.Go(func() {
				for range each {
					recorded.Add(int64(refuse(r, "AIDAONE", "Decrypt", 1)))
					time.Sleep(time.Duration(i+1) * time.Millisecond)
				}
			})
		}
		all.Wait()
		stop()
		counted := 0
		for _, n := range l.calls("AIDAONE") {
			counted += n
		}
		if own := int(recorded.Load()); own+counted != callers*each || own < refusalsPerSecond || counted == 0 {
			t.Errorf("%d have records, %d are counted, of %d", own, counted, callers*each)
		}
	})
}
