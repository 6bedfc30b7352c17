package engine

import (
	"encoding/binary"

	"trent/internal/hsm/proto"
	"trent/internal/hsm/token"
)

// Two answers of tokenKind beside the kinds.
const (
	noToken       token.Kind = 0   // the command takes none
	kindOfRequest token.Kind = 255 // the command takes the kind that its request names
)

// tokenKind is the kind × command table: the one kind of token that a command
// takes. It is total; the bool says whether there is such a command.
func tokenKind(cmd proto.Command) (token.Kind, bool) {
	switch cmd {
	case proto.CmdHello, proto.CmdStatus, proto.CmdMoveClock, proto.CmdCreateDomain, proto.CmdLoadDomain, proto.CmdRotateDomain,
		proto.CmdCreateServiceKey, proto.CmdCreateAuditKey, proto.CmdSealAccessKeySecret, proto.CmdCreateAccessKeySecret,
		proto.CmdCreateKey, proto.CmdGenerateRandom, proto.CmdAddReplicationKey, proto.CmdReplicationKey, proto.CmdOfferReplica,
		proto.CmdImportParameters:
		return noToken, true
	case proto.CmdImportKey:
		return token.KindImport, true
	case proto.CmdRewrap:
		return kindOfRequest, true
	case proto.CmdReleaseServiceKey:
		return token.KindService, true
	case proto.CmdSignDigest:
		return token.KindAudit, true
	case proto.CmdReceiveReplica:
		return token.KindReplica, true
	case proto.CmdDeriveDayKey:
		return token.KindSecret, true
	case proto.CmdEncrypt, proto.CmdDecrypt, proto.CmdCheckCiphertext, proto.CmdReEncrypt,
		proto.CmdGenerateDataKey, proto.CmdGenerateDataKeyWithoutPlaintext,
		proto.CmdSign, proto.CmdVerify, proto.CmdGenerateMac, proto.CmdVerifyMac, proto.CmdDeriveSharedSecret,
		proto.CmdEncapsulate, proto.CmdDecapsulate, proto.CmdPublicEncrypt, proto.CmdPrivateDecrypt,
		proto.CmdCheckPrivateCiphertext, proto.CmdReEncryptAny, proto.CmdGenerateDataKeyPair, proto.CmdSendReplica:
		return token.KindKey, true
	}
	return noToken, false
}

// validBind says whether the parts of a bind are in their limits.
func validBind(b *proto.Bind) bool {
	return len(b.Region) >= 1 && len(b.Region) <= proto.MaxRegion && len(b.Account) <= proto.MaxAccount &&
		len(b.ID) >= 1 && len(b.ID) <= proto.MaxID
}

// unwrap authenticates a token and checks that it is of that kind and belongs
// to its bind. Header and secret are in s.header and s.key.
func (e *Engine) unwrap(s *scratch, kind token.Kind, ref *proto.KeyRef) proto.Status {
	if !validBind(&ref.Bind) || len(ref.Token) > proto.MaxToken {
		return proto.StatusMalformed
	}
	if !e.cfg.Domains.Has(ref.Bind.Region) {
		return proto.StatusUnknownDomain
	}
	if err := s.header.Parse(ref.Token); err != nil {
		return e.status(err)
	}
	region, err := e.cfg.Domains.Key(s.header.DomainID, s.header.Generation, &s.domainKey)
	if err != nil {
		return e.status(err)
	}
	clear(s.key)
	s.key, err = s.tokens.Open(s.secret[:0], ref.Token, s.domainKey[:])
	clear(s.domainKey[:])
	if err != nil {
		return e.status(err)
	}
	bind, err := kind.Bind(s.bind[:0], ref.Bind.Account, ref.Bind.Region, ref.Bind.ID)
	if err != nil {
		return e.status(err)
	}
	if region != ref.Bind.Region {
		return proto.StatusTokenRefused
	}
	return e.status(s.header.CheckOwner(kind, &bind))
}

// take is unwrap for a command that uses what is in the token: if that is a KMS
// key's material, it must be of the origin that the command names.
func (e *Engine) take(s *scratch, cmd proto.Command, ref *proto.KeyRef) proto.Status {
	kind, _ := tokenKind(cmd)
	if status := e.unwrap(s, kind, ref); status != proto.StatusOK {
		return status
	}
	origin := proto.OriginNone
	if kind == token.KindKey {
		origin = proto.Origin(s.header.Origin)
	}
	if ref.Origin != origin {
		return proto.StatusTokenRefused
	}
	return proto.StatusOK
}

// open is take for a token that must be of a spec and usage, and good now.
func (e *Engine) open(s *scratch, cmd proto.Command, ref *proto.KeyRef, spec token.Spec, usage token.Usage) proto.Status {
	if status := e.take(s, cmd, ref); status != proto.StatusOK {
		return status
	}
	return e.status(s.header.CheckUse(spec, usage, s.now))
}

// wrap appends a token of secret, its length before it, to dst. It sets the
// header's domain members; the generation is the active one.
func (e *Engine) wrap(s *scratch, dst []byte, region string, h *token.Header, secret []byte) ([]byte, proto.Status) {
	id, generation, err := e.cfg.Domains.Active(region, &s.domainKey)
	if err != nil {
		return dst, e.status(err)
	}
	h.DomainID, h.Generation = id, generation
	h.Flags &^= token.FlagDev
	if id.Dev() {
		h.Flags |= token.FlagDev
	}
	if err := e.random.Public(s.nonce()[:]); err != nil {
		return dst, e.status(err)
	}
	out := binary.BigEndian.AppendUint32(dst, uint32(token.Overhead+len(secret)))
	out, err = s.tokens.Seal(out, h, s.domainKey[:], s.nonce(), secret)
	clear(s.domainKey[:])
	return out, e.status(err)
}

// create is wrap for a new secret of a kind without spec and usage; it
// appends the generation too: the message of proto.TokenResponse.
func (e *Engine) create(s *scratch, dst []byte, kind token.Kind, origin token.Origin, b proto.Bind, secret []byte) ([]byte, proto.Status) {
	if !validBind(&b) {
		return dst, proto.StatusMalformed
	}
	bind, err := kind.Bind(s.bind[:0], b.Account, b.Region, b.ID)
	if err != nil {
		return dst, e.status(err)
	}
	s.header = token.Header{Kind: kind, Origin: origin, Bind: bind}
	out, status := e.wrap(s, dst, b.Region, &s.header, secret)
	return binary.BigEndian.AppendUint32(out, s.header.Generation), status
}

// Rewrap wraps a token's secret under the active generation, for
// proto.CmdRewrap. The new header differs in the generation only. The
// validity is kept, not checked: an expired token stays expired.
func (e *Engine) Rewrap(in *proto.RewrapRequest, dst []byte) ([]byte, proto.Status) {
	return e.command(dst, func(s *scratch, dst []byte) ([]byte, proto.Status) {
		kind := token.Kind(in.Kind)
		if !kind.Valid() {
			return dst, proto.StatusMalformed
		}
		if status := e.unwrap(s, kind, &in.Key); status != proto.StatusOK {
			return dst, status
		}
		out, status := e.wrap(s, dst, in.Key.Bind.Region, &s.header, s.key)
		return binary.BigEndian.AppendUint32(out, s.header.Generation), status
	})
}
