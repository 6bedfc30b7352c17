package front

import (
	"context"
	"encoding/json"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"trent/internal/audit"
)

// TestGap: calls that the trail could not take stand in a record as soon as it takes
// one, each once, with their operations and times; what cannot be told at the end is
// counted.
func TestGap(t *testing.T) {
	t.Parallel()
	synctest.Test(t, testGap)
}

func testGap(t *testing.T) {
	type details struct {
		Calls       int
		Operations  map[string]int
		First, Last time.Time
	}
	var mu sync.Mutex
	failing, told := true, []details(nil)
	g := newGap(func(e *audit.Event) error {
		mu.Lock()
		defer mu.Unlock()
		if failing {
			return errors.New("full")
		}
		var d details
		if err := json.Unmarshal(e.ServiceEventDetails, &d); err != nil || e.Name != eventUnrecorded {
			t.Errorf("%s %s: %v", e.Name, e.ServiceEventDetails, err)
		}
		told = append(told, d)
		return nil
	})
	fail := func(b bool) {
		mu.Lock()
		defer mu.Unlock()
		failing = b
	}
	ctx, cancel := context.WithCancel(t.Context())
	lost := make(chan int)
	go func() { lost <- g.run(ctx) }()
	began := time.Now().UTC()
	add := func(name string) { g.add(&audit.Event{Source: "kms.amazonaws.com", Name: name, Time: time.Now()}) }
	add("Decrypt")
	time.Sleep(10 * time.Second)
	add("Decrypt")
	add("Sign")
	ended := time.Now().UTC()
	time.Sleep(10 * time.Second)
	fail(false)
	time.Sleep(gapRetry)
	synctest.Wait()
	mu.Lock()
	if len(told) != 1 || told[0].Calls != 3 || told[0].Operations["kms.amazonaws.com:Decrypt"] != 2 || told[0].Operations["kms.amazonaws.com:Sign"] != 1 ||
		!told[0].First.Equal(began) || !told[0].Last.Equal(ended) {
		t.Errorf("told: %+v", told)
	}
	mu.Unlock()
	fail(true)
	add("Sign")
	cancel()
	if n := <-lost; n != 1 {
		t.Errorf("%d calls are lost, want 1", n)
	}
}
