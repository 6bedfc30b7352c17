package config_test

import (
	"testing"

	"trent/internal/api"
	"trent/internal/config"
	"trent/internal/throttle"
)

// TestRequestQuotas: off unless the file says otherwise; aws and custom are AWS's
// numbers, and those that are given.
func TestRequestQuotas(t *testing.T) {
	t.Parallel()
	class := throttle.Own(api.OpCreateKey)
	for text, want := range map[string]float64{
		"": 0, "\nquotas: {keys: 7}": 0, "\nquotas: {requests: off}": 0, "\nquotas: {requests: \"off\"}": 0, "\nquotas: {requests: aws}": 5,
		"\nquotas: {requests: custom, requests_per_second: {CreateKey: 7, CryptographicOperationsRSA: 1}}": 7,
	} {
		c, err := config.Parse("/etc/trent/trent.yaml", []byte(least+text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		n := c.Quotas.RequestNumbers()
		if (n == nil) != (want == 0) || n != nil && (n.PerSecond("eu-north-1", class) != want || n.PerSecond("eu-north-1", throttle.Symmetric) != 10_000) {
			t.Errorf("%s: %+v", text, n)
		}
	}
}
