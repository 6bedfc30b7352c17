//go:build !go1.27

package alg

import (
	_ "unsafe" // for go:linkname

	"filippo.io/mldsa"
)

// verifyExternalMu verifies a signature of a mu that was computed elsewhere. The
// library has that function and tests it, and does not export it: it exports
// the signing half only. A PublicKey is nothing but the inner key that the
// function takes. A release of the library without the function does not link,
// and one with another key fails the vectors of FIPS 204 (test/crypto).
//
//go:linkname verifyExternalMu filippo.io/mldsa/internal/fips140/mldsa.VerifyExternalMu
func verifyExternalMu(key *mldsa.PublicKey, mu, signature []byte) error
