package sigv4_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"trent/internal/sigv4"
)

// What the documentation's examples use.
const (
	exampleKeyID  = "AKIDEXAMPLE"
	exampleSecret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
	exampleTime   = "20150830T123600Z"
)

var exampleNow = time.Date(2015, 8, 30, 12, 36, 0, 0, time.UTC)

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

// signingKey derives the day key, which in the product only the module does.
func signingKey(secret, date, region, service string) []byte {
	key := mac([]byte("AWS4"+secret), date)
	key = mac(key, region)
	key = mac(key, service)
	return mac(key, "aws4_request")
}

// scope is what a test signs with.
type scope struct{ keyID, secret, date, region, service string }

var kmsScope = scope{exampleKeyID, exampleSecret, "20150830", "eu-central-1", "kms"}

func (s scope) key() []byte { return signingKey(s.secret, s.date, s.region, s.service) }

// sign sets Authorization for the given header names. It writes the canonical
// request the obvious way, for a path and a query that are already canonical.
func sign(r *sigv4.Request, s scope, signed ...string) {
	sort.Strings(signed)
	var canonical strings.Builder
	fmt.Fprintf(&canonical, "%s\n%s\n%s\n", r.Method, strings.ReplaceAll(r.Path, "%", "%25"), r.RawQuery)
	for _, name := range signed {
		var values []string
		for key, vs := range r.Header {
			if strings.EqualFold(key, name) {
				values = vs
			}
		}
		if name == "host" {
			values = []string{r.Host}
		}
		for i := range values {
			values[i] = strings.Join(strings.FieldsFunc(values[i], func(c rune) bool { return c == ' ' }), " ")
		}
		fmt.Fprintf(&canonical, "%s:%s\n", name, strings.Join(values, ","))
	}
	fmt.Fprintf(&canonical, "\n%s\n%x", strings.Join(signed, ";"), sha256.Sum256(r.Body))
	credential := s.date + "/" + s.region + "/" + s.service + "/aws4_request"
	toSign := fmt.Sprintf("AWS4-HMAC-SHA256\n%s\n%s\n%x", r.Header["X-Amz-Date"][0], credential, sha256.Sum256([]byte(canonical.String())))
	r.Header["Authorization"] = []string{fmt.Sprintf("AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%s",
		s.keyID, credential, strings.Join(signed, ";"), hex.EncodeToString(mac(s.key(), toSign)))}
}

// request is what an SDK sends for Encrypt; sdkHeaders are what it signs.
func request() *sigv4.Request {
	return &sigv4.Request{
		Method: "POST", Path: "/", Host: "kms.eu-central-1.example.com:4599",
		Header: map[string][]string{
			"Accept-Encoding":       {"identity"},
			"Amz-Sdk-Invocation-Id": {"4f5cd9b0-4c0d-4b1e-a7a5-2f4a4e7a6f0e"},
			"Amz-Sdk-Request":       {"attempt=1; max=3"},
			"Content-Length":        {"117"},
			"Content-Type":          {"application/x-amz-json-1.1"},
			"User-Agent":            {"aws-sdk-go-v2/1.47.7 ua/2.1 os/linux lang/go#1.26.8 md/GOOS#linux md/GOARCH#amd64 api/kms#1.62.4"},
			"X-Amz-Date":            {exampleTime},
			"X-Amz-Target":          {"TrentService.Encrypt"},
		},
		Body: []byte(`{"EncryptionContext":{"tenant":"42"},"KeyId":"alias/orders","Plaintext":"c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IQ=="}`),
	}
}

var sdkHeaders = []string{"amz-sdk-invocation-id", "amz-sdk-request", "content-length", "content-type", "host", "x-amz-date", "x-amz-target"}

func signedRequest() *sigv4.Request {
	r := request()
	sign(r, kmsScope, sdkHeaders...)
	return r
}

func clone(r *sigv4.Request) *sigv4.Request {
	c := *r
	c.Header = maps.Clone(r.Header)
	for key, values := range c.Header {
		c.Header[key] = slices.Clone(values)
	}
	c.Body = slices.Clone(r.Body)
	return &c
}

var options = &sigv4.Options{
	Services: []string{"kms", "iam", "sts"},
	Region: func(service, region string) bool {
		return region == "eu-central-1" || service != "kms" && region == "us-east-1"
	},
}

// verify parses and verifies with the key of scope s.
func verify(r *sigv4.Request, now time.Time, s scope) error {
	signature, err := sigv4.Parse(r, now, options)
	if err != nil {
		return err
	}
	return signature.Verify(s.key())
}

func TestParseReturnsTheScope(t *testing.T) {
	t.Parallel()
	r := request()
	r.Header["X-Amz-Security-Token"] = []string{"session"}
	sign(r, kmsScope, append(sdkHeaders, "x-amz-security-token")...)
	s, err := sigv4.Parse(r, exampleNow, options)
	if err != nil {
		t.Fatal(err)
	}
	if s.AccessKeyID != exampleKeyID || s.Date != "20150830" || s.Region != "eu-central-1" || s.Service != "kms" || s.SessionToken != "session" {
		t.Errorf("got %q %q %q %q %q", s.AccessKeyID, s.Date, s.Region, s.Service, s.SessionToken)
	}
	if err := s.Verify(kmsScope.key()); err != nil {
		t.Error(err)
	}
}
