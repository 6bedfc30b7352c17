package main

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"trent/internal/keyspec"
)

// TestNullServerChecksSignatures: the null server would be no measure if it
// let anything pass.
func TestNullServerChecksSignatures(t *testing.T) {
	t.Parallel()
	handler := newVerifier(accessKey, secretKey).protect(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusOK) })
	random := newRequest("GenerateRandom", map[string]any{"NumberOfBytes": 32})
	for _, row := range []struct {
		name   string
		at     time.Time
		change func(*http.Request)
		want   int
	}{
		{"as signed", time.Now(), func(*http.Request) {}, http.StatusOK},
		{"another operation", time.Now(), func(r *http.Request) { r.Header.Set("X-Amz-Target", "TrentService.Decrypt") }, http.StatusForbidden},
		{"another signature", time.Now(), func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "Signature=", "Signature=0", 1))
		}, http.StatusForbidden},
		{"another access key", time.Now(), func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), "Credential=test", "Credential=tset", 1))
		}, http.StatusForbidden},
		{"too old", time.Now().Add(-10 * time.Minute), func(*http.Request) {}, http.StatusForbidden},
	} {
		t.Run(row.name, func(t *testing.T) {
			req, err := random.sign(t.Context(), "127.0.0.1:1", row.at)
			if err != nil {
				t.Fatal(err)
			}
			row.change(req)
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, req)
			if w.Code != row.want {
				t.Errorf("got %d %s, want %d", w.Code, w.Body, row.want)
			}
		})
	}
}

// TestMeasureCountsAnswers: every request that is sent is answered and
// counted, and an answer that is no success ends the phase.
func TestMeasureCountsAnswers(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusOK, http.StatusBadRequest} {
		verifier := newVerifier(accessKey, secretKey)
		http := httptest.NewServer(verifier.protect(func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(status) }))
		defer http.Close()
		s := &server{name: "test", host: strings.TrimPrefix(http.URL, "http://"), pid: 1}
		l := load{warmup: time.Millisecond, duration: 20 * time.Millisecond, poolSize: 4}
		p, err := l.measure(s, newRequest("ListKeys", nil), 4)
		if status == 200 && (err != nil || p.Ops == 0 || p.P50 > p.P99) {
			t.Errorf("%+v, %v", p, err)
		}
		if status != 200 && err == nil {
			t.Errorf("the status %d is no error", status)
		}
	}
}

func TestRowIsTheMedianOfRatios(t *testing.T) {
	t.Parallel()
	null := []phase{{CPU: 10}, {CPU: 20}, {CPU: 10}}
	r := newRow([]phase{{CPU: 20, Ops: 1, P99: 3}, {CPU: 30, Ops: 2, P99: 1}, {CPU: 50, Ops: 3, P99: 2}}, null)
	if r.Ratio != 2 || r.RatioMin != 1.5 || r.RatioMax != 5 || r.CPU != 30 || r.P99 != 2 || r.Ops != 6 {
		t.Errorf("%+v", r)
	}
}

// TestEveryAlgorithmIsMeasured: each algorithm of each spec has a case for every
// operation that takes it, once, and nothing else has one.
func TestEveryAlgorithmIsMeasured(t *testing.T) {
	t.Parallel()
	measured := map[algorithmCase]int{}
	for _, c := range allCases() {
		if c.Algorithm != "" {
			measured[c]++
		}
	}
	for _, row := range keyspec.All() {
		if row.Type == keyspec.Symmetric {
			continue // load run measures it
		}
		for _, use := range row.Uses {
			for _, a := range use.Algorithms {
				if len(usageOperations[use.Usage]) == 0 {
					t.Errorf("%s of %s: nothing measures this usage", use.Usage, row.Spec)
				}
				for _, operation := range usageOperations[use.Usage] {
					c := algorithmCase{row.Spec, use.Usage, operation, a.Name}
					if measured[c] != 1 {
						t.Errorf("%v: %d cases", c, measured[c])
					}
					delete(measured, c)
				}
			}
		}
	}
	for c := range measured {
		t.Errorf("%v is no algorithm of a key", c)
	}
}

// TestEveryCaseHasItsPrimitive runs each once. RSA's share their code and take
// seconds to make: one size stands for all.
func TestEveryCaseHasItsPrimitive(t *testing.T) {
	t.Parallel()
	covered := map[keyspec.Spec]bool{"SYMMETRIC_DEFAULT": true, "RSA_3072": true, "RSA_4096": true}
	keys := map[keyspec.Spec]*primitiveKey{}
	for _, c := range allCases() {
		if covered[c.Spec] && keys[c.Spec] == nil {
			continue
		}
		covered[c.Spec] = true
		us, err := (&primitiveJob{Case: c, Seconds: 1e-9}).measure(keys)
		if err != nil || (us > 0) != (c.Operation != "GetPublicKey") {
			t.Errorf("%v: %v µs, %v", c, us, err)
		}
	}
	for _, row := range keyspec.All() {
		if !covered[row.Spec] {
			t.Errorf("nothing is measured with %s", row.Spec)
		}
	}
}

func TestPaceIsSpreadOverConnections(t *testing.T) {
	t.Parallel()
	begin := time.Now()
	for i := range 4 {
		p := load{rate: 100}.paceOf(i, 4, begin)
		if p.every != 40*time.Millisecond || p.next.Sub(begin) != time.Duration(i)*10*time.Millisecond {
			t.Errorf("connection %d begins after %v, every %v", i, p.next.Sub(begin), p.every)
		}
	}
}
