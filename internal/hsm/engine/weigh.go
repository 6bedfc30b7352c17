package engine

import (
	"trent/internal/hsm/proto"
	"trent/internal/hsm/token"
	"trent/internal/keyspec"
)

// Weigh says whether a request is slow, by the spec of its key or of the key
// that it asks for, and in whose turn it is done. What it reads is not
// authenticated: a forged spec changes who waits, nothing else. The spec is 0 if
// the request is not slow, or as long as two keys' specs say.
func (e *Engine) Weigh(cmd proto.Command, message []byte) (account string, spec uint16, slow bool) {
	account, spec = weigh(cmd, message)
	if cmd == proto.CmdReEncryptAny {
		return account, 0, true
	}
	if !isSlow(spec) {
		return account, 0, false
	}
	return account, spec, true
}

// weigh returns a request's account, and the spec of its key, 0 if that cannot be
// read.
func weigh(cmd proto.Command, message []byte) (account string, spec uint16) {
	switch cmd {
	case proto.CmdCreateKey:
		var m proto.CreateKeyRequest
		if m.Decode(message) != nil {
			return "", 0
		}
		return m.Bind.Account, m.Spec
	case proto.CmdImportParameters:
		var m proto.ImportParametersRequest
		if m.Decode(message) != nil {
			return "", 0
		}
		return m.Bind.Account, m.Spec
	case proto.CmdGenerateDataKeyPair:
		var m proto.DataKeyPairRequest
		if m.Decode(message) != nil {
			return "", 0
		}
		return m.Key.Bind.Account, m.Spec
	}
	k, ok := proto.Lead(message)
	var h token.Header
	if !ok || h.Parse(k.Token) != nil {
		return k.Bind.Account, 0
	}
	return k.Bind.Account, uint16(h.Spec)
}

// isSlow says whether keys of a spec take so long that fast commands must not
// wait for them, some 30 µs and more: asymmetric ones do, whatever is done with
// them, others never (BenchmarkSpec: 27 µs to 28 ms against 3 to 11).
func isSlow(spec uint16) bool {
	row := keyspec.Numbered(spec)
	return row != nil && row.Type == keyspec.Asymmetric
}
