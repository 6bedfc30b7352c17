// Package signer holds the tests that compare internal/sigv4 with the signer of
// the AWS SDK for Go. It is a module of its own, so that the SDK stays out of
// the product's go.mod; its path has the prefix "trent/", which is what lets it
// import internal packages.
package signer
