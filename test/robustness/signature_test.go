package robustness

import (
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"trent/test/harness"
)

const (
	invalidSignature = "InvalidSignatureException"
	mismatch         = "The request signature we calculated does not match the signature you provided. " +
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details."
	badToken = "The security token included in the request is invalid."
)

// TestSignatures: a request whose signature is missing, wrong, too old, too
// new, of somebody else or of another request does nothing.
func TestSignatures(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	create := func(change func(*harness.Request)) harness.Request {
		r := harness.Request{Operation: "CreateKey"}
		change(&r)
		return r
	}
	after := func(change func(*http.Request)) harness.Request {
		return create(func(r *harness.Request) { r.After = change })
	}
	authorization := func(old, new string) harness.Request {
		return after(func(r *http.Request) {
			r.Header.Set("Authorization", strings.Replace(r.Header.Get("Authorization"), old, new, 1))
		})
	}
	who := func(accessKey, secretKey, region string) harness.Request {
		return create(func(r *harness.Request) {
			r.Who = harness.Who{AccessKey: accessKey, SecretKey: secretKey, Region: region}
		})
	}
	date := time.Now().UTC().Format("20060102")
	for _, row := range []struct {
		name, code, message string
		request             harness.Request
	}{
		{"none", "MissingAuthenticationTokenException", "Missing Authentication Token", after(func(r *http.Request) { r.Header.Del("Authorization") })},
		{"wrong secret", invalidSignature, mismatch, who("test", "tset", harness.Region)},
		{"empty secret", invalidSignature, mismatch, who("test", "", harness.Region)},
		{"unknown access key", "UnrecognizedClientException", badToken, who("AKIAIOSFODNN7EXAMPLE", "test", harness.Region)},
		{"thirteen digits", "UnrecognizedClientException", badToken, who("1112223334445", "test", harness.Region)},
		{"access key of another case", "UnrecognizedClientException", badToken, who("Test", "test", harness.Region)},
		{"session token", "UnrecognizedClientException", badToken, create(func(r *harness.Request) {
			r.Before = func(r *http.Request) { r.Header.Set("X-Amz-Security-Token", "token") }
		})},
		{"one digit changed", invalidSignature, mismatch, after(func(r *http.Request) {
			old := r.Header.Get("Authorization")
			digit := "0"
			if strings.HasSuffix(old, digit) {
				digit = "1"
			}
			r.Header.Set("Authorization", old[:len(old)-1]+digit)
		})},
		{"of another operation", invalidSignature, mismatch, create(func(r *harness.Request) {
			r.Operation = "ListKeys"
			r.After = func(r *http.Request) { r.Header.Set("X-Amz-Target", "TrentService.CreateKey") }
		})},
		{"of another host", invalidSignature, mismatch, after(func(r *http.Request) { r.Host = "127.0.0.2:4599" })},
		{"of another content type", invalidSignature, mismatch, after(func(r *http.Request) {
			r.Header.Set("Content-Type", "application/x-amz-json-1.1; charset=utf-8")
		})},
		{"of another Region", invalidSignature, mismatch, authorization("/"+harness.Region+"/", "/us-east-1/")},
		{"of another service", invalidSignature, "Credential should be scoped to correct service: 'kms'.", authorization("/kms/", "/s3/")},
		{"of another day", invalidSignature, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20200101' != '" + date + "', from …",
			authorization("/"+date+"/", "/20200101/")},
		{"host not signed", invalidSignature, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.", authorization("content-type;host;", "content-type;")},
		{"target not signed", invalidSignature, "…", authorization(";x-amz-target", "")},
		{"an amz header more", invalidSignature, "…", after(func(r *http.Request) { r.Header.Set("X-Amz-Extra", "1") })},
		{"another algorithm", "IncompleteSignatureException", "…", authorization("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA512")},
		{"no signature in it", "IncompleteSignatureException", "…", authorization("Signature=", "Signatur=")},
		{"twice", "IncompleteSignatureException", "…", after(func(r *http.Request) {
			r.Header.Add("Authorization", r.Header.Get("Authorization"))
		})},
		{"body hash of another body", invalidSignature, mismatch, create(func(r *harness.Request) {
			r.Before = func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", strings.Repeat("0", 64)) }
		})},
		{"unsigned payload", invalidSignature, mismatch, create(func(r *harness.Request) {
			r.Before = func(r *http.Request) { r.Header.Set("X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD") }
		})},
	} {
		t.Run(row.name, func(t *testing.T) {
			checkError(t, s.Do(t, row.request), http.StatusBadRequest, row.code, row.message)
		})
	}
	if keys := s.Must(t, "ListKeys", object{})["Keys"].([]any); len(keys) != 0 {
		t.Errorf("there are keys: %v", keys)
	}
}

// TestSkew: five minutes are allowed, either way; the texts let SDKs correct
// their clocks.
func TestSkew(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	now := time.Now()
	for _, row := range []struct {
		name    string
		offset  time.Duration
		pattern string // of the message; empty: accepted
	}{
		{"4 minutes old", -4 * time.Minute, ""},
		{"4 minutes ahead", 4 * time.Minute, ""},
		{"6 minutes old", -6 * time.Minute, `^Signature expired: \d{8}T\d{6}Z is now earlier than \d{8}T\d{6}Z \(\d{8}T\d{6}Z - 5 min\.\)$`},
		{"6 minutes ahead", 6 * time.Minute, `^Signature not yet current: \d{8}T\d{6}Z is still later than \d{8}T\d{6}Z \(\d{8}T\d{6}Z \+ 5 min\.\)$`},
		{"a year old", -365 * 24 * time.Hour, `^Signature expired: `},
	} {
		t.Run(row.name, func(t *testing.T) {
			at := now.Add(row.offset)
			res := s.Do(t, harness.Request{Operation: "ListKeys", Time: at})
			if row.pattern == "" {
				if res.Status != http.StatusOK {
					t.Errorf("got %d %s", res.Status, res.Body)
				}
				return
			}
			if res.Type != invalidSignature || !regexp.MustCompile(row.pattern).MatchString(res.Message) ||
				!strings.Contains(res.Message, at.UTC().Format("20060102T150405Z")) {
				t.Errorf("got %d %s", res.Status, res.Body)
			}
		})
	}
}

// TestRepeats: the same signed request may come again within five minutes, as
// at AWS.
func TestRepeats(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	at := time.Now()
	for range 3 {
		if res := s.Do(t, harness.Request{Operation: "ListKeys", Time: at}); res.Status != http.StatusOK {
			t.Errorf("got %d %s", res.Status, res.Body)
		}
	}
}
