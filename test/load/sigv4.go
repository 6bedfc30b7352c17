package main

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// A verifier checks SigV4 signatures made with one access key. It keeps the
// signing key of each scope (date/region/service), so that a request costs
// two SHA-256 and one HMAC.
type verifier struct {
	accessKey, secretKey string
	keys                 sync.Map // scope string -> []byte
	buffers              sync.Pool
}

func newVerifier(accessKey, secretKey string) *verifier {
	return &verifier{
		accessKey: accessKey, secretKey: secretKey,
		buffers: sync.Pool{New: func() any { return new(requestBuffer) }},
	}
}

// A requestBuffer holds the body and the canonical form of one request.
type requestBuffer struct{ body, canonical []byte }

// maxBody bounds the bodies that the null server reads, in bytes.
const maxBody = 1 << 16

// protect reads the body and verifies the request, then calls next.
func (v *verifier) protect(next http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		buffer := v.buffers.Get().(*requestBuffer)
		defer v.buffers.Put(buffer)
		if r.ContentLength < 0 || r.ContentLength > maxBody {
			http.Error(w, "length", http.StatusRequestEntityTooLarge)
			return
		}
		buffer.body = slices.Grow(buffer.body[:0], int(r.ContentLength))[:r.ContentLength]
		if _, err := io.ReadFull(r.Body, buffer.body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		if err := v.verify(r, buffer, time.Now()); err != nil {
			http.Error(w, err.Error(), http.StatusForbidden)
			return
		}
		next(w, r)
	})
}

var (
	errMalformed = errors.New("malformed authorization")
	errUnknown   = errors.New("unknown access key")
	errSkew      = errors.New("the request's time is too far off")
	errSignature = errors.New("the signature does not match")
)

const maxSkew = 5 * time.Minute

// verify checks the signature of a POST / with no query, which is all that
// the JSON protocol sends.
func (v *verifier) verify(r *http.Request, buffer *requestBuffer, now time.Time) error {
	fields, ok := strings.CutPrefix(r.Header.Get("Authorization"), "AWS4-HMAC-SHA256 ")
	if !ok || r.Method != http.MethodPost || r.URL.Path != "/" || r.URL.RawQuery != "" {
		return errMalformed
	}
	credential, signedHeaders, signature := splitAuthorization(fields)
	accessKey, scope, ok := strings.Cut(credential, "/")
	if !ok || accessKey != v.accessKey {
		return errUnknown
	}
	date := r.Header.Get("X-Amz-Date")
	at, err := time.Parse("20060102T150405Z", date)
	if err != nil {
		return errMalformed
	}
	if d := now.Sub(at); d > maxSkew || d < -maxSkew {
		return errSkew
	}
	key, err := v.signingKey(scope)
	if err != nil {
		return err
	}

	want := buffer.sign(r, signedHeaders, date, scope, key)
	var got [sha256.Size]byte
	if len(signature) != 2*sha256.Size {
		return errSignature
	}
	if _, err := hex.Decode(got[:], []byte(signature)); err != nil || !hmac.Equal(want, got[:]) {
		return errSignature
	}
	return nil
}

// sign makes the signature that the request should have.
func (buffer *requestBuffer) sign(r *http.Request, signedHeaders, date, scope string, key []byte) []byte {
	c := append(buffer.canonical[:0], "POST\n/\n\n"...)
	for name := range strings.SplitSeq(signedHeaders, ";") {
		c = append(c, name...)
		c = append(c, ':')
		switch name {
		case "host":
			c = append(c, r.Host...)
		case "content-length":
			c = strconv.AppendInt(c, r.ContentLength, 10)
		default:
			for i, value := range r.Header[http.CanonicalHeaderKey(name)] {
				if i > 0 {
					c = append(c, ',')
				}
				c = append(c, strings.TrimSpace(value)...)
			}
		}
		c = append(c, '\n')
	}
	c = append(c, '\n')
	c = append(c, signedHeaders...)
	c = append(c, '\n')
	sum := sha256.Sum256(buffer.body)
	c = hex.AppendEncode(c, sum[:])
	sum = sha256.Sum256(c)

	c = append(c[:0], "AWS4-HMAC-SHA256\n"...)
	c = append(c, date...)
	c = append(c, '\n')
	c = append(c, scope...)
	c = append(c, '\n')
	c = hex.AppendEncode(c, sum[:])
	mac := hmac.New(sha256.New, key)
	mac.Write(c)
	buffer.canonical = c
	return mac.Sum(sum[:0])
}

// splitAuthorization takes the Authorization header apart.
func splitAuthorization(fields string) (credential, signedHeaders, signature string) {
	for field := range strings.SplitSeq(fields, ",") {
		name, value, _ := strings.Cut(strings.TrimSpace(field), "=")
		switch name {
		case "Credential":
			credential = value
		case "SignedHeaders":
			signedHeaders = value
		case "Signature":
			signature = value
		}
	}
	return credential, signedHeaders, signature
}

// signingKey returns the key of a scope, derived once.
func (v *verifier) signingKey(scope string) ([]byte, error) {
	if key, ok := v.keys.Load(scope); ok {
		return key.([]byte), nil
	}
	parts := strings.Split(scope, "/")
	if len(parts) != 4 || parts[3] != "aws4_request" {
		return nil, errMalformed
	}
	key := []byte("AWS4" + v.secretKey)
	for _, part := range parts {
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(part))
		key = mac.Sum(nil)
	}
	v.keys.Store(scope, key)
	return key, nil
}
