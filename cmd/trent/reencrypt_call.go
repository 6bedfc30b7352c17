package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// kmsClient calls the KMS API as any application does.
type kmsClient struct {
	endpoint, region         string
	accessKey, secret, token string
	now                      func() time.Time
	http                     *http.Client
}

type reEncryptRequest struct {
	CiphertextBlob               []byte
	SourceEncryptionContext      map[string]string `json:",omitempty"`
	DestinationKeyID             string            `json:"DestinationKeyId"`
	DestinationEncryptionContext map[string]string `json:",omitempty"`
}

// kmsError is the API's answer that a call failed.
type kmsError struct {
	Status  int    `json:"-"`
	Code    string `json:"__type"`
	Message string `json:"message"`
}

func (e *kmsError) Error() string { return clean(e.Code + ": " + e.Message) }

// passing says that the same call may succeed a little later.
func (e *kmsError) passing() bool {
	return e.Status >= http.StatusInternalServerError || e.Status == http.StatusTooManyRequests || e.Code == "ThrottlingException"
}

// endsRun says that no other call would fare better: the signature is at fault.
func (e *kmsError) endsRun() bool {
	return slices.Contains([]string{
		"ExpiredTokenException", "IncompleteSignatureException", "InvalidClientTokenId", "InvalidSignatureException",
		"MissingAuthenticationTokenException", "SignatureDoesNotMatch", "UnrecognizedClientException", "UnknownOperationException",
	}, e.Code)
}

// Bounds of a call.
const (
	callTimeout  = 30 * time.Second
	callAttempts = 8
	firstPause   = 100 * time.Millisecond // doubled each time: thirteen seconds in all
	maxAnswer    = 1 << 20                // bytes
)

// newHTTPClient keeps a connection for each request at a time. It follows no
// redirects: a signed request is for the endpoint only.
func newHTTPClient(concurrency int) *http.Client {
	return &http.Client{
		Timeout:       callTimeout,
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: concurrency, ForceAttemptHTTP2: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// reEncrypt encrypts a blob anew. What may pass is tried again.
func (k *kmsClient) reEncrypt(ctx context.Context, in *reEncryptRequest) (blob []byte, err error) {
	body, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	pause := firstPause
	for attempt := 1; ; attempt++ {
		var refused *kmsError
		if blob, refused, err = k.send(ctx, body); err == nil && refused == nil {
			return blob, nil
		}
		if refused != nil && (!refused.passing() || attempt == callAttempts) {
			return nil, refused
		}
		if attempt == callAttempts || ctx.Err() != nil {
			return nil, err
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		pause *= 2
	}
}

// send makes one request. Its error is of the way to the service.
func (k *kmsClient) send(ctx context.Context, body []byte) ([]byte, *kmsError, error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, k.endpoint, bytes.NewReader(body))
	if err != nil {
		return nil, nil, err
	}
	r.Header.Set("Content-Type", "application/x-amz-json-1.1")
	r.Header.Set("X-Amz-Target", "TrentService.ReEncrypt")
	hash := sha256.Sum256(body)
	credentials := aws.Credentials{AccessKeyID: k.accessKey, SecretAccessKey: k.secret, SessionToken: k.token}
	if err := v4.NewSigner().SignHTTP(ctx, credentials, r, hex.EncodeToString(hash[:]), "kms", k.region, k.now()); err != nil {
		return nil, nil, err
	}
	res, err := k.http.Do(r)
	if err != nil {
		return nil, nil, err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return nil, nil, err
	}
	return readAnswer(res.StatusCode, answer)
}

// readAnswer reads what the service answered. What no KMS answers is an error.
func readAnswer(status int, body []byte) ([]byte, *kmsError, error) {
	if status == http.StatusOK {
		var out struct{ CiphertextBlob []byte }
		if err := json.Unmarshal(body, &out); err != nil || len(out.CiphertextBlob) == 0 {
			return nil, nil, errors.New("the endpoint's answer is not KMS's")
		}
		return out.CiphertextBlob, nil, nil
	}
	refused := &kmsError{Status: status}
	if err := json.Unmarshal(body, refused); err != nil || refused.Code == "" {
		if refused.passing() { // as of a proxy before the service
			refused.Code, refused.Message = fmt.Sprintf("HTTP%d", status), "the endpoint cannot serve now"
			return nil, refused, nil
		}
		return nil, nil, fmt.Errorf("the endpoint's answer is not KMS's: HTTP status %d", status)
	}
	refused.Code = refused.Code[strings.LastIndexByte(refused.Code, '#')+1:]
	return nil, refused, nil
}
