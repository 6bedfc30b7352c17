package engine

import (
	"trent/internal/hsm/proto"
	"trent/internal/hsm/token"
	"trent/internal/keyspec"
)

// Weigh says where a request is to run, by the spec of its key or of the key
// that it asks for, and in whose turn. What it reads is not authenticated: a
// forged spec changes who waits, nothing else.
func (e *Engine) Weigh(cmd proto.Command, message []byte) (account string, w proto.Weight) {
	switch cmd {
	case proto.CmdCreateKey:
		var m proto.CreateKeyRequest
		if m.Decode(message) != nil {
			return "", proto.Fast
		}
		return m.Bind.Account, e.making(m.Spec)
	case proto.CmdGenerateDataKeyPair:
		var m proto.DataKeyPairRequest
		if m.Decode(message) != nil {
			return "", proto.Fast
		}
		return m.Key.Bind.Account, e.making(m.Spec)
	case proto.CmdReEncryptAny:
		k, _ := proto.Lead(message)
		return k.Bind.Account, proto.Slow
	}
	k, ok := proto.Lead(message)
	var h token.Header
	if !ok || h.Parse(k.Token) != nil {
		return "", proto.Fast
	}
	if row := keyspec.Numbered(uint16(h.Spec)); row != nil && row.Slow {
		return k.Bind.Account, proto.Slow
	}
	return "", proto.Fast
}

// making weighs the making of a key.
func (e *Engine) making(spec uint16) proto.Weight {
	row := keyspec.Numbered(spec)
	switch {
	case row == nil || !row.Slow:
		return proto.Fast
	case row.Family == keyspec.RSA && !e.keys.has(row.Spec):
		return proto.Making
	}
	return proto.Slow
}
