// Package sigv4 owns the server's half of AWS Signature Version 4: it reads
// what a request says of its signature, refuses what must not be accepted
// whatever the key, and compares the signature with the one it computes.
//
// It is pure: it knows neither HTTP's types nor the store nor the crypto
// module. It must never see a secret access key (the module derives the signing
// key of a day), never accept a request of which an X-Amz- header is unsigned
// (an unsigned X-Amz-Target would let a signed request become another
// operation), and never read a signature from the query string. The pipeline
// and internal/identity may import it.
//
// It follows the IAM User Guide, "Create a signed AWS API request", for all
// services but S3. The order of the refusals and their texts are those that
// AWS's services of the JSON protocols answer with; texts of ours are marked in
// refusals.go. One rule is stricter: a path that is not in normal form is
// refused rather than normalised, since two paths would share a signature.
package sigv4

import (
	"slices"
	"strings"
	"time"
)

// Request is what is signed of an HTTP request. It is read, never changed, and
// must not change between Parse and Verify.
type Request struct {
	Method string
	// Path is the request line's, still percent-encoded, without the query.
	Path string
	// RawQuery is the request line's query, without the question mark.
	RawQuery string
	// Host is the Host header's value; Header need not hold it.
	Host string
	// Header has canonical MIME keys, as net/http makes them.
	Header map[string][]string
	Body   []byte
}

// Options is what the server accepts in a credential scope.
type Options struct {
	// Services are the names of the services; refusals name the first.
	Services []string
	// Region reports whether the service is offered in the Region.
	Region func(service, region string) bool
}

// Signature is a request's signature, read and not yet verified: everything in
// it is the client's word. Its strings are parts of the request's headers.
type Signature struct {
	AccessKeyID string
	Date        string // YYYYMMDD, of the credential scope and of X-Amz-Date
	Region      string
	Service     string
	// SessionToken is X-Amz-Security-Token; empty without one.
	SessionToken string

	request       *Request
	dateTime      string // X-Amz-Date as sent
	signedHeaders string // as sent; checked
	signature     string // as sent; Verify checks its form
}

// Names that must be found in a header map, and names in SignedHeaders.
const (
	headerAuthorization = "Authorization"
	headerDate          = "X-Amz-Date"
	headerSecurityToken = "X-Amz-Security-Token"
	headerContentSHA256 = "X-Amz-Content-Sha256"

	algorithm       = "AWS4-HMAC-SHA256"
	terminator      = "aws4_request"
	dateTimeLayout  = "20060102T150405Z"
	scopeDateLength = len("20060102")
)

// skew is how far X-Amz-Date may be from the server's time, either way.
const skew = 5 * time.Minute

// Parse reads the signature of r and checks all that needs no key: form, date,
// skew, signed headers, scope. Errors are *apierr.Error, ready for the client.
// The caller looks the access key up, then calls Verify.
func Parse(r *Request, now time.Time, opts *Options) (Signature, error) {
	header, err := authorizationHeader(r)
	if err != nil {
		return Signature{}, err
	}
	auth, err := parseAuthorization(header)
	if err != nil {
		return Signature{}, err
	}
	dates := r.Header[headerDate]
	if err := auth.complete(header, len(dates) > 0); err != nil {
		return Signature{}, err
	}
	if len(dates) > 1 {
		return Signature{}, repeatedHeader(headerDate)
	}
	s := Signature{
		request:       r,
		dateTime:      dates[0],
		signedHeaders: auth.signedHeaders,
		signature:     auth.signature,
	}
	if err := checkDate(s.dateTime, now); err != nil {
		return Signature{}, err
	}
	if err := checkSignedHeaders(r, s.signedHeaders); err != nil {
		return Signature{}, err
	}
	if auth.algorithm != algorithm {
		return Signature{}, unsupportedAlgorithm(auth.algorithm)
	}
	if err := s.readCredential(auth.credential, opts); err != nil {
		return Signature{}, err
	}
	if token := r.Header[headerSecurityToken]; len(token) == 1 {
		s.SessionToken = token[0]
	}
	return s, nil
}

// authorizationHeader returns the one Authorization header.
func authorizationHeader(r *Request) (string, error) {
	values := r.Header[headerAuthorization]
	switch {
	case signedInQuery(r.RawQuery):
		return "", signatureInQuery()
	case len(values) == 0 || len(values) == 1 && values[0] == "":
		return "", missingAuthenticationToken()
	case len(values) > 1:
		return "", repeatedHeader(headerAuthorization)
	}
	return values[0], nil
}

// signedInQuery reports whether the query carries a signature's parameters.
// They are never honoured, so a name that escapes hide is merely not explained.
func signedInQuery(query string) bool {
	return query != "" && (strings.Contains(query, "X-Amz-Algorithm=") ||
		strings.Contains(query, "X-Amz-Credential=") || strings.Contains(query, "X-Amz-Signature="))
}

// checkDate refuses a date that has not the one form, or is not near now.
func checkDate(dateTime string, now time.Time) error {
	t, err := time.Parse(dateTimeLayout, dateTime)
	// time.Parse takes fractions of a second that the layout does not have.
	if err != nil || len(dateTime) != len(dateTimeLayout) {
		return malformedDate(dateTime)
	}
	now = now.UTC().Truncate(time.Second)
	if earliest := now.Add(-skew); t.Before(earliest) {
		return expired(dateTime, earliest, now)
	}
	if latest := now.Add(skew); t.After(latest) {
		return notYetCurrent(dateTime, latest, now)
	}
	return nil
}

// readCredential takes the credential apart and checks its scope; all that is
// wrong with the scope is said in one message.
func (s *Signature) readCredential(credential string, opts *Options) error {
	if strings.Count(credential, "/") != 4 {
		return malformedCredential(credential)
	}
	accessKeyID, rest, _ := strings.Cut(credential, "/")
	date, rest, _ := strings.Cut(rest, "/")
	region, rest, _ := strings.Cut(rest, "/")
	service, term, _ := strings.Cut(rest, "/")

	// Of an unknown service there is no saying which Regions it has.
	var wrong []string
	switch {
	case !slices.Contains(opts.Services, service):
		wrong = append(wrong, wrongService(opts.Services))
	case !opts.Region(service, region):
		wrong = append(wrong, wrongRegion(region))
	}
	if term != terminator {
		wrong = append(wrong, wrongTerminator(term))
	}
	if today := s.dateTime[:scopeDateLength]; date != today {
		wrong = append(wrong, wrongScopeDate(date, today, s.dateTime))
	}
	if wrong != nil {
		return wrongScope(wrong)
	}
	s.AccessKeyID, s.Date, s.Region, s.Service = accessKeyID, date, region, service
	return nil
}
