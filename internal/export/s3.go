package export

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	v4 "github.com/aws/aws-sdk-go-v2/aws/signer/v4"
)

// S3 is a bucket of S3 or of a server that speaks its protocol, by path-style
// requests.
type S3 struct {
	Endpoint        string // https://host[:port], or http
	Bucket          string
	Region          string
	Prefix          string // of every object's name; "": none
	CredentialsFile string // of AWS's form, profile default
	TLS             *TLS
}

func (s *S3) where() string {
	return "s3://" + s.Bucket + "/" + s.Prefix + " at " + withoutPath(s.Endpoint)
}

type bucket struct {
	S3
	http   *httpClient
	signer *v4.Signer
	now    func() time.Time
}

func newBucket(s *S3, d *dialer, now func() time.Time) (store, error) {
	if u, err := url.Parse(s.Endpoint); err != nil || u.Host == "" {
		return nil, errors.New("the bucket's endpoint cannot be used")
	}
	signer := v4.NewSigner(func(o *v4.SignerOptions) { o.DisableURIPathEscaping = true })
	return &bucket{S3: *s, http: newHTTPClient(d, s.TLS), signer: signer, now: now}, nil
}

func (b *bucket) bucket() string { return b.Bucket }

func (b *bucket) close() { b.http.close() }

// put uploads a file; the server compares it with its checksum.
func (b *bucket) put(ctx context.Context, o object) error {
	credentials, err := readCredentials(b.CredentialsFile)
	if err != nil {
		return err
	}
	hash := sha256.Sum256(o.content)
	target := strings.TrimSuffix(b.Endpoint, "/") + "/" + b.Bucket + "/" + o.name
	return b.http.send(ctx, http.MethodPut, target, o.content, func(r *http.Request) error {
		r.Header.Set("Content-Type", o.contentType)
		r.Header.Set("X-Amz-Content-Sha256", hex.EncodeToString(hash[:]))
		r.Header.Set("X-Amz-Checksum-Sha256", base64.StdEncoding.EncodeToString(hash[:]))
		if o.signature != "" {
			r.Header.Set("X-Amz-Meta-Signature", o.signature)
			r.Header.Set("X-Amz-Meta-Signature-Algorithm", o.algorithm)
		}
		return b.signer.SignHTTP(ctx, credentials, r, hex.EncodeToString(hash[:]), "s3", b.Region, b.now())
	})
}

// readCredentials reads the profile default of a credentials file as AWS's tools
// have it.
func readCredentials(path string) (c aws.Credentials, err error) {
	file, err := readSecretFile(path)
	if err != nil {
		return c, err
	}
	defer clear(file)
	within := false
	for line := range bytes.Lines(file) {
		line = bytes.TrimSpace(line)
		if len(line) == 0 || line[0] == '#' || line[0] == ';' {
			continue
		}
		if line[0] == '[' {
			within = string(line) == "[default]"
			continue
		}
		name, value, _ := strings.Cut(string(line), "=")
		if !within {
			continue
		}
		switch value = strings.TrimSpace(value); strings.TrimSpace(name) {
		case "aws_access_key_id":
			c.AccessKeyID = value
		case "aws_secret_access_key":
			c.SecretAccessKey = value
		case "aws_session_token":
			c.SessionToken = value
		}
	}
	if c.AccessKeyID == "" || c.SecretAccessKey == "" {
		return c, fmt.Errorf("%s has no aws_access_key_id and aws_secret_access_key below [default]", path)
	}
	return c, nil
}
