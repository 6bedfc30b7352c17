package export

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"trent/internal/sigv4"
)

const (
	accessKey = "AKIAEXPORT0000000000"
	secretKey = "canary/secret+key"
)

// s3Server is a bucket that verifies signatures with the half of SigV4 that the
// service has for its own callers.
type s3Server struct {
	t  *testing.T
	mu sync.Mutex
	// objects by name, with their metadata
	objects  map[string][]byte
	metadata map[string]http.Header
	status   int // not 0: the answer to the next request
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}

func (s *s3Server) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		s.t.Error(err)
	}
	in := &sigv4.Request{Method: r.Method, Path: r.URL.EscapedPath(), RawQuery: r.URL.RawQuery, Host: r.Host, Header: r.Header, Body: body}
	signature, err := sigv4.Parse(in, time.Now(), &sigv4.Options{Services: []string{"s3"}, Region: func(_, region string) bool { return region == "eu-west-1" }})
	if err == nil {
		key := mac([]byte("AWS4"+secretKey), signature.Date)
		for _, part := range []string{"eu-west-1", "s3", "aws4_request"} {
			key = mac(key, part)
		}
		err = signature.Verify(key)
	}
	if err != nil || signature.AccessKeyID != accessKey || signature.SessionToken != "token" {
		s.t.Errorf("%s %s: %v %+v", r.Method, r.URL, err, signature)
		rw.WriteHeader(http.StatusForbidden)
		return
	}
	name, ok := strings.CutPrefix(r.URL.Path, "/example-audit/trent/")
	hash := sha256.Sum256(body)
	if !ok || r.Method != http.MethodPut || r.Header.Get("X-Amz-Checksum-Sha256") != base64.StdEncoding.EncodeToString(hash[:]) {
		s.t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.status != 0 {
		rw.WriteHeader(s.status)
		s.status = 0
		return
	}
	s.objects[name], s.metadata[name] = body, r.Header.Clone()
}

// TestBucket: the folder's layout by signed requests, with what CloudTrail keeps
// beside digest files; an upload that failed is made again.
func TestBucket(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	server := &s3Server{t: t, objects: map[string][]byte{}, metadata: map[string]http.Header{}, status: http.StatusServiceUnavailable}
	s := httptest.NewTLSServer(server)
	defer s.Close()
	credentials := writeSecret(t, "# ours\n[other]\naws_access_key_id=no\n[default]\naws_access_key_id = "+accessKey+"\naws_secret_access_key="+secretKey+"\naws_session_token = token\nregion = x\n", 0o600)
	e := Export{Name: "b", Allow: loopbackAllowed, S3: &S3{
		Endpoint: s.URL, Bucket: "example-audit", Region: "eu-west-1", Prefix: "trent/", CredentialsFile: credentials, TLS: &TLS{CA: writePEM(t, s)},
	}}
	c := w.config()
	c.Now = time.Now // of the signatures
	x, err := New(c, e)
	if err != nil {
		t.Fatal(err)
	}
	w.append(2, "111122223333")
	w.append(1, "444455556666")
	w.sign()
	if err := x.round(t.Context()); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("a failed upload: %v", err)
	}
	mustRound(t, x)
	mustRound(t, x)
	for i := range x.c.files {
		x.c.files[i].delivered = x.c.files[i].delivered.Add(-time.Hour)
	}
	mustRound(t, x)
	logs, digests := names(server.objects, "/CloudTrail/"), names(server.objects, "/CloudTrail-Digest/")
	if len(logs) != 2 || len(digests) != 4 {
		t.Fatalf("%v %v", logs, digests)
	}
	for _, name := range logs {
		if !logName.MatchString(name) {
			t.Errorf("%s", name)
		}
	}
	for _, name := range digests {
		if strings.HasSuffix(name, ".sig") {
			continue
		}
		h := server.metadata[name]
		var d digestJSON
		if err := json.Unmarshal(gunzip(t, server.objects[name]), &d); err != nil || d.DigestS3Object != "trent/"+name || d.DigestS3Bucket != "example-audit" {
			t.Errorf("%s: %v %+v", name, err, d)
		}
		if h.Get("X-Amz-Meta-Signature") == "" || h.Get("X-Amz-Meta-Signature-Algorithm") != "SHA384withECDSA" {
			t.Errorf("%s: %v", name, h)
		}
		for _, f := range d.LogFiles {
			if server.objects[strings.TrimPrefix(f.S3Object, "trent/")] == nil || !strings.HasPrefix(f.S3Object, "trent/") {
				t.Errorf("%s is not there", f.S3Object)
			}
		}
	}
	for _, text := range []string{"", "[default]\naws_access_key_id=A\n", "aws_access_key_id=A\naws_secret_access_key=B\n"} {
		if _, err := readCredentials(writeSecret(t, text, 0o600)); err == nil {
			t.Errorf("credentials %q are taken", text)
		}
	}
	if _, err := readCredentials(writeSecret(t, "[default]\naws_access_key_id=A\naws_secret_access_key=B\n", 0o644)); err == nil {
		t.Errorf("credentials that everybody can read are taken")
	}
}
