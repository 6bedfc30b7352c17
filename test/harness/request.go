package harness

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
	"github.com/aws/aws-sdk-go-v2/service/kms"
)

// What trent dev knows without being told.
const (
	Region    = "eu-west-1"
	AccessKey = "test"         // the account 000000000000; any 12 digits are that account's key
	SecretKey = "test"         // of every well-known access key
	Account   = "000000000000" // of the access key "test"
)

// A Who signs requests.
type Who struct {
	AccessKey, SecretKey, Region string
	Token                        string // of temporary credentials
}

// Default is the caller that most tests are.
var Default = Who{AccessKey: AccessKey, SecretKey: SecretKey, Region: Region}

// Client returns an AWS SDK client for the server. It does not retry; change
// that in an option.
func (s *Server) Client(who Who, options ...func(*kms.Options)) *kms.Client {
	o := kms.Options{
		Region:       who.Region,
		BaseEndpoint: aws.String(s.URL),
		Retryer:      aws.NopRetryer{},
		Credentials:  who,
	}
	return kms.New(o, options...)
}

// Retrieve makes a Who an AWS SDK's source of credentials.
func (w Who) Retrieve(context.Context) (aws.Credentials, error) {
	return aws.Credentials{AccessKeyID: w.AccessKey, SecretAccessKey: w.SecretKey, SessionToken: w.Token}, nil
}

// A Request is one call as it stands on the wire. The zero values are those of
// a correct request of Default.
type Request struct {
	Operation string // after "TrentService."
	Body      string // "{}" if empty
	// Service, if set, is that of the signature, iam or sts: the body is a form,
	// which says the operation.
	Service string
	Who     Who
	Time    time.Time // of the signature
	// Before changes the request before it is signed, After once it is.
	Before, After func(*http.Request)
}

// A Response is what the server answered.
type Response struct {
	Status  int
	Header  http.Header
	Body    []byte
	Type    string // the error's "__type", of IAM and STS its Code; "" on success
	Message string // the error's "message"
	// HasMessage tells an absent message from an empty one.
	HasMessage bool
}

// JSON decodes the answer's body.
func (r *Response) JSON(t testing.TB) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal(r.Body, &m); err != nil {
		t.Fatalf("the answer %q: %v", r.Body, err)
	}
	return m
}

// Do sends a request and reads the answer, whatever it is.
func (s *Server) Do(t testing.TB, r Request) *Response {
	t.Helper()
	req := s.HTTPRequest(t, r)
	client := http.Client{Timeout: time.Minute, Transport: s.Transport()}
	res, err := client.Do(req)
	if err != nil {
		t.Fatalf("%s: %v", r.Operation, err)
	}
	return ReadResponse(t, res)
}

// Transport makes a connection for each request, over TLS where the server has
// it, and to a Unix socket if that is what s.URL names.
func (s *Server) Transport() *http.Transport {
	t := &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: s.Roots}, ForceAttemptHTTP2: true}
	if path, ok := strings.CutPrefix(s.URL, "http+unix:"); ok {
		t.DialContext = func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", path)
		}
	}
	return t
}

// address is what a request names: a Unix socket has no host.
func (s *Server) address() string {
	if strings.HasPrefix(s.URL, "http+unix:") {
		return "http://localhost"
	}
	return s.URL
}

// Must sends a request of Default that has to succeed and returns the
// answer's members.
func (s *Server) Must(t testing.TB, operation string, in map[string]any) map[string]any {
	t.Helper()
	return s.MustAs(t, Default, operation, in)
}

// MustAs is Must for another caller.
func (s *Server) MustAs(t testing.TB, who Who, operation string, in map[string]any) map[string]any {
	t.Helper()
	res := s.Do(t, Request{Operation: operation, Body: Marshal(in), Who: who})
	if res.Status != http.StatusOK {
		t.Fatalf("%s: %d %s", operation, res.Status, res.Body)
	}
	if len(res.Body) == 0 {
		return nil
	}
	return res.JSON(t)
}

// HTTPRequest makes the signed request without sending it.
func (s *Server) HTTPRequest(t testing.TB, r Request) *http.Request {
	t.Helper()
	service := "kms"
	if r.Service != "" {
		service = r.Service
	} else if r.Body == "" {
		r.Body = "{}"
	}
	if r.Who == (Who{}) {
		r.Who = Default
	}
	if r.Time.IsZero() {
		r.Time = time.Now()
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.address()+"/", bytes.NewReader([]byte(r.Body)))
	if err != nil {
		t.Fatal(err)
	}
	if r.Service != "" {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded; charset=utf-8")
	} else {
		req.Header.Set("Content-Type", "application/x-amz-json-1.1")
		req.Header.Set("X-Amz-Target", "TrentService."+r.Operation)
	}
	req.Header.Set("User-Agent", "trent-harness")
	if r.Before != nil {
		r.Before(req)
	}
	sum := sha256.Sum256([]byte(r.Body))
	credentials := aws.Credentials{AccessKeyID: r.Who.AccessKey, SecretAccessKey: r.Who.SecretKey, SessionToken: r.Who.Token}
	if err := v4.NewSigner().SignHTTP(t.Context(), credentials, req, hex.EncodeToString(sum[:]), service, r.Who.Region, r.Time); err != nil {
		t.Fatal(err)
	}
	if r.After != nil {
		r.After(req)
	}
	return req
}

// ReadResponse reads an answer to its end.
func ReadResponse(t testing.TB, res *http.Response) *Response {
	t.Helper()
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatalf("reading the answer: %v", err)
	}
	r := &Response{Status: res.StatusCode, Header: res.Header, Body: body}
	if res.StatusCode != http.StatusOK && res.Header.Get("Content-Type") == "text/xml" {
		var e struct {
			Error     struct{ Code, Message string }
			RequestID string `xml:"RequestId"`
		}
		if err := xml.Unmarshal(body, &e); err != nil || e.RequestID != res.Header.Get("X-Amzn-Requestid") {
			t.Fatalf("the error %d %q, of request %s: %v", res.StatusCode, body, res.Header.Get("X-Amzn-Requestid"), err)
		}
		r.Type, r.Message, r.HasMessage = e.Error.Code, e.Error.Message, e.Error.Message != ""
		return r
	}
	if res.StatusCode != http.StatusOK {
		var e struct {
			Type    string  `json:"__type"`
			Message *string `json:"message"`
		}
		if err := json.Unmarshal(body, &e); err != nil {
			t.Fatalf("the error %d %q is not JSON: %v", res.StatusCode, body, err)
		}
		r.Type = e.Type
		if e.Message != nil {
			r.Message, r.HasMessage = *e.Message, true
		}
	}
	return r
}

// Marshal is JSON of what cannot fail to be JSON.
func Marshal(in any) string {
	b, err := json.Marshal(in)
	if err != nil {
		panic(fmt.Sprintf("harness: %v", err))
	}
	return string(b)
}

// CreateKey creates a key and returns its id and ARN.
func (s *Server) CreateKey(t testing.TB, who Who) (id, arn string) {
	t.Helper()
	metadata := s.MustAs(t, who, "CreateKey", map[string]any{})["KeyMetadata"].(map[string]any)
	return metadata["KeyId"].(string), metadata["Arn"].(string)
}
