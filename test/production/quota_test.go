package production

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/aws/retry"
	"github.com/aws/aws-sdk-go-v2/service/kms"

	"trent/test/harness"
)

// TestRequestQuotas: the AWS SDK for Go waits for its request quota and tries again
// until every call has succeeded; the trail has what was throttled, and an operator
// sees who it was.
func TestRequestQuotas(t *testing.T) {
	t.Parallel()
	const perSecond, calls = 20, 60
	p := harness.NewProduction(t, "quotas:\n  requests: custom\n  requests_per_second: {CryptographicOperationsSymmetric: 20}").Init("--account", "111122223333")
	s := p.Serve()
	key, _ := s.CreateKey(t, p.Who)
	throttled := 0
	client := s.Client(p.Who, func(o *kms.Options) {
		o.HTTPClient = &http.Client{Transport: s.Transport(), Timeout: wait}
		standard := retry.NewStandard(func(r *retry.StandardOptions) {
			r.MaxAttempts, r.MaxBackoff, r.RateLimiter = 20, 2*time.Second, unlimited{}
		})
		o.Retryer = counting{standard, &throttled}
	})
	began := time.Now()
	for range calls {
		if _, err := client.Encrypt(t.Context(), &kms.EncryptInput{KeyId: aws.String(key), Plaintext: []byte("x")}); err != nil {
			t.Fatal(err)
		}
	}
	took := time.Since(began)
	if most := perSecond * (1 + took.Seconds()); calls > most {
		t.Errorf("%d calls in %v are more than a second's worth and %d a second", calls, took, perSecond)
	}
	out, code := p.Run("quota", "--output", "json")
	var q struct {
		Requests string
		Usage    []struct {
			Account, Class  string
			Peak, Throttled int
			PerSecond       float64
		}
	}
	if err := json.Unmarshal([]byte(out), &q); err != nil || code != 0 {
		t.Fatalf("%d %v: %s", code, err, out)
	}
	if u := q.Usage; q.Requests != "on" || len(u) == 0 || u[0].Account != "111122223333" || u[0].Class != "CryptographicOperationsSymmetric" || u[0].PerSecond != perSecond || u[0].Throttled != throttled {
		t.Errorf("%+v, and %d retries", q, throttled)
	}
	if out, _ := p.Run("quota"); !strings.Contains(out, "CryptographicOperationsSymmetric") {
		t.Errorf("%s", out)
	}
	s.Stop()
	records, err := harness.ReadAudit(p.Data)
	if err != nil {
		t.Fatal(err)
	}
	recorded := map[string]int{}
	for i := range records {
		if records[i].Text("eventName") == "Encrypt" {
			recorded[records[i].Text("errorCode")]++
		}
	}
	if recorded[""] != calls || recorded["ThrottlingException"] != throttled {
		t.Errorf("in the trail: %v; %d retries", recorded, throttled)
	}
}

// counting is a retryer that counts what it was asked to wait for: throttling alone.
type counting struct {
	*retry.Standard
	throttled *int
}

func (c counting) RetryDelay(attempt int, err error) (time.Duration, error) {
	if strings.Contains(err.Error(), "ThrottlingException") {
		*c.throttled++
	}
	return c.Standard.RetryDelay(attempt, err)
}

// unlimited lets every retry go: the SDK's own bucket of retries is not what is
// measured.
type unlimited struct{}

func (unlimited) GetToken(context.Context, uint) (func() error, error) {
	return func() error { return nil }, nil
}
func (unlimited) AddTokens(uint) error { return nil }
