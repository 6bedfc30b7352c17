// Package exchange has the operations by which two parties come to a shared
// secret: DeriveSharedSecret, Encapsulate, Decapsulate. One file an operation.
// It must never keep a secret: the answer's is wiped once it is written. Only
// internal/service imports it.
package exchange

import "trent/internal/hsm/client/use"

// Ops has the operations as methods.
type Ops struct {
	Module *use.Module
}
