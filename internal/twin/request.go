package twin

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"trent/internal/edge"
	"trent/internal/identity"
	"trent/internal/wire"
)

// caller makes KMS requests as applications do, with the well-known credential
// of an account: no rule is weaker for a seed.
type caller struct {
	service         edge.Handler
	now             func() time.Time // the service's
	account, region string
}

// An apiError is an answer that is an error.
type apiError struct {
	Code    string `json:"__type"`
	Message string `json:"message"`
}

func (e *apiError) Error() string {
	if e.Message == "" {
		return e.Code
	}
	return e.Code + ": " + e.Message
}

// ErrorCode is the code of AWS's.
func (e *apiError) ErrorCode() string { return e.Code }

// call makes a request. keyID is what CreateKey gives the new key; "" otherwise.
// The error is an *apiError if the service refuses.
func (c caller) call(ctx context.Context, op, keyID string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	now := time.Now() // signatures go by the system's clock
	r := wire.Request{
		Method: "POST", Path: "/", Host: "localhost", Body: body, KeyID: keyID,
		Remote: netip.AddrFrom4([4]byte{127, 0, 0, 1}), Listener: "seed", Received: c.now(),
		Header: map[string][]string{
			"Content-Type": {wire.ContentType}, "X-Amz-Target": {wire.TargetPrefix + op},
			"X-Amz-Date": {now.UTC().Format("20060102T150405Z")}, "User-Agent": {"trent dev"},
		},
	}
	if r.Aim(); r.Err != nil {
		return r.Err
	}
	c.sign(&r, now.UTC().Format("20060102"))
	answer := c.service.Serve(ctx, &r, nil)
	if answer.Status != 200 {
		refused := &apiError{}
		if err := json.Unmarshal(answer.Body, refused); err != nil {
			return err
		}
		return refused
	}
	if out == nil || len(answer.Body) == 0 {
		return nil
	}
	return json.Unmarshal(answer.Body, out)
}

// sign signs a request with Signature Version 4.
func (c caller) sign(r *wire.Request, date string) {
	const headers = "content-type;host;x-amz-date;x-amz-target"
	scope := strings.Join([]string{date, c.region, "kms", "aws4_request"}, "/")
	canonical := fmt.Sprintf("POST\n/\n\ncontent-type:%s\nhost:%s\nx-amz-date:%s\nx-amz-target:%s\n\n%s\n%x",
		r.First("Content-Type"), r.Host, r.First("X-Amz-Date"), r.First("X-Amz-Target"), headers, sha256.Sum256(r.Body))
	toSign := fmt.Sprintf("AWS4-HMAC-SHA256\n%s\n%s\n%x", r.First("X-Amz-Date"), scope, sha256.Sum256([]byte(canonical)))
	link := []byte("AWS4" + identity.DevSecret)
	for _, part := range [...]string{date, c.region, "kms", "aws4_request", toSign} {
		mac := hmac.New(sha256.New, link)
		mac.Write([]byte(part))
		link = mac.Sum(nil)
	}
	r.Header["Authorization"] = []string{fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%x", c.account, scope, headers, link)}
}
