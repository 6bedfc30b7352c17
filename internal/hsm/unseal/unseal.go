// Package unseal owns the ways in which a module opens the key of a domain
// token: the interface of a provider, the slot that it writes into the token,
// and the provider `file`, whose secret is a key file of the module. The
// bytes are in docs/formats.md, "Domain token" and "Module key file".
//
// It must never return a provider's own secret, nor name it in an error. Only
// internal/hsm/domain, cmd/trent-hsm and tests may import it.
package unseal

import "errors"

// Sizes in bytes.
const (
	NonceSize    = 16
	DomainIDSize = 16
	KeySize      = 32
)

// ErrSealed says that a slot does not open: it belongs to another provider or
// another key, or was altered.
var ErrSealed = errors.New("unseal: slot does not open")

// Slot is one sealed copy of a token key, as it stands in a domain token.
type Slot struct {
	Provider string
	Nonce    [NonceSize]byte
	Sealed   []byte
}

// Provider seals and unseals token keys. It is safe for concurrent use.
type Provider interface {
	// Name is what its slots carry in Slot.Provider.
	Name() string
	// Seal makes a slot of tokenKey for a domain; the caller wipes tokenKey.
	Seal(domainID *[DomainIDSize]byte, tokenKey *[KeySize]byte) (Slot, error)
	// Unseal writes to tokenKey what slot holds; the caller wipes it. The
	// error is ErrSealed if the slot is not this provider's or was altered.
	Unseal(domainID *[DomainIDSize]byte, slot *Slot, tokenKey *[KeySize]byte) error
	// Erase destroys the provider's secret in memory; nothing opens after it.
	Erase()
}
