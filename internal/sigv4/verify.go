package sigv4

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
)

// stackRequest is the size up to which a canonical request needs no
// allocation: an SDK's request of KMS has 300 to 500 bytes, a session token
// adds as much or more.
const stackRequest = 1024

// stringToSign is the size that a string to sign seldom exceeds.
const stringToSign = 192

// Verify computes the signature with the signing key (32 bytes, of the day,
// Region and service that Parse returned) and compares in constant time. It
// also refuses an X-Amz-Content-Sha256 that is not the body's hash, the words
// UNSIGNED-PAYLOAD and STREAMING-… included. The error is always
// InvalidSignatureException with the same text.
func (s *Signature) Verify(signingKey []byte) error {
	if len(signingKey) != sha256.Size {
		return mismatch()
	}
	bodyHash := sha256.Sum256(s.request.Body)
	var stack [stackRequest]byte
	canonical, ok := s.appendCanonicalRequest(stack[:0], &bodyHash)
	if !ok {
		return mismatch()
	}
	if claimed := s.request.Header[headerContentSHA256]; len(claimed) > 0 &&
		claimed[0] != string(canonical[len(canonical)-2*sha256.Size:]) {
		return mismatch()
	}
	canonicalHash := sha256.Sum256(canonical)

	// What goes through the interface of hmac moves to the heap: one buffer,
	// and not the larger one above.
	mac := hmac.New(sha256.New, signingKey)
	toSign := s.appendStringToSign(make([]byte, 0, stringToSign), &canonicalHash)
	mac.Write(toSign)
	var want [2 * sha256.Size]byte
	hex.Encode(want[:], mac.Sum(toSign[:0]))
	if subtle.ConstantTimeCompare(want[:], []byte(s.signature)) != 1 {
		return mismatch()
	}
	return nil
}

// appendStringToSign appends
//
//	AWS4-HMAC-SHA256 ⏎ X-Amz-Date ⏎ date/region/service/aws4_request ⏎ hex SHA-256 of the canonical request
func (s *Signature) appendStringToSign(b []byte, canonicalHash *[sha256.Size]byte) []byte {
	b = append(b, algorithm...)
	b = append(b, '\n')
	b = append(b, s.dateTime...)
	b = append(b, '\n')
	for _, part := range [...]string{s.Date, s.Region, s.Service} {
		b = append(b, part...)
		b = append(b, '/')
	}
	b = append(b, terminator...)
	b = append(b, '\n')
	return hex.AppendEncode(b, canonicalHash[:])
}
