package sigv4_test

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"trent/internal/sigv4"
)

func hexHash(body []byte) string {
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:])
}

// Drops each header in turn from the signed set. Host and the X-Amz-… ones
// must be signed; the rest need not be.
func TestDropEachSignedHeader(t *testing.T) {
	t.Parallel()
	build := func() *sigv4.Request {
		r := request()
		header(r, "X-Amz-Security-Token", "session")
		header(r, "X-Amz-Content-Sha256", hexHash(r.Body))
		header(r, "X-Amz-User-Agent", "sdk")
		return r
	}
	all := append([]string{"x-amz-security-token", "x-amz-content-sha256", "x-amz-user-agent"}, sdkHeaders...)
	for _, dropped := range all {
		t.Run(dropped, func(t *testing.T) {
			t.Parallel()
			r := build()
			sign(r, kmsScope, slices.DeleteFunc(slices.Clone(all), func(name string) bool { return name == dropped })...)
			err := verify(r, exampleNow, kmsScope)
			must := dropped == "host" || strings.HasPrefix(dropped, "x-amz-")
			if must != (err != nil) {
				t.Errorf("must be signed: %v, got error %v", must, err)
			}
		})
	}
}

// Changes every byte of everything that is signed, one at a time, by one bit.
func TestEveryChangeIsRefused(t *testing.T) {
	t.Parallel()
	r := request()
	r.Path, r.RawQuery = "/path", "a=1&b=2"
	header(r, "X-Amz-Security-Token", "session")
	sign(r, kmsScope, append([]string{"x-amz-security-token"}, sdkHeaders...)...)
	if err := verify(r, exampleNow, kmsScope); err != nil {
		t.Fatal(err)
	}
	changes := 0
	check := func(what string, set func(c *sigv4.Request, text string), text string) {
		for i := range len(text) {
			for _, bit := range []byte{1, 4, 0x20, 0x80} {
				changed := []byte(text)
				changed[i] ^= bit
				c := clone(r)
				set(c, string(changed))
				changes++
				if err := verify(c, exampleNow, kmsScope); err == nil {
					t.Errorf("%s: %q instead of %q is accepted", what, changed, text)
				}
			}
		}
	}
	check("method", func(c *sigv4.Request, s string) { c.Method = s }, r.Method)
	check("path", func(c *sigv4.Request, s string) { c.Path = s }, r.Path)
	check("query", func(c *sigv4.Request, s string) { c.RawQuery = s }, r.RawQuery)
	check("host", func(c *sigv4.Request, s string) { c.Host = s }, r.Host)
	check("body", func(c *sigv4.Request, s string) { c.Body = []byte(s) }, string(r.Body))
	for _, name := range []string{"Amz-Sdk-Invocation-Id", "Content-Length", "Content-Type", "X-Amz-Date", "X-Amz-Target", "X-Amz-Security-Token"} {
		check(name, func(c *sigv4.Request, s string) { header(c, name, s) }, r.Header[name][0])
	}
	_, scope, _ := strings.Cut(r.Header["Authorization"][0], "/") // the access key id is what the caller looks up
	check("Authorization", func(c *sigv4.Request, s string) {
		keyID, _, _ := strings.Cut(c.Header["Authorization"][0], "/")
		header(c, "Authorization", keyID+"/"+s)
	}, scope)
	if changes < 1000 {
		t.Errorf("only %d changes were tried", changes)
	}
}

// FuzzParse takes any request: nothing panics, nothing verifies that was not
// signed, and what parses has the scope that it must have.
func FuzzParse(f *testing.F) {
	r := signedRequest()
	f.Add(r.Method, r.Path, r.RawQuery, r.Host, r.Header["Authorization"][0], exampleTime, "X-Amz-Target", "TrentService.Encrypt", r.Body)
	f.Add("GET", "/a/../b", "a=%2&b", "h", "AWS4-HMAC-SHA256 Credential=a/20150830/eu-central-1/kms/aws4_request, SignedHeaders=host;x-amz-date, Signature=0", exampleTime, "x-amz-date", "", []byte{})
	wrong := signingKey("wrong", "20150830", "eu-central-1", "kms")
	f.Fuzz(func(t *testing.T, method, path, query, host, authorization, date, name, value string, body []byte) {
		r := &sigv4.Request{Method: method, Path: path, RawQuery: query, Host: host, Body: body, Header: map[string][]string{
			"Authorization": {authorization}, "X-Amz-Date": {date}, name: {value}}}
		s, err := sigv4.Parse(r, exampleNow, options)
		if err != nil {
			return
		}
		if !strings.HasPrefix(r.Header["X-Amz-Date"][0], s.Date) || !options.Region(s.Service, s.Region) || !slices.Contains(options.Services, s.Service) {
			t.Errorf("accepted the scope %s/%s/%s", s.Date, s.Region, s.Service)
		}
		if s.Verify(wrong) == nil {
			t.Errorf("verified with a wrong key: %+v", r)
		}
		// Nor with the right one: the fuzzer cannot sign.
		if s.Verify(signingKey(exampleSecret, s.Date, s.Region, s.Service)) == nil {
			t.Errorf("verified without a signature: %+v", r)
		}
	})
}

// FuzzSigned signs any request the obvious way; it must verify, and not with
// another body.
func FuzzSigned(f *testing.F) {
	f.Add("amz-sdk-request", "attempt=1;  max=3", "a.example", []byte("{}"))
	f.Add("x-amz-z", "", "h", []byte{})
	f.Fuzz(func(t *testing.T, name, value, host string, body []byte) {
		for _, c := range []byte(name) {
			if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' {
				t.Skip("no header name")
			}
		}
		if name == "" || len(name) > 128 || name == "host" || name == "authorization" || name == "x-amz-date" ||
			name == "x-amz-content-sha256" || strings.ContainsAny(value+host, "\r\n\t") {
			t.Skip("what HTTP would not carry, or the signer sets itself")
		}
		key := []byte(name)
		for i := range key {
			if (i == 0 || key[i-1] == '-') && key[i] >= 'a' && key[i] <= 'z' {
				key[i] -= 'a' - 'A'
			}
		}
		r := &sigv4.Request{Method: "POST", Path: "/", Host: host, Body: body,
			Header: map[string][]string{"X-Amz-Date": {exampleTime}, string(key): {value}}}
		sign(r, kmsScope, "host", "x-amz-date", name)
		if err := verify(r, exampleNow, kmsScope); err != nil {
			t.Errorf("%q: %q: %v", name, value, err)
		}
		r.Body = append(r.Body, ' ')
		if verify(r, exampleNow, kmsScope) == nil {
			t.Error("verified with another body")
		}
	})
}
