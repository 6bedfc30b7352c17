// Package archtest owns the rules of the source tree, and the tests that hold
// the tree to them: which package may import which (imports.txt), which
// third-party packages the crypto module consists of (trent-hsm.deps.txt), and
// a few things that no code here does, with their exceptions (exceptions.txt).
//
// The tests parse the sources themselves. A test that asked the go tool would
// be served from the test cache after a forbidden import was added, since the
// tool does not see what a program that a test runs has read; files that the
// test opens itself it does see. The package has no code but tests, and nobody
// may import it.
package archtest
