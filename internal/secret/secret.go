// Package secret owns the one type that may hold secret bytes outside a
// computation: plaintexts, data keys, signing keys, unseal keys.
//
// It must never print, log, marshal or compare such bytes in variable time:
// every formatting and encoding path of the standard library meets a method
// here that refuses. Where fmt calls no method, which is so for the unexported
// fields of other types, it finds a function and prints its address: reflection
// cannot look into a function. (A slice would be printed there, and a pointer
// to one followed by verbs that do not fit it.) Anyone may import it; it
// imports only the standard library. Expose is the one way to the bytes, so one
// search lists every place that touches them.
package secret

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[secret]"

// errMarshal says that a secret was about to be encoded.
var errMarshal = errors.New("secret: a secret cannot be marshalled")

// Bytes is a secret. It owns its memory: New copies nothing, so the caller
// gives the slice away. Copies of a Bytes are the same secret. The zero Bytes is
// an empty one.
type Bytes struct{ expose func() []byte }

// New makes b a secret; the caller must not keep b.
func New(b []byte) Bytes { return Bytes{func() []byte { return b }} }

// Copy makes a secret of a copy of b.
func Copy(b []byte) Bytes { return New(append([]byte(nil), b...)) }

// Expose returns the bytes themselves, not a copy. They are valid until Wipe.
func (s Bytes) Expose() []byte {
	if s.expose == nil {
		return nil
	}
	return s.expose()
}

// Len is the length in bytes, which is not secret.
func (s Bytes) Len() int { return len(s.Expose()) }

// Equal compares in time that depends on the lengths only.
func (s Bytes) Equal(t Bytes) bool { return subtle.ConstantTimeCompare(s.Expose(), t.Expose()) == 1 }

// Wipe overwrites the bytes. The Go runtime may have made copies (of a stack,
// of a grown slice); docs/threat-model.md says what that means.
func (s Bytes) Wipe() { clear(s.Expose()) }

// Format keeps every verb of fmt, %x and %#v included, from printing the bytes.
func (s Bytes) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue keeps log/slog from printing the bytes.
func (s Bytes) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON refuses.
func (s Bytes) MarshalJSON() ([]byte, error) { return nil, errMarshal }

// MarshalText refuses.
func (s Bytes) MarshalText() ([]byte, error) { return nil, errMarshal }

// MarshalBinary refuses; gob meets it.
func (s Bytes) MarshalBinary() ([]byte, error) { return nil, errMarshal }

// MarshalCBOR refuses.
func (s Bytes) MarshalCBOR() ([]byte, error) { return nil, errMarshal }
