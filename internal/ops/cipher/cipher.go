// Package cipher has the operations that use a key's material to encrypt: they
// shape the crypto module's commands and answers. One file an operation. It
// must never choose a key: a command takes the permit of the key that was
// authorized. Only internal/service imports it.
package cipher

import (
	"trent/internal/api"
	"trent/internal/blobheader"
	"trent/internal/call"
	"trent/internal/hsm/client/use"
	"trent/internal/key"
)

// Ops has the operations as methods.
type Ops struct {
	Module *use.Module
}

// contextHash is what the encryption context adds to the authenticated data.
func contextHash(ec api.EncryptionContext) [32]byte { return blobheader.ContextHash(ec) }

// usedCurrent notes that the current material of key i encrypts.
func usedCurrent(c *call.Call, i int) *key.Material {
	c.Materials[i] = c.Keys[i].CurrentMaterial()
	return c.Materials[i]
}

// usedOf notes that the material that a ciphertext blob names decrypts. The
// pipeline has found it to be key i's.
func usedOf(c *call.Call, i int, blob []byte) *key.Material {
	header, err := blobheader.Parse(blob)
	if err != nil {
		return nil
	}
	c.Materials[i] = c.Keys[i].Material(key.MaterialID(header.MaterialID))
	return c.Materials[i]
}
