package engine

import (
	"bytes"
	"encoding/binary"
	"strings"

	"trent/internal/hsm/alg"
	"trent/internal/hsm/proto"
	"trent/internal/hsm/token"
	"trent/internal/keyspec"
)

// CreateAuditKey makes a key that signs digests of the audit trail, of any spec
// with SIGN_VERIFY that is made at once (RSA is not), for
// proto.CmdCreateAuditKey.
func (e *Engine) CreateAuditKey(in *proto.CreateAuditKeyRequest, dst []byte) ([]byte, proto.Status) {
	return e.command(dst, func(s *scratch, dst []byte) ([]byte, proto.Status) {
		row, usage := keyspec.Numbered(in.Spec), keyspec.SignVerify.Number()
		b := proto.Bind{Region: proto.GlobalRegion, ID: in.Name}
		if row == nil || row.Family == keyspec.RSA || !hasUsage(row, usage) || !validBind(&b) {
			return dst, proto.StatusMalformed
		}
		if !e.offers(row, usage) {
			return dst, proto.StatusUnsupported
		}
		bind, err := token.KindAudit.Bind(s.bind[:0], "", b.Region, b.ID)
		if err != nil {
			return dst, e.status(err)
		}
		s.header = token.Header{Kind: token.KindAudit, Spec: token.Spec(in.Spec), Usage: token.Usage(usage), Origin: token.OriginGenerated, Bind: bind}
		spki, status := e.generate(s, row, b.ID, e.ready)
		if status != proto.StatusOK {
			return dst, status
		}
		out, status := e.wrap(s, dst, b.Region, &s.header, s.key)
		out = binary.BigEndian.AppendUint32(out, s.header.Generation)
		return appendFramed(out, spki), status
	})
}

// SignDigest appends a signature of a key that CreateAuditKey made, for
// proto.CmdSignDigest. Such a key signs for nobody else, and no KMS key signs
// here: the kinds of their tokens differ.
func (e *Engine) SignDigest(in *proto.SignRequest, dst []byte) ([]byte, proto.Status) {
	return e.command(dst, func(s *scratch, dst []byte) ([]byte, proto.Status) {
		if !signs(in.Key.Bind.ID, in) {
			return dst, proto.StatusMalformed
		}
		return e.sign(s, dst, proto.CmdSignDigest, in)
	})
}

// statements are how all begin that a key named digest-… signs, and no other key:
// what a key signs must not be taken for something else, whatever the service asks
// for.
var statements = [...]string{`{"type":"trent-audit-digest-1",`, `{"type":"trent-key-destruction-1",`}

// signs reports whether a signing key of that name signs such a message.
func signs(name string, in *proto.SignRequest) bool {
	statement := false
	for _, begin := range statements {
		statement = statement || alg.MessageType(in.MessageType) == alg.Raw && bytes.HasPrefix(in.Message, []byte(begin))
	}
	return statement == strings.HasPrefix(name, "digest-")
}

// sign appends a signature by the key of a command's kind.
func (e *Engine) sign(s *scratch, dst []byte, cmd proto.Command, in *proto.SignRequest) ([]byte, proto.Status) {
	k, status := openFor[alg.Signer](e, s, cmd, &in.Key, keyspec.SignVerify)
	if status != proto.StatusOK {
		return dst, status
	}
	a, status := k.algorithm(in.Algorithm)
	if status != proto.StatusOK {
		return dst, status
	}
	signature, err := k.scheme.Sign(s.key, a, alg.MessageType(in.MessageType), in.Message)
	return append(dst, signature...), e.status(err)
}
