//go:build auditdiscard

package audit

// Discards is true in this build alone, which is a benchmark's: see discard.go.
const Discards = true
