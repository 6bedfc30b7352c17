package engine

import (
	"trent/internal/hsm/proto"
	"trent/internal/hsm/token"
	"trent/internal/keyspec"
)

// Weigh says whether a request is slow, by the spec of its key or of the key
// that it asks for, and in whose turn it is done. What it reads is not
// authenticated: a forged spec changes who waits, nothing else.
func (e *Engine) Weigh(cmd proto.Command, message []byte) (account string, slow bool) {
	switch cmd {
	case proto.CmdCreateKey:
		var m proto.CreateKeyRequest
		ok := m.Decode(message) == nil
		return m.Bind.Account, ok && isSlow(m.Spec)
	case proto.CmdGenerateDataKeyPair:
		var m proto.DataKeyPairRequest
		ok := m.Decode(message) == nil
		return m.Key.Bind.Account, ok && isSlow(m.Spec)
	case proto.CmdReEncryptAny:
		k, _ := proto.Lead(message)
		return k.Bind.Account, true
	}
	k, ok := proto.Lead(message)
	var h token.Header
	return k.Bind.Account, ok && h.Parse(k.Token) == nil && isSlow(uint16(h.Spec))
}

// isSlow says whether keys of a spec take so long that fast commands must not
// wait for them, some 30 µs and more: asymmetric ones do, whatever is done with
// them, others never (BenchmarkSpec: 27 µs to 28 ms against 3 to 11).
func isSlow(spec uint16) bool {
	row := keyspec.Numbered(spec)
	return row != nil && row.Type == keyspec.Asymmetric
}
