// Package secret owns the one type that may hold secret bytes outside a
// computation: plaintexts, data keys, signing keys, unseal keys.
//
// It must never print, log, marshal or compare such bytes in variable time:
// every formatting and encoding path of the standard library meets a method
// here that refuses. Anyone may import it; it imports only the standard
// library. Expose is the one way to the bytes, so one search lists every
// place that touches them.
package secret

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"log/slog"
)

const redacted = "[secret]"

// errMarshal says that a secret was about to be encoded.
var errMarshal = errors.New("secret: a secret cannot be marshalled")

// Bytes is a secret. It owns its memory: New copies nothing, so the caller
// gives the slice away.
type Bytes struct{ b []byte }

// New makes b a secret; the caller must not keep b.
func New(b []byte) Bytes { return Bytes{b} }

// Copy makes a secret of a copy of b.
func Copy(b []byte) Bytes { return Bytes{append([]byte(nil), b...)} }

// Expose returns the bytes themselves, not a copy. They are valid until Wipe.
func (s Bytes) Expose() []byte { return s.b }

// Len is the length in bytes, which is not secret.
func (s Bytes) Len() int { return len(s.b) }

// Equal compares in time that depends on the lengths only.
func (s Bytes) Equal(t Bytes) bool { return subtle.ConstantTimeCompare(s.b, t.b) == 1 }

// Wipe overwrites the bytes. The Go runtime may have made copies (of a stack,
// of a grown slice); docs/threat-model.md says what that means.
func (s Bytes) Wipe() { clear(s.b) }

// Format keeps every verb of fmt, %x and %#v included, from printing the bytes.
func (s Bytes) Format(f fmt.State, _ rune) { fmt.Fprint(f, redacted) }

// LogValue keeps log/slog from printing the bytes.
func (s Bytes) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON refuses.
func (s Bytes) MarshalJSON() ([]byte, error) { return nil, errMarshal }

// MarshalText refuses.
func (s Bytes) MarshalText() ([]byte, error) { return nil, errMarshal }

// MarshalBinary refuses; CBOR and gob meet it.
func (s Bytes) MarshalBinary() ([]byte, error) { return nil, errMarshal }

// MarshalCBOR refuses.
func (s Bytes) MarshalCBOR() ([]byte, error) { return nil, errMarshal }
