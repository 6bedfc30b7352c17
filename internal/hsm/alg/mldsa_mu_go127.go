//go:build go1.27

package alg

import "filippo.io/mldsa"

// verifyExternalMu: with Go 1.27 the library is the standard library's, whose
// function nobody else can reach.
func verifyExternalMu(*mldsa.PublicKey, []byte, []byte) error { return ErrUnsupported }
