package faults

import (
	"context"
	"errors"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"trent/internal/api"
	"trent/internal/apierr"
	"trent/internal/call"
	"trent/internal/key"
)

func rate(r float64) *float64 { return &r }

func decrypt() *call.Call { return &call.Call{Op: api.OpDecrypt} }

// codes applies the faults to n calls and counts what they come to; "" is no error.
func codes(t *testing.T, s *Set, n int, c *call.Call) map[apierr.Code]int {
	t.Helper()
	counts := map[apierr.Code]int{}
	for range n {
		err := s.Apply(t.Context(), c)
		if err == nil {
			counts[""]++
			continue
		}
		counts[apierr.From(err).Code]++
	}
	return counts
}

func TestRules(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		rule Rule
		ok   bool
	}{
		"throttle":               {Rule{Operation: "Decrypt", Fault: Throttle}, true},
		"all operations":         {Rule{Operation: "*", Fault: Internal}, true},
		"all, not named":         {Rule{Fault: Unavailable}, true},
		"one that does nothing":  {Rule{Fault: Throttle, Rate: rate(0)}, true},
		"every call":             {Rule{Fault: Throttle, Rate: rate(1)}, true},
		"latency":                {Rule{Fault: Latency, LatencyMs: 30_000}, true},
		"module":                 {Rule{Fault: ModuleRestart, Count: 5}, true},
		"a key":                  {Rule{KeyID: "1234abcd-12ab-34cd-56ef-1234567890ab", Fault: Throttle}, true},
		"a key's ARN":            {Rule{KeyID: "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab", Fault: Throttle}, true},
		"no key":                 {Rule{KeyID: "nosuch", Fault: Throttle}, false},
		"an alias":               {Rule{KeyID: "alias/a", Fault: Throttle}, false},
		"an ARN of no key":       {Rule{KeyID: "arn:aws:kms:eu-west-1:111122223333:key/nosuch", Fault: Throttle}, false},
		"no fault":               {Rule{Operation: "Decrypt"}, false},
		"an unknown fault":       {Rule{Fault: "fire"}, false},
		"an unknown operation":   {Rule{Operation: "decrypt", Fault: Throttle}, false},
		"more than all":          {Rule{Fault: Throttle, Rate: rate(1.01)}, false},
		"less than none":         {Rule{Fault: Throttle, Rate: rate(-0.01)}, false},
		"no number":              {Rule{Fault: Throttle, Rate: rate(math.NaN())}, false},
		"a negative count":       {Rule{Fault: Throttle, Count: -1}, false},
		"latency without one":    {Rule{Fault: Latency}, false},
		"a negative latency":     {Rule{Fault: Latency, LatencyMs: -1}, false},
		"a long latency":         {Rule{Fault: Latency, LatencyMs: 30_001}, false},
		"a throttle that waits":  {Rule{Fault: Throttle, LatencyMs: 1}, false},
		"more modules than live": {Rule{Fault: ModuleRestart, Count: 6}, false},
	} {
		s := NewSet(func(context.Context) error { return nil })
		if err := s.Replace(1, []Rule{{Fault: Internal}, c.rule}); (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
		if want := 2; c.ok && len(s.Status()) != want || !c.ok && len(s.Status()) != 0 {
			t.Errorf("%s: %d rules in force", name, len(s.Status()))
		}
	}
	if err := NewSet(nil).Replace(1, []Rule{{Fault: ModuleRestart}}); err == nil {
		t.Error("a module is killed that is not ours")
	}
	if err := NewSet(nil).Replace(1, make([]Rule, MaxRules+1)); err == nil {
		t.Error("rules without a bound")
	}
}

// TestWhoMeets: a call meets the first rule that is about it and not over, and
// every latency before.
func TestWhoMeets(t *testing.T) {
	t.Parallel()
	s := NewSet(nil)
	if got := codes(t, s, 3, decrypt()); got[""] != 3 {
		t.Errorf("without rules: %v", got)
	}
	const id, arn = "1234abcd-12ab-34cd-56ef-1234567890ab", "arn:aws:kms:eu-west-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
	const other = "1234abcd-12ab-34cd-56ef-1234567890ac"
	used := &key.Key{ID: id, ARN: arn}
	for name, c := range map[string]struct {
		rules []Rule
		call  *call.Call
		want  map[apierr.Code]int // of ten calls
	}{
		"another operation":  {[]Rule{{Operation: "Encrypt", Fault: Throttle}}, decrypt(), map[apierr.Code]int{"": 10}},
		"this one":           {[]Rule{{Operation: "Decrypt", Fault: Throttle}}, decrypt(), map[apierr.Code]int{apierr.Throttling: 10}},
		"three times":        {[]Rule{{Operation: "*", Fault: Internal, Count: 3}}, decrypt(), map[apierr.Code]int{apierr.KMSInternal: 3, "": 7}},
		"one after another":  {[]Rule{{Fault: Unavailable, Count: 2}, {Fault: Throttle, Count: 3}}, decrypt(), map[apierr.Code]int{apierr.ServiceUnavailable: 2, apierr.Throttling: 3, "": 5}},
		"the first":          {[]Rule{{Fault: Unavailable}, {Fault: Throttle}}, decrypt(), map[apierr.Code]int{apierr.ServiceUnavailable: 10}},
		"never":              {[]Rule{{Fault: Unavailable, Rate: rate(0)}}, decrypt(), map[apierr.Code]int{"": 10}},
		"always":             {[]Rule{{Fault: Unavailable, Rate: rate(1)}}, decrypt(), map[apierr.Code]int{apierr.ServiceUnavailable: 10}},
		"a key, none used":   {[]Rule{{KeyID: id, Fault: Throttle}}, decrypt(), map[apierr.Code]int{"": 10}},
		"a key by its id":    {[]Rule{{KeyID: id, Fault: Throttle}}, &call.Call{Op: api.OpDecrypt, Keys: [2]*key.Key{used}}, map[apierr.Code]int{apierr.Throttling: 10}},
		"a key by its ARN":   {[]Rule{{KeyID: arn, Fault: Throttle}}, &call.Call{Op: api.OpReEncrypt, Keys: [2]*key.Key{{ID: "other"}, used}}, map[apierr.Code]int{apierr.Throttling: 10}},
		"another key":        {[]Rule{{KeyID: other, Fault: Throttle}}, &call.Call{Op: api.OpDecrypt, Keys: [2]*key.Key{used}}, map[apierr.Code]int{"": 10}},
		"a latency and then": {[]Rule{{Fault: Latency, LatencyMs: 1}, {Fault: Throttle, Count: 1}}, decrypt(), map[apierr.Code]int{apierr.Throttling: 1, "": 9}},
	} {
		if err := s.Replace(1, c.rules); err != nil {
			t.Fatal(err)
		}
		got := codes(t, s, 10, c.call)
		for code, n := range c.want {
			if got[code] != n {
				t.Errorf("%s: %v, want %v", name, got, c.want)
			}
		}
		hits := 0
		for _, rule := range s.Status() {
			if rule.Fault != Latency {
				hits += rule.Hits
			}
		}
		if hits != 10-got[""] {
			t.Errorf("%s: %d hits", name, hits)
		}
	}
}

// TestRate: of the calls that a rule is about its share is hit, and with the same
// seed the same ones.
func TestRate(t *testing.T) {
	t.Parallel()
	const calls = 4000
	hit := func(seed uint64, share float64) (hits string, n int) {
		s := NewSet(nil)
		if err := s.Replace(seed, []Rule{{Fault: Throttle, Rate: &share}}); err != nil {
			t.Fatal(err)
		}
		for range calls {
			if s.Apply(t.Context(), decrypt()) != nil {
				hits += "x"
				n++
			} else {
				hits += "."
			}
		}
		return hits, n
	}
	for _, share := range []float64{0.01, 0.3, 0.5, 0.99} {
		one, n := hit(1, share)
		again, _ := hit(1, share)
		other, _ := hit(2, share)
		if one != again || one == other {
			t.Errorf("rate %v: the same seed gives the same %v, another one too %v", share, one == again, one == other)
		}
		// Six standard deviations.
		if off := math.Abs(float64(n) - share*calls); off > 6*math.Sqrt(share*(1-share)*calls) {
			t.Errorf("rate %v: %d of %d", share, n, calls)
		}
	}
}

// TestLatency: a call waits as long as its rules say, until they are over, or
// its client's patience.
func TestLatency(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := NewSet(nil)
		two := []Rule{{Fault: Latency, LatencyMs: 2000}, {Operation: "Decrypt", Fault: Latency, LatencyMs: 500}}
		if err := s.Replace(1, two); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		if err := s.Apply(t.Context(), decrypt()); err != nil || time.Since(start) != 2500*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		start = time.Now()
		time.AfterFunc(time.Second, func() { _ = s.Replace(1, nil) })
		if err := s.Apply(t.Context(), decrypt()); err != nil || time.Since(start) != time.Second {
			t.Errorf("without rules: %v after %v", err, time.Since(start))
		}
		long := []Rule{{Fault: Latency, LatencyMs: 30_000}, {Fault: Latency, LatencyMs: 30_000}}
		if err := s.Replace(1, long); err != nil {
			t.Fatal(err)
		}
		start = time.Now()
		if err := s.Apply(t.Context(), decrypt()); err != nil || time.Since(start) != 30*time.Second {
			t.Errorf("two of 30 seconds: %v after %v", err, time.Since(start))
		}
		if err := s.Replace(1, two); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := s.Apply(ctx, decrypt()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a client that has gone: %v", err)
		}
	})
}

// TestEnd: who waits goes on, and nobody waits afterwards.
func TestEnd(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := NewSet(nil)
		long := []Rule{{Fault: Latency, LatencyMs: 30_000}}
		if err := s.Replace(1, long); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		time.AfterFunc(time.Second, s.End)
		if err := s.Apply(t.Context(), decrypt()); err != nil || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		if err := s.Replace(1, long); err == nil {
			t.Error("rules come into force after the end")
		}
		if err := s.Apply(t.Context(), decrypt()); err != nil || time.Since(start) != time.Second {
			t.Errorf("afterwards: %v after %v", err, time.Since(start))
		}
		s.End() // which Listen and Close both do
	})
}

// TestModuleRestart: once, unless a count says more, and before the operation.
func TestModuleRestart(t *testing.T) {
	t.Parallel()
	killed := 0
	errKill := errors.New("not now")
	var failure error
	s := NewSet(func(context.Context) error { killed++; return failure })
	if err := s.Replace(1, []Rule{{Fault: ModuleRestart}, {Operation: "Encrypt", Fault: ModuleRestart, Count: 2}}); err != nil {
		t.Fatal(err)
	}
	if got := codes(t, s, 3, decrypt()); got[""] != 3 || killed != 1 {
		t.Errorf("%v, killed %d times", got, killed)
	}
	if got := codes(t, s, 5, &call.Call{Op: api.OpEncrypt}); got[""] != 5 || killed != 3 {
		t.Errorf("%v, killed %d times", got, killed)
	}
	failure = errKill
	if err := s.Replace(1, []Rule{{Fault: ModuleRestart}}); err != nil {
		t.Fatal(err)
	}
	if err := s.Apply(t.Context(), decrypt()); !errors.Is(err, errKill) {
		t.Errorf("a module that is not killed: %v", err)
	}
}
