// Package upgrade holds data folders of earlier releases, and the test that
// the present programs open them: every key, alias, tag, ciphertext, marker and
// audit record of a folder is where its release left it, and work goes on.
//
// A frozen folder never changes. `test/upgrade/freeze VERSION` adds those of
// the present programs, once for each release; testdata/README.md says what is
// in them.
package upgrade
