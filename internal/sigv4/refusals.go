package sigv4

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"time"

	"trent/internal/apierr"
)

// The texts are AWS's unless marked as ours. AWS once echoed the Authorization
// header in some of them, and gives its hash now, so that logs do not fill up
// with credentials that went astray.

const missingDate = "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header."

// mismatch is the one refusal of Verify.
// echoLimit is how many bytes of what a stranger sent a message repeats: it is
// answered and recorded before anybody is known.
const echoLimit = 128

func echo(s string) string {
	if len(s) > echoLimit {
		return strings.ToValidUTF8(s[:echoLimit], "") + "…"
	}
	return s
}

func mismatch() error {
	return apierr.New(apierr.InvalidSignature, "The request signature we calculated does not match the signature you provided. "+
		"Check your AWS Secret Access Key and signing method. Consult the service documentation for details.")
}

func missingAuthenticationToken() error {
	return apierr.New(apierr.MissingAuthentication, "Missing Authentication Token")
}

// signatureInQuery's text is ours.
func signatureInQuery() error {
	return apierr.New(apierr.IncompleteSignature, "Signatures in the query string are not supported.")
}

// repeatedHeader's text is ours.
func repeatedHeader(name string) error {
	return apierr.New(apierr.IncompleteSignature, "The header '%s' must not be repeated.", echo(name))
}

func hashed(header string) string {
	sum := sha256.Sum256([]byte(header))
	return base64.StdEncoding.EncodeToString(sum[:])
}

func malformedParameter(header string) error {
	return apierr.New(apierr.IncompleteSignature, "Invalid key=value pair (missing equal-sign) in Authorization header "+
		"(hashed with SHA-256 and encoded with Base64): '%s'.", hashed(header))
}

// unexpectedParameter's text is ours.
func unexpectedParameter(header string) error {
	return apierr.New(apierr.IncompleteSignature, "Unknown or repeated parameter in Authorization header "+
		"(hashed with SHA-256 and encoded with Base64): '%s'.", hashed(header))
}

func missingParameter(name string) string {
	return "Authorization header requires '" + name + "' parameter."
}

func incomplete(missing []string, header string) error {
	return apierr.New(apierr.IncompleteSignature, "%s (Hashed with SHA-256 and encoded with Base64) Authorization=%s",
		strings.Join(missing, " "), hashed(header))
}

func malformedDate(got string) error {
	return apierr.New(apierr.IncompleteSignature,
		"Date must be in ISO-8601 'basic format'. Got '%s'. See http://en.wikipedia.org/wiki/ISO_8601", echo(got))
}

func expired(got string, earliest, now time.Time) error {
	return apierr.New(apierr.InvalidSignature, "Signature expired: %s is now earlier than %s (%s - 5 min.)",
		got, earliest.Format(dateTimeLayout), now.Format(dateTimeLayout))
}

func notYetCurrent(got string, latest, now time.Time) error {
	return apierr.New(apierr.InvalidSignature, "Signature not yet current: %s is still later than %s (%s + 5 min.)",
		got, latest.Format(dateTimeLayout), now.Format(dateTimeLayout))
}

func hostNotSigned() error {
	return apierr.New(apierr.InvalidSignature, "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.")
}

// notSigned's text is AWS's for Host, and ours for the headers X-Amz-….
func notSigned(name string) error {
	return apierr.New(apierr.InvalidSignature, "'%s' must be a 'SignedHeader' in the AWS Authorization.", echo(name))
}

func signedButAbsent(name string) error {
	return apierr.New(apierr.IncompleteSignature, "'%s' is named as a SignedHeader, but it does not exist in the HTTP request.", echo(name))
}

// malformedSignedHeaders's text is ours.
func malformedSignedHeaders() error {
	return apierr.New(apierr.IncompleteSignature, "'SignedHeaders' must be lower-case names, sorted, each once, separated by ';'.")
}

func unsupportedAlgorithm(got string) error {
	return apierr.New(apierr.IncompleteSignature, "Unsupported AWS 'algorithm': '%s' (only AWS4-HMAC-SHA256 for now). ", echo(got))
}

func malformedCredential(got string) error {
	return apierr.New(apierr.IncompleteSignature,
		"Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '%s'", echo(got))
}

func wrongRegion(got string) string {
	return "Credential should be scoped to a valid region, not '" + echo(got) + "'."
}

func wrongService(services []string) string {
	return "Credential should be scoped to correct service: '" + services[0] + "'."
}

func wrongTerminator(got string) string {
	return "Credential should be scoped with a valid terminator: '" + terminator + "', not '" + echo(got) + "'."
}

func wrongScopeDate(got, want, dateTime string) string {
	return "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '" +
		echo(got) + "' != '" + want + "', from '" + dateTime + "'."
}

func wrongScope(wrong []string) error {
	return apierr.New(apierr.InvalidSignature, "%s", strings.Join(wrong, " "))
}
