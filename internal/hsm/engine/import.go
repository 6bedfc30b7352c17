package engine

import (
	"encoding/binary"
	"math"
	"time"

	"trent/internal/hsm/alg"
	"trent/internal/hsm/kdf"
	"trent/internal/hsm/proto"
	"trent/internal/hsm/token"
	"trent/internal/keyspec"
)

// importFor is how long an import token is good.
const importFor = 24 * time.Hour

// ImportParameters makes a key pair that unwraps key material for one KMS key,
// with one algorithm, for 24 hours, for proto.CmdImportParameters. Nothing else
// takes the token, and nobody but the module opens it. An RSA key that is not made
// ahead takes seconds.
func (e *Engine) ImportParameters(in *proto.ImportParametersRequest, dst []byte) ([]byte, proto.Status) {
	return e.importParameters(in, dst, e.fresh)
}

// ImportReadyParameters is ImportParameters, but StatusBusy instead of making an RSA key.
func (e *Engine) ImportReadyParameters(in *proto.ImportParametersRequest, dst []byte) ([]byte, proto.Status) {
	return e.importParameters(in, dst, e.ready)
}

func (e *Engine) importParameters(in *proto.ImportParametersRequest, dst []byte, fresh newPrivate) ([]byte, proto.Status) {
	return e.command(dst, func(s *scratch, dst []byte) ([]byte, proto.Status) {
		row, w := keyspec.Numbered(in.Spec), keyspec.WrappingNumbered(in.Algorithm)
		if row == nil || w == nil || w.Algorithm(row) == nil || !validBind(&in.Bind) || in.Bind.Account == "" {
			return dst, proto.StatusMalformed
		}
		if !e.wraps(w) {
			return dst, proto.StatusUnsupported
		}
		bind, err := token.KindImport.Bind(s.bind[:0], in.Bind.Account, in.Bind.Region, in.Bind.ID)
		if err != nil {
			return dst, e.status(err)
		}
		until := s.now + int64(importFor/time.Second)
		s.header = token.Header{Kind: token.KindImport, Spec: token.Spec(in.Spec), Usage: token.Usage(w.Number), Origin: token.OriginGenerated, Bind: bind, NotAfter: until}
		spki, status := e.generate(s, row, in.Bind.ID, fresh)
		if status != proto.StatusOK {
			return dst, status
		}
		out, status := e.wrap(s, dst, in.Bind.Region, &s.header, s.key)
		out = binary.BigEndian.AppendUint64(out, uint64(until))
		return appendFramed(out, spki), status
	})
}

// wraps says whether the engine may use a wrapping algorithm.
func (e *Engine) wraps(w *keyspec.Wrapping) bool { return !e.cfg.ApprovedOnly || !w.NotApproved }

// ImportKey makes a backing key of material that its owner has wrapped, for
// proto.CmdImportKey: its token says that it was imported, and no other command
// makes such a token. Whatever is wrong with the material is
// StatusInvalidCiphertext; StatusTokenExpired says that the import token's time is
// over.
func (e *Engine) ImportKey(in *proto.ImportKeyRequest, dst []byte) ([]byte, proto.Status) {
	return e.command(dst, func(s *scratch, dst []byte) ([]byte, proto.Status) {
		row, flags := keyspec.Numbered(in.Spec), token.Flags(in.Flags)
		if row == nil || !row.Importable() || !hasUsage(row, in.Usage) || flags&^token.FlagMultiRegion != 0 || in.NotAfter > math.MaxInt64 || len(in.Wrapped) > proto.MaxWrapped {
			return dst, proto.StatusMalformed
		}
		if !e.offers(row, in.Usage) {
			return dst, proto.StatusUnsupported
		}
		material, status := e.unwrapMaterial(s, row, in)
		defer clear(material)
		if status != proto.StatusOK {
			return dst, status
		}
		bind, err := token.KindKey.Bind(s.bind[:0], in.Key.Bind.Account, in.Key.Bind.Region, in.Key.Bind.ID)
		if err != nil {
			return dst, e.status(err)
		}
		s.header = token.Header{Kind: token.KindKey, Spec: token.Spec(in.Spec), Usage: token.Usage(in.Usage), Origin: token.OriginImported, Flags: flags, Bind: bind,
			NotAfter: int64(in.NotAfter)}
		spki, status := e.adopt(s, row, in.Key.Bind.ID, material)
		if status != proto.StatusOK {
			return dst, status
		}
		return e.appendCreated(s, dst, in.Key.Bind.Region, spki)
	})
}

// unwrapMaterial opens the import token and with its key the material.
func (e *Engine) unwrapMaterial(s *scratch, row *keyspec.Row, in *proto.ImportKeyRequest) ([]byte, proto.Status) {
	if status := e.take(s, proto.CmdImportKey, &in.Key); status != proto.StatusOK {
		return nil, status
	}
	if s.header.NotAfter == 0 || s.now > s.header.NotAfter {
		return nil, proto.StatusTokenExpired
	}
	wrapping, w := keyspec.Numbered(uint16(s.header.Spec)), keyspec.WrappingNumbered(uint8(s.header.Usage))
	if wrapping == nil || w == nil || !w.Wraps(row, wrapping) {
		return nil, proto.StatusTokenRefused
	}
	if !e.wraps(w) {
		return nil, proto.StatusUnsupported
	}
	material, err := alg.Unwrap(wrapping, s.key, w, in.Wrapped)
	return material, e.status(err)
}

// adopt makes imported material s.key, in its stored form, sets the header's
// material id, and returns the public key, nil if there is none.
func (e *Engine) adopt(s *scratch, row *keyspec.Row, keyID string, material []byte) (spki []byte, status proto.Status) {
	clear(s.key)
	s.key = s.secret[:0]
	scheme := alg.Of(row)
	if scheme == nil {
		if len(material) != kdf.KeySize {
			return nil, proto.StatusInvalidCiphertext
		}
		s.key = append(s.key, material...)
		s.header.MaterialID = s.ids.MaterialID(s.key, keyID)
		return nil, proto.StatusOK
	}
	importer, ok := scheme.(alg.Importer)
	if !ok {
		return nil, proto.StatusMalformed
	}
	private, err := importer.Import(material)
	defer clear(private)
	if err != nil || len(private) > len(s.secret) {
		return nil, proto.StatusInvalidCiphertext
	}
	s.key = append(s.key, private...)
	if spki, err = scheme.Public(s.key); err != nil {
		return nil, proto.StatusInvalidCiphertext
	}
	if spki == nil {
		s.header.MaterialID = s.ids.MaterialID(s.key, keyID)
	} else {
		s.header.MaterialID = kdf.PublicMaterialID(spki, keyID)
	}
	return spki, proto.StatusOK
}
