package sigv4_test

import (
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"trent/internal/apierr"
	"trent/internal/sigv4"
)

const mismatchText = "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method. Consult the service documentation for details."

// refused checks the exact code and text.
func refused(t *testing.T, err error, code apierr.Code, message string) {
	t.Helper()
	var got *apierr.Error
	if !errors.As(err, &got) {
		t.Fatalf("got %v, want %s", err, code)
	}
	if got.Code != code || got.Message != message {
		t.Errorf("got  %s: %s\nwant %s: %s", got.Code, got.Message, code, message)
	}
}

func header(r *sigv4.Request, name string, values ...string) { r.Header[name] = values }

// authorization replaces a part of the Authorization header.
func authorization(r *sigv4.Request, old, replacement string) {
	value := r.Header["Authorization"][0]
	if !strings.Contains(value, old) {
		panic("the header has no " + old)
	}
	header(r, "Authorization", strings.Replace(value, old, replacement, 1))
}

func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// Each row changes a request that is signed as an SDK signs it. "HASH" in a
// text stands for the hash of the Authorization header.
func TestRefusals(t *testing.T) {
	t.Parallel()
	const (
		incomplete = apierr.IncompleteSignature
		invalid    = apierr.InvalidSignature
		headers    = "SignedHeaders=amz-sdk-invocation-id;amz-sdk-request;content-length;content-type;host;x-amz-date;x-amz-target"
		needsDate  = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."
		form       = "'SignedHeaders' must be lower-case names, sorted, each once, separated by ';'."
	)
	for name, c := range map[string]struct {
		change  func(r *sigv4.Request)
		code    apierr.Code
		message string
	}{
		"no Authorization":    {func(r *sigv4.Request) { delete(r.Header, "Authorization") }, apierr.MissingAuthentication, "Missing Authentication Token"},
		"empty Authorization": {func(r *sigv4.Request) { header(r, "Authorization", "") }, apierr.MissingAuthentication, "Missing Authentication Token"},
		"Authorization twice": {func(r *sigv4.Request) {
			header(r, "Authorization", r.Header["Authorization"][0], r.Header["Authorization"][0])
		}, incomplete, "The header 'Authorization' must not be repeated."},
		"signature in the query": {func(r *sigv4.Request) {
			delete(r.Header, "Authorization")
			r.RawQuery = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a&X-Amz-Signature=b"
		}, incomplete, "Signatures in the query string are not supported."},
		"signatures in header and query": {func(r *sigv4.Request) { r.RawQuery = "X-Amz-Signature=b" }, incomplete, "Signatures in the query string are not supported."},
		"another scheme":                 {func(r *sigv4.Request) { header(r, "Authorization", "Bearer token") }, incomplete, "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded with Base64): 'HASH'."},
		"space within the credential":    {func(r *sigv4.Request) { authorization(r, "Credential=", "Credential= ") }, incomplete, "Invalid key=value pair (missing equal-sign) in Authorization header (hashed with SHA-256 and encoded with Base64): 'HASH'."},
		"unknown parameter":              {func(r *sigv4.Request) { authorization(r, "Signature=", "Other=1, Signature=") }, incomplete, "Unknown or repeated parameter in Authorization header (hashed with SHA-256 and encoded with Base64): 'HASH'."},
		"parameter twice":                {func(r *sigv4.Request) { authorization(r, "Signature=", "Signature=1, Signature=") }, incomplete, "Unknown or repeated parameter in Authorization header (hashed with SHA-256 and encoded with Base64): 'HASH'."},
		"algorithm alone": {func(r *sigv4.Request) { header(r, "Authorization", "AWS4-HMAC-SHA256") }, incomplete,
			"Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. (Hashed with SHA-256 and encoded with Base64) Authorization=HASH"},
		"nothing at all": {func(r *sigv4.Request) { header(r, "Authorization", "x"); delete(r.Header, "X-Amz-Date") }, incomplete,
			"Authorization header requires 'Credential' parameter. Authorization header requires 'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. " + needsDate + " (Hashed with SHA-256 and encoded with Base64) Authorization=HASH"},
		"no Credential": {func(r *sigv4.Request) {
			authorization(r, "Credential=AKIDEXAMPLE/20150830/eu-central-1/kms/aws4_request, ", "")
		}, incomplete, "Authorization header requires 'Credential' parameter. (Hashed with SHA-256 and encoded with Base64) Authorization=HASH"},
		"no SignedHeaders": {func(r *sigv4.Request) { authorization(r, headers+", ", "") }, incomplete, "Authorization header requires 'SignedHeaders' parameter. (Hashed with SHA-256 and encoded with Base64) Authorization=HASH"},
		"empty Signature": {func(r *sigv4.Request) {
			value, _, _ := strings.Cut(r.Header["Authorization"][0], "Signature=")
			header(r, "Authorization", value+"Signature=")
		}, incomplete, "Authorization header requires 'Signature' parameter. (Hashed with SHA-256 and encoded with Base64) Authorization=HASH"},
		"no X-Amz-Date": {func(r *sigv4.Request) { delete(r.Header, "X-Amz-Date") }, incomplete, needsDate + " (Hashed with SHA-256 and encoded with Base64) Authorization=HASH"},
		"Date instead": {func(r *sigv4.Request) {
			delete(r.Header, "X-Amz-Date")
			header(r, "Date", "Sun, 30 Aug 2015 12:36:00 GMT")
		}, incomplete, needsDate + " (Hashed with SHA-256 and encoded with Base64) Authorization=HASH"},
		"X-Amz-Date twice": {func(r *sigv4.Request) { header(r, "X-Amz-Date", exampleTime, exampleTime) }, incomplete, "The header 'X-Amz-Date' must not be repeated."},
		"HTTP date":        {func(r *sigv4.Request) { header(r, "X-Amz-Date", "Sun, 30 Aug 2015 12:36:00 GMT") }, incomplete, "Date must be in ISO-8601 'basic format'. Got 'Sun, 30 Aug 2015 12:36:00 GMT'. See http://en.wikipedia.org/wiki/ISO_8601"},
		"fraction":         {func(r *sigv4.Request) { header(r, "X-Amz-Date", "20150830T123600.5Z") }, incomplete, "Date must be in ISO-8601 'basic format'. Got '20150830T123600.5Z'. See http://en.wikipedia.org/wiki/ISO_8601"},
		"no such day":      {func(r *sigv4.Request) { header(r, "X-Amz-Date", "20150230T123600Z") }, incomplete, "Date must be in ISO-8601 'basic format'. Got '20150230T123600Z'. See http://en.wikipedia.org/wiki/ISO_8601"},
		"expired":          {func(r *sigv4.Request) { header(r, "X-Amz-Date", "20150830T123059Z") }, invalid, "Signature expired: 20150830T123059Z is now earlier than 20150830T123100Z (20150830T123600Z - 5 min.)"},
		"not yet current":  {func(r *sigv4.Request) { header(r, "X-Amz-Date", "20150830T124101Z") }, invalid, "Signature not yet current: 20150830T124101Z is still later than 20150830T124100Z (20150830T123600Z + 5 min.)"},

		"Host not signed":       {func(r *sigv4.Request) { authorization(r, ";host;", ";") }, invalid, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization."},
		"X-Amz-Date not signed": {func(r *sigv4.Request) { authorization(r, ";x-amz-date;", ";") }, invalid, "'X-Amz-Date' must be a 'SignedHeader' in the AWS Authorization."},
		"target not signed":     {func(r *sigv4.Request) { authorization(r, ";x-amz-target", "") }, invalid, "'X-Amz-Target' must be a 'SignedHeader' in the AWS Authorization."},
		"two not signed":        {func(r *sigv4.Request) { authorization(r, ";x-amz-date;x-amz-target", "") }, invalid, "'X-Amz-Date' must be a 'SignedHeader' in the AWS Authorization."},
		"token not signed":      {func(r *sigv4.Request) { header(r, "X-Amz-Security-Token", "t") }, invalid, "'X-Amz-Security-Token' must be a 'SignedHeader' in the AWS Authorization."},
		"target under two keys": {func(r *sigv4.Request) { header(r, "x-amz-target", "TrentService.Decrypt") }, invalid, "'x-amz-target' must be a 'SignedHeader' in the AWS Authorization."},
		"target twice":          {func(r *sigv4.Request) { header(r, "X-Amz-Target", "TrentService.Encrypt", "TrentService.Decrypt") }, incomplete, "The header 'x-amz-target' must not be repeated."},
		"Content-Type twice":    {func(r *sigv4.Request) { header(r, "Content-Type", "a", "b") }, incomplete, "The header 'content-type' must not be repeated."},
		"signed but absent":     {func(r *sigv4.Request) { delete(r.Header, "X-Amz-Target") }, incomplete, "'x-amz-target' is named as a SignedHeader, but it does not exist in the HTTP request."},
		"names not sorted":      {func(r *sigv4.Request) { authorization(r, "host;x-amz-date", "x-amz-date;host") }, incomplete, form},
		"name twice":            {func(r *sigv4.Request) { authorization(r, ";host", ";host;host") }, incomplete, form},
		"name in upper case":    {func(r *sigv4.Request) { authorization(r, ";host", ";Host") }, incomplete, form},
		"empty name":            {func(r *sigv4.Request) { authorization(r, "SignedHeaders=", "SignedHeaders=;") }, incomplete, form},
		"endless name":          {func(r *sigv4.Request) { authorization(r, ";host", ";host;"+strings.Repeat("i", 129)) }, incomplete, form},

		"other algorithm":      {func(r *sigv4.Request) { authorization(r, "SHA256", "SHA512") }, incomplete, "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA512' (only AWS4-HMAC-SHA256 for now). "},
		"asymmetric algorithm": {func(r *sigv4.Request) { authorization(r, "AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256") }, incomplete, "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256' (only AWS4-HMAC-SHA256 for now). "},
		"four elements":        {func(r *sigv4.Request) { authorization(r, "/aws4_request", "") }, incomplete, "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'AKIDEXAMPLE/20150830/eu-central-1/kms'"},
		"six elements":         {func(r *sigv4.Request) { authorization(r, "/aws4_request", "/aws4_request/") }, incomplete, "Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got 'AKIDEXAMPLE/20150830/eu-central-1/kms/aws4_request/'"},
		"other Region":         {func(r *sigv4.Request) { authorization(r, "eu-central-1", "us-east-1") }, invalid, "Credential should be scoped to a valid region, not 'us-east-1'."},
		"other service":        {func(r *sigv4.Request) { authorization(r, "/kms/", "/s3/") }, invalid, "Credential should be scoped to correct service: 'kms'."},
		"other terminator":     {func(r *sigv4.Request) { authorization(r, "aws4_request", "aws5_request") }, invalid, "Credential should be scoped with a valid terminator: 'aws4_request', not 'aws5_request'."},
		"other date":           {func(r *sigv4.Request) { authorization(r, "20150830", "20150829") }, invalid, "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '20150829' != '20150830', from '20150830T123600Z'."},
		"all of the scope": {func(r *sigv4.Request) { authorization(r, "20150830/eu-central-1/kms/aws4_request", "1/2/iam/4") }, invalid,
			"Credential should be scoped to a valid region, not '2'. Credential should be scoped with a valid terminator: 'aws4_request', not '4'. Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '1' != '20150830', from '20150830T123600Z'."},

		"signature of other length": {func(r *sigv4.Request) { authorization(r, "Signature=", "Signature=0") }, invalid, mismatchText},
		"signature in upper case": {func(r *sigv4.Request) {
			value, signature, _ := strings.Cut(r.Header["Authorization"][0], "Signature=")
			header(r, "Authorization", value+"Signature="+strings.ToUpper(signature))
		}, invalid, mismatchText},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := signedRequest()
			c.change(r)
			message := c.message
			if values := r.Header["Authorization"]; len(values) > 0 {
				message = strings.Replace(message, "HASH", hashOf(values[0]), 1)
			}
			refused(t, verify(r, exampleNow, kmsScope), c.code, message)
		})
	}
}

// These are signed as they stand, and refused all the same.
func TestRefusedThoughSigned(t *testing.T) {
	t.Parallel()
	body := signedRequest().Body
	sum := sha256.Sum256(body)
	for name, change := range map[string]func(r *sigv4.Request){
		"UNSIGNED-PAYLOAD":      func(r *sigv4.Request) { header(r, "X-Amz-Content-Sha256", "UNSIGNED-PAYLOAD") },
		"streaming":             func(r *sigv4.Request) { header(r, "X-Amz-Content-Sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD") },
		"hash of something":     func(r *sigv4.Request) { header(r, "X-Amz-Content-Sha256", strings.Repeat("0", 64)) },
		"hash in base64":        func(r *sigv4.Request) { header(r, "X-Amz-Content-Sha256", base64.StdEncoding.EncodeToString(sum[:])) },
		"empty hash":            func(r *sigv4.Request) { header(r, "X-Amz-Content-Sha256", "") },
		"path with //":          func(r *sigv4.Request) { r.Path = "//" },
		"path with .":           func(r *sigv4.Request) { r.Path = "/./" },
		"path with ..":          func(r *sigv4.Request) { r.Path = "/a/.." },
		"path without /":        func(r *sigv4.Request) { r.Path = "a" },
		"half an escape":        func(r *sigv4.Request) { r.RawQuery = "a=%2" },
		"no escape":             func(r *sigv4.Request) { r.RawQuery = "a=%zz" },
		"line break in value":   func(r *sigv4.Request) { header(r, "Amz-Sdk-Request", "a\nb:c") },
		"line break in host":    func(r *sigv4.Request) { r.Host = "a\nb" },
		"line break in method":  func(r *sigv4.Request) { r.Method = "POST\n" + "/" },
		"carriage return value": func(r *sigv4.Request) { header(r, "Amz-Sdk-Request", "a\rb") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := request()
			change(r)
			names := sdkHeaders
			if _, ok := r.Header["X-Amz-Content-Sha256"]; ok {
				names = append([]string{"x-amz-content-sha256"}, names...)
			}
			sign(r, kmsScope, append([]string(nil), names...)...)
			refused(t, verify(r, exampleNow, kmsScope), apierr.InvalidSignature, mismatchText)
		})
	}
}

// What lies at the edge of a rule, and within it.
func TestAccepted(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		date   string
		change func(r *sigv4.Request)
		scope  scope
	}{
		"as an SDK signs":       {exampleTime, func(*sigv4.Request) {}, kmsScope},
		"five minutes ago":      {"20150830T123100Z", func(*sigv4.Request) {}, kmsScope},
		"in five minutes":       {"20150830T124100Z", func(*sigv4.Request) {}, kmsScope},
		"global Region of iam":  {exampleTime, func(*sigv4.Request) {}, scope{exampleKeyID, exampleSecret, "20150830", "us-east-1", "iam"}},
		"right hash":            {exampleTime, func(r *sigv4.Request) { header(r, "X-Amz-Content-Sha256", hexHash(r.Body)) }, kmsScope},
		"no body":               {exampleTime, func(r *sigv4.Request) { r.Body = nil }, kmsScope},
		"spaces in a value":     {exampleTime, func(r *sigv4.Request) { header(r, "Amz-Sdk-Request", "  attempt=1;   max=3 ") }, kmsScope},
		"path and query":        {exampleTime, func(r *sigv4.Request) { r.Path, r.RawQuery = "/a%20b/c/", "a=1&b=%2B%20" }, kmsScope},
		"header of many values": {exampleTime, func(r *sigv4.Request) { header(r, "Amz-Sdk-Request", "a", "b") }, kmsScope},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := request()
			header(r, "X-Amz-Date", c.date)
			c.change(r)
			names := append([]string(nil), sdkHeaders...)
			if _, ok := r.Header["X-Amz-Content-Sha256"]; ok {
				names = append(names, "x-amz-content-sha256")
			}
			sign(r, c.scope, names...)
			if err := verify(r, exampleNow, c.scope); err != nil {
				t.Error(err)
			}
		})
	}
}

// Comma, space, or both may stand between the parameters, in any order.
func TestAuthorizationForms(t *testing.T) {
	t.Parallel()
	parts := strings.Split(strings.TrimPrefix(signedRequest().Header["Authorization"][0], "AWS4-HMAC-SHA256 "), ", ")
	for _, value := range []string{
		"AWS4-HMAC-SHA256 " + strings.Join(parts, ","),
		"AWS4-HMAC-SHA256 " + strings.Join(parts, " "),
		"AWS4-HMAC-SHA256   " + strings.Join(parts, " ,  ") + " ",
		"AWS4-HMAC-SHA256 " + strings.Join([]string{parts[2], parts[0], parts[1]}, ", "),
	} {
		r := signedRequest()
		header(r, "Authorization", value)
		if err := verify(r, exampleNow, kmsScope); err != nil {
			t.Errorf("%s: %v", value, err)
		}
	}
}

// The queries that a form's parser understands alike have one signature.
func TestQueryIsCanonicalised(t *testing.T) {
	t.Parallel()
	for _, query := range []string{"b=2&a=x%20y&a=%2F", "a=x+y&b=2&a=/", "&a=%2f&a=x%20y&&b=%32&"} {
		r := request()
		r.RawQuery = "a=%2F&a=x%20y&b=2"
		sign(r, kmsScope, append([]string(nil), sdkHeaders...)...)
		r.RawQuery = query
		if err := verify(r, exampleNow, kmsScope); err != nil {
			t.Errorf("%s: %v", query, err)
		}
	}
}

func TestVerifyRefusesOtherKeys(t *testing.T) {
	t.Parallel()
	s, err := sigv4.Parse(signedRequest(), exampleNow.Add(time.Minute), options)
	if err != nil {
		t.Fatal(err)
	}
	good := kmsScope.key()
	for name, key := range map[string][]byte{
		"none": nil, "empty": {}, "short": good[:31], "long": append(append([]byte(nil), good...), 0),
		"other secret":  signingKey("other", "20150830", "eu-central-1", "kms"),
		"other day":     signingKey(exampleSecret, "20150831", "eu-central-1", "kms"),
		"other Region":  signingKey(exampleSecret, "20150830", "eu-central-2", "kms"),
		"other service": signingKey(exampleSecret, "20150830", "eu-central-1", "iam"),
	} {
		t.Run(name, func(t *testing.T) { refused(t, s.Verify(key), apierr.InvalidSignature, mismatchText) })
	}
	if err := s.Verify(good); err != nil {
		t.Error(err)
	}
}
