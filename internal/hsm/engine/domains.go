package engine

import (
	"encoding/binary"
	"time"

	"trent/internal/hsm/kdf"
	"trent/internal/hsm/proto"
	"trent/internal/hsm/token"
)

// CreateDomain appends the token of a new domain, its length before it, for
// proto.CmdCreateDomain. Nothing is loaded.
func (e *Engine) CreateDomain(in *proto.CreateDomainRequest, dst []byte) ([]byte, proto.Status) {
	return e.command(dst, func(s *scratch, dst []byte) ([]byte, proto.Status) {
		tok, err := e.cfg.Domains.Create(in.Region, in.Dev, e.random, time.Unix(s.now, 0))
		return appendFramed(dst, tok), e.status(err)
	})
}

// LoadDomain makes a domain token the state of its domain, for
// proto.CmdLoadDomain. It appends nothing.
func (e *Engine) LoadDomain(in *proto.LoadDomainRequest, dst []byte) ([]byte, proto.Status) {
	return e.command(dst, func(_ *scratch, dst []byte) ([]byte, proto.Status) {
		return dst, e.status(e.cfg.Domains.Load(in.Token))
	})
}

// RotateDomain appends the token of a loaded domain with one more generation,
// its length before it, for proto.CmdRotateDomain. The domain does not change
// until that token is loaded.
func (e *Engine) RotateDomain(in *proto.RotateDomainRequest, dst []byte) ([]byte, proto.Status) {
	return e.command(dst, func(s *scratch, dst []byte) ([]byte, proto.Status) {
		tok, err := e.cfg.Domains.Rotate(in.Region, e.random, time.Unix(s.now, 0))
		return appendFramed(dst, tok), e.status(err)
	})
}

// CreateServiceKey makes a 256-bit service key, for proto.CmdCreateServiceKey.
func (e *Engine) CreateServiceKey(in *proto.CreateServiceKeyRequest, dst []byte) ([]byte, proto.Status) {
	return e.command(dst, func(s *scratch, dst []byte) ([]byte, proto.Status) {
		s.key = s.secret[:kdf.KeySize]
		if _, err := e.random.Read(s.key); err != nil {
			return dst, e.status(err)
		}
		return e.create(s, dst, token.KindService, token.OriginGenerated, proto.Bind{Region: in.Region, ID: in.Name}, s.key)
	})
}

// ReleaseServiceKey appends the 32 bytes of a service key, for
// proto.CmdReleaseServiceKey.
func (e *Engine) ReleaseServiceKey(in *proto.KeyRef, dst []byte) ([]byte, proto.Status) {
	return e.command(dst, func(s *scratch, dst []byte) ([]byte, proto.Status) {
		if status := e.open(s, proto.CmdReleaseServiceKey, in, 0, 0); status != proto.StatusOK {
			return dst, status
		}
		if len(s.key) != kdf.KeySize {
			return dst, proto.StatusTokenRefused
		}
		return append(dst, s.key...), proto.StatusOK
	})
}

func appendFramed(dst, b []byte) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(b))), b...)
}
