package sigv4_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"trent/internal/sigv4"
)

// The signing key of the IAM User Guide's example.
func TestSigningKeyOfTheDocumentation(t *testing.T) {
	t.Parallel()
	got := hex.EncodeToString(signingKey(exampleSecret, "20150830", "us-east-1", "iam"))
	if want := "c4afb1cc5771d871763a393e44b703571b55cc28424d1a5e86da6ed3c154a4b9"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// Signatures of AWS's Signature Version 4 test suite (aws-sig-v4-test-suite)
// and of the IAM User Guide's ListUsers example.
func TestPublishedVectors(t *testing.T) {
	t.Parallel()
	const unreserved = "-._~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	for _, v := range []struct {
		name, service, method, path, query, host string
		header                                   map[string][]string
		body, signature                          string
	}{
		{name: "get-vanilla", signature: "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"},
		{name: "get-vanilla-query-order-key-case", query: "Param2=value2&Param1=value1",
			signature: "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"},
		{name: "get-unreserved", path: "/" + unreserved, signature: "07ef7494c76fa4850883e2b006601f940f8a34d404d0cfa977f52a65bbf5f24f"},
		{name: "get-utf8", path: "/\u1234", signature: "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85"},
		{name: "get-header-value-trim", header: map[string][]string{"My-Header1": {" value1"}, "My-Header2": {` "a   b   c"`}},
			signature: "acc3ed3afb60bb290fc8d2dd0098b9911fcaa05412b367055dee359757a9c736"},
		{name: "get-header-key-duplicate", header: map[string][]string{"My-Header1": {"value2", "value2", "value1"}},
			signature: "c9d5ea9f3f72853aea855b47ea873832890dbdd183b4468f858259531a5138ea"},
		{name: "post-vanilla", method: "POST", signature: "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"},
		{name: "post-x-www-form-urlencoded", method: "POST", body: "Param1=value1",
			header:    map[string][]string{"Content-Type": {"application/x-www-form-urlencoded"}},
			signature: "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a"},
		{name: "ListUsers", service: "iam", host: "iam.amazonaws.com", query: "Action=ListUsers&Version=2010-05-08",
			header:    map[string][]string{"Content-Type": {"application/x-www-form-urlencoded; charset=utf-8"}},
			signature: "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"},
	} {
		t.Run(v.name, func(t *testing.T) {
			t.Parallel()
			or := func(s, otherwise string) string {
				if s == "" {
					return otherwise
				}
				return s
			}
			service := or(v.service, "service")
			r := &sigv4.Request{Method: or(v.method, "GET"), Path: or(v.path, "/"), RawQuery: v.query,
				Host: or(v.host, "example.amazonaws.com"), Header: map[string][]string{"X-Amz-Date": {exampleTime}}, Body: []byte(v.body)}
			names := []string{}
			for _, name := range []string{"Content-Type", "Host", "My-Header1", "My-Header2", "X-Amz-Date"} {
				if values, ok := v.header[name]; ok {
					r.Header[name] = values
				}
				if _, ok := r.Header[name]; ok || name == "Host" {
					names = append(names, strings.ToLower(name))
				}
			}
			r.Header["Authorization"] = []string{"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/" + service +
				"/aws4_request, SignedHeaders=" + strings.Join(names, ";") + ", Signature=" + v.signature}
			s, err := sigv4.Parse(r, exampleNow, &sigv4.Options{Services: []string{service}, Region: func(string, string) bool { return true }})
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Verify(signingKey(exampleSecret, "20150830", "us-east-1", service)); err != nil {
				t.Error(err)
			}
			if err := s.Verify(signingKey(exampleSecret, "20150831", "us-east-1", service)); err == nil {
				t.Error("verified with another day's key")
			}
		})
	}
}
