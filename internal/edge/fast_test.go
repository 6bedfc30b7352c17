package edge

import (
	"testing"

	"github.com/valyala/fasthttp"
)

// TestHeadersAreBounded: a stranger's headers cost what they are long, and no
// more than a few hundred of them are looked at.
func TestHeadersAreBounded(t *testing.T) {
	t.Parallel()
	for name, header := range map[string]func(i int) string{
		"one name": func(int) string { return "X-Amz-A" },
		"many names": func(i int) string {
			return "X-Amz-" + string(rune('A'+i%26)) + string(rune('A'+i/26%26)) + string(rune('A'+i/676))
		},
	} {
		var h fasthttp.RequestHeader
		for i := range 4000 {
			h.Add(header(i), "v")
		}
		taken := takeHeaders(&h)
		n := 0
		for _, values := range taken.values {
			n += len(values)
		}
		if !taken.tooMany || n > maxHeaderLines {
			t.Errorf("%s: %d of 4000 are taken, too many: %v", name, n, taken.tooMany)
		}
		if understood(&h, taken) == nil {
			t.Errorf("%s: accepted", name)
		}
		taken.release()
	}
}

// TestHeadersAreTheRequests: one value or several, and nothing of the request
// before.
func TestHeadersAreTheRequests(t *testing.T) {
	t.Parallel()
	for range 3 { // the pooled memory is used again
		var h fasthttp.RequestHeader
		h.SetHost("localhost")
		h.Add("X-Amz-Date", "one")
		h.Add("X-Amz-Date", "two")
		h.Add("X-Amz-Date", "three")
		h.Add("Accept", "*/*")
		taken := takeHeaders(&h)
		if got := taken.values["X-Amz-Date"]; len(got) != 3 || got[0] != "one" || got[2] != "three" {
			t.Errorf("three values: %q", got)
		}
		if got := taken.values["Accept"]; len(got) != 1 || got[0] != "*/*" || len(taken.values) != 3 || taken.tooMany {
			t.Errorf("%q", taken.values)
		}
		taken.release()
	}
}
