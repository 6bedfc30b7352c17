package signer_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"

	"trent/internal/sigv4"
)

const secretKey = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"

var now = time.Date(2026, 11, 22, 18, 30, 0, 0, time.UTC)

var options = &sigv4.Options{Services: []string{"kms", "iam", "sts"}, Region: func(string, string) bool { return true }}

func signingKey(date, region, service string) []byte {
	key := []byte("AWS4" + secretKey)
	for _, part := range []string{date, region, service, "aws4_request"} {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	return key
}

// sample is a request to sign.
type sample struct {
	method, target, region, service, token string
	header                                 http.Header
	body                                   []byte
	contentHash                            bool // as S3's client does
}

// send signs the sample with the SDK, writes it as a client does, and reads it
// as net/http's server does, so that what is verified has crossed HTTP.
func send(t *testing.T, s sample) *sigv4.Request {
	t.Helper()
	out, err := http.NewRequestWithContext(context.Background(), s.method, "http://kms.example.com:4599"+s.target, bytes.NewReader(s.body))
	if err != nil {
		t.Skip("no URL: ", err)
	}
	for name, values := range s.header {
		out.Header[name] = slices.Clone(values)
	}
	sum := sha256.Sum256(s.body)
	hash := hex.EncodeToString(sum[:])
	if s.contentHash {
		out.Header.Set("X-Amz-Content-Sha256", hash)
	}
	credentials := aws.Credentials{AccessKeyID: "AKIDEXAMPLE", SecretAccessKey: secretKey, SessionToken: s.token}
	if err := v4.NewSigner().SignHTTP(t.Context(), credentials, out, hash, s.service, s.region, now); err != nil {
		t.Fatal(err)
	}
	return receive(t, out)
}

func receive(t *testing.T, out *http.Request) *sigv4.Request {
	t.Helper()
	server := httptest.NewUnstartedServer(nil)
	defer server.Close()
	var got *sigv4.Request
	server.Config.Handler = http.HandlerFunc(func(_ http.ResponseWriter, in *http.Request) {
		body, err := io.ReadAll(in.Body)
		if err != nil {
			return
		}
		path, query, _ := strings.Cut(in.RequestURI, "?")
		got = &sigv4.Request{Method: in.Method, Path: path, RawQuery: query, Host: in.Host, Header: in.Header, Body: body}
	})
	server.Start()
	host := out.URL.Host
	out.Host, out.URL.Host = host, server.Listener.Addr().String()
	response, err := server.Client().Do(out)
	if err != nil {
		t.Skip("not sent by net/http: ", err)
	}
	defer response.Body.Close()
	if got == nil {
		t.Skip("not taken by net/http: ", response.Status)
	}
	return got
}

func verify(r *sigv4.Request) error {
	s, err := sigv4.Parse(r, now, options)
	if err != nil {
		return err
	}
	return s.Verify(signingKey(s.Date, s.Region, s.Service))
}

// mutations each change what the signature covers.
var mutations = map[string]func(r *sigv4.Request){
	"method": func(r *sigv4.Request) { r.Method += "X" },
	"path":   func(r *sigv4.Request) { r.Path += "x" },
	"query":  func(r *sigv4.Request) { r.RawQuery += "&zzz=1" },
	"host":   func(r *sigv4.Request) { r.Host += "x" },
	"body":   func(r *sigv4.Request) { r.Body = append(slices.Clone(r.Body), 'x') },
	"date":   func(r *sigv4.Request) { r.Header["X-Amz-Date"] = []string{"20261122T183001Z"} },
	"target": func(r *sigv4.Request) { r.Header["X-Amz-Target"] = []string{"TrentService.ScheduleKeyDeletion"} },
	"token":  func(r *sigv4.Request) { r.Header["X-Amz-Security-Token"] = []string{"another"} },
	"region": func(r *sigv4.Request) {
		a := r.Header["Authorization"][0]
		r.Header["Authorization"] = []string{strings.Replace(a, "/aws4_request", "x/aws4_request", 1)}
	},
	"signature": func(r *sigv4.Request) {
		a := []byte(r.Header["Authorization"][0])
		a[len(a)-1] ^= 1
		r.Header["Authorization"] = []string{string(a)}
	},
}

// check signs, verifies, and verifies each mutation.
func check(t *testing.T, s sample) {
	t.Helper()
	r := send(t, s)
	if err := verify(r); err != nil {
		t.Errorf("%+v: %v\nreceived %+v", s, err, r)
		return
	}
	for name, mutate := range mutations {
		c := *r
		c.Header = http.Header(r.Header).Clone()
		mutate(&c)
		if verify(&c) == nil {
			t.Errorf("%+v: another %s is accepted", s, name)
		}
	}
}

func TestTypicalRequests(t *testing.T) {
	t.Parallel()
	kms := http.Header{"Content-Type": {"application/x-amz-json-1.1"}, "X-Amz-Target": {"TrentService.Encrypt"}, "User-Agent": {"aws-sdk-go-v2"},
		"Amz-Sdk-Invocation-Id": {"1"}, "Amz-Sdk-Request": {"attempt=1; max=3"}}
	form := http.Header{"Content-Type": {"application/x-www-form-urlencoded"}}
	for name, s := range map[string]sample{
		"kms":                {method: "POST", target: "/", region: "eu-central-1", service: "kms", header: kms, body: []byte(`{"KeyId":"alias/a"}`)},
		"kms with a session": {method: "POST", target: "/", region: "eu-central-1", service: "kms", header: kms, body: []byte("{}"), token: strings.Repeat("token/+", 200)},
		"kms with a hash":    {method: "POST", target: "/", region: "eu-central-1", service: "kms", header: kms, body: []byte("{}"), contentHash: true},
		"sts":                {method: "POST", target: "/", region: "us-east-1", service: "sts", header: form, body: []byte("Action=GetCallerIdentity&Version=2011-06-15")},
		"iam by query":       {method: "GET", target: "/?Action=ListUsers&Version=2010-05-08", region: "us-east-1", service: "iam"},
		"escaped path":       {method: "GET", target: "/a%20b/%2F/%C3%BC/~_-.", region: "us-east-1", service: "iam"},
		"escaped query":      {method: "GET", target: "/?b=%C3%BC&a=x+y&a=%2B&a=&c", region: "us-east-1", service: "iam"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			check(t, s)
		})
	}
}

// TestRandomRequests compares as many requests as TRENT_SOAK allows.
func TestRandomRequests(t *testing.T) {
	t.Parallel()
	rounds := 200
	if os.Getenv("TRENT_SOAK") == "1" {
		rounds = 20_000
	}
	for seed := range rounds {
		check(t, random(rand.New(rand.NewPCG(uint64(seed), 0))))
	}
}

// random makes a request of characters that are likely to be treated
// differently by two implementations.
func random(r *rand.Rand) sample {
	text := func(alphabet string, most int) string {
		letters := []rune(alphabet)
		out := make([]rune, r.IntN(most+1))
		for i := range out {
			out[i] = letters[r.IntN(len(letters))]
		}
		return string(out)
	}
	const value = "aZ09  \t\"',;=:/+%&~é€-_."
	s := sample{method: []string{"POST", "GET", "PUT"}[r.IntN(3)], target: "/", region: "eu-central-1",
		service: options.Services[r.IntN(3)], token: text(value[:4]+"/+=", 20), header: http.Header{}, contentHash: r.IntN(4) == 0}
	for range r.IntN(4) {
		if segment := text("ab.%~ é€+:@$&'()*,;=", 6); segment != "" && segment != "." && segment != ".." {
			s.target += url.PathEscape(segment) + "/"
		}
	}
	query := url.Values{}
	for range r.IntN(4) {
		query.Add("k"+text("abcXYZ09", 4), text(value, 8))
	}
	if len(query) > 0 {
		s.target += "?" + query.Encode()
	}
	for range r.IntN(4) {
		s.header.Add("K"+text("abc", 2), text(value, 12))
	}
	s.header.Set("X-Amz-Target", "TrentService."+text("abc", 5))
	if s.method != "GET" {
		s.body = []byte(text(value, 100))
	}
	return s
}

func FuzzAgainstTheSDK(f *testing.F) {
	f.Add("POST", "/", "Content-Type", "application/x-amz-json-1.1", "", []byte("{}"), false)
	f.Add("GET", "/a%20b/?c=d%2F&a=%20+", "K", "  a   b ", "token", []byte{}, true)
	f.Fuzz(func(t *testing.T, method, target, name, value, token string, body []byte, contentHash bool) {
		if u, err := url.ParseRequestURI(target); err != nil || !sameUnderBothRules(target, u) {
			t.Skip("not a request that both sides canonicalise by the same rules")
		}
		if key := http.CanonicalHeaderKey(name); key == "Host" || key == "Authorization" || key == "Content-Length" || key == "Connection" ||
			key == "Transfer-Encoding" || key == "Te" || key == "Trailer" || key == "Upgrade" || strings.HasPrefix(key, "X-Amz-") ||
			strings.TrimSpace(value) != strings.Trim(value, " \t") { // the SDK trims what Unicode calls space
			t.Skip("a header that the transport changes, or the signer sets")
		}
		check(t, sample{method: method, target: target, region: "eu-central-1", service: "kms", token: token,
			header: http.Header{http.CanonicalHeaderKey(name): {value}, "X-Amz-Target": {"TrentService.Encrypt"}}, body: body, contentHash: contentHash})
	})
}

// sameUnderBothRules leaves out where the SDK departs from the specification
// that AWS's servers follow: it normalises no path, and sorts a query's names
// before they are encoded.
func sameUnderBothRules(target string, u *url.URL) bool {
	for segment := range strings.SplitSeq(strings.Trim(u.EscapedPath(), "/"), "/") {
		if segment == "." || segment == ".." {
			return false
		}
	}
	if strings.Contains(u.EscapedPath(), "//") || strings.ContainsAny(target, "#;") {
		return false
	}
	for name := range u.Query() {
		for _, c := range []byte(name) {
			if (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') {
				return false
			}
		}
	}
	return true
}
