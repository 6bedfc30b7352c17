//go:build !auditdiscard

package audit

// Discards says that Append writes nothing. It is false but in a build with the
// tag auditdiscard, which `make bench` makes to measure what the trail costs;
// nothing that is released has the tag, and only trent dev runs with it.
const Discards = false
