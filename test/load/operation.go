package main

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// The credential of trent dev, where 12-digit access key ids are accounts, and the Region that is measured.
const (
	accessKey = "test"
	secretKey = "test"
	region    = "eu-west-1"
)

// A request is one call that can be sent many times.
type request struct {
	operation string
	body      []byte
	account   string // whose root sends it; "" is that of accessKey
}

func newRequest(operation string, in map[string]any) request {
	body, err := json.Marshal(in)
	if err != nil {
		panic(err) // only maps of strings, numbers and bytes come here
	}
	return request{operation: operation, body: body}
}

// sign makes the HTTP request, signed as the AWS SDK does as of the time at.
func (r request) sign(ctx context.Context, host string, at time.Time) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+host+"/", bytes.NewReader(r.body))
	if err != nil {
		return nil, err
	}
	req.Header = http.Header{
		"Content-Type":          {"application/x-amz-json-1.1"},
		"X-Amz-Target":          {"TrentService." + r.operation},
		"User-Agent":            {"aws-sdk-go-v2/1.47.7 load"},
		"Amz-Sdk-Request":       {"attempt=1; max=3"},
		"Amz-Sdk-Invocation-Id": {"11111111-2222-4333-8444-555555555555"},
	}
	sum := sha256.Sum256(r.body)
	credentials := aws.Credentials{AccessKeyID: cmp.Or(r.account, accessKey), SecretAccessKey: secretKey}
	return req, v4.NewSigner().SignHTTP(ctx, credentials, req, hex.EncodeToString(sum[:]), "kms", region, at)
}

// wire is the signed request as HTTP/1.1 bytes.
func (r request) wire(host string, at time.Time) ([]byte, error) {
	req, err := r.sign(context.Background(), host, at)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "POST / HTTP/1.1\r\nHost: %s\r\nContent-Length: %d\r\n", host, len(r.body))
	for name, values := range req.Header {
		for _, value := range values {
			fmt.Fprintf(&b, "%s: %s\r\n", name, value)
		}
	}
	b.WriteString("\r\n")
	b.Write(r.body)
	return b.Bytes(), nil
}

// send sends a request once and returns the answer's body.
func (r request) send(ctx context.Context, host string) ([]byte, error) {
	return r.sendWith(ctx, http.DefaultClient, host)
}

func (r request) sendWith(ctx context.Context, client *http.Client, host string) ([]byte, error) {
	req, err := r.sign(ctx, host, time.Now())
	if err != nil {
		return nil, err
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err == nil && res.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %d: %.300s", r.operation, res.StatusCode, body)
	}
	return body, err
}

// The operations that are measured, by the names of the flag -ops.
var operations = []string{"GenerateDataKey", "Encrypt", "Decrypt", "DescribeKey"}

// plaintextSize is that of Encrypt and of what Decrypt gives: a data key.
const plaintextSize = 32

// requestsFor creates a key on a server and returns the request of each
// operation that uses it.
func requestsFor(ctx context.Context, host string) (map[string]request, error) {
	var created struct{ KeyMetadata struct{ KeyId string } }
	if err := call(ctx, host, newRequest("CreateKey", map[string]any{}), &created); err != nil {
		return nil, err
	}
	key := created.KeyMetadata.KeyId
	encrypt := newRequest("Encrypt", map[string]any{"KeyId": key, "Plaintext": bytes.Repeat([]byte("p"), plaintextSize)})
	var encrypted struct{ CiphertextBlob []byte }
	if err := call(ctx, host, encrypt, &encrypted); err != nil {
		return nil, err
	}
	return map[string]request{
		"GenerateDataKey": newRequest("GenerateDataKey", map[string]any{"KeyId": key, "KeySpec": "AES_256"}),
		"Encrypt":         encrypt,
		"Decrypt":         newRequest("Decrypt", map[string]any{"CiphertextBlob": encrypted.CiphertextBlob}),
		"DescribeKey":     newRequest("DescribeKey", map[string]any{"KeyId": key}),
		"CreateKey":       newRequest("CreateKey", map[string]any{}),
	}, nil
}

// call sends a request and decodes its answer.
func call(ctx context.Context, host string, r request, out any) error {
	body, err := r.send(ctx, host)
	if err != nil {
		return err
	}
	return json.Unmarshal(body, out)
}
