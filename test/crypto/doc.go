// Package crypto holds the tests that hold the crypto module's primitives,
// internal/hsm/alg, to what others have published: the vectors of Project
// Wycheproof, and implementations of other authors, in both directions. They
// run in FIPS mode, as the module does.
//
// It is a module of its own, so that a hundred megabytes of vectors stay out
// of the product's go.mod; its path has the prefix "trent/", which is what lets
// it import internal packages. It has no code but tests, and nobody may import
// it.
package crypto
