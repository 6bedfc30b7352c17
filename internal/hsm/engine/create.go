package engine

import (
	"encoding/binary"
	"errors"

	"trent/internal/hsm/alg"
	"trent/internal/hsm/kdf"
	"trent/internal/hsm/proto"
	"trent/internal/hsm/token"
	"trent/internal/keyspec"
)

// CreateKey makes a backing key of any spec of internal/keyspec, for
// proto.CmdCreateKey; StatusMalformed refuses a usage that the spec does not
// have. An RSA key that is not made ahead takes seconds.
func (e *Engine) CreateKey(in *proto.CreateKeyRequest, dst []byte) ([]byte, proto.Status) {
	return e.createKey(in, dst, e.fresh)
}

// CreateReadyKey is CreateKey, but StatusBusy instead of making an RSA key.
func (e *Engine) CreateReadyKey(in *proto.CreateKeyRequest, dst []byte) ([]byte, proto.Status) {
	return e.createKey(in, dst, e.ready)
}

// newPrivate returns a new private key in its stored form, which its caller wipes.
type newPrivate func(row *keyspec.Row, scheme alg.Scheme) ([]byte, error)

func (e *Engine) createKey(in *proto.CreateKeyRequest, dst []byte, fresh newPrivate) ([]byte, proto.Status) {
	return e.command(dst, func(s *scratch, dst []byte) ([]byte, proto.Status) {
		row := keyspec.Numbered(in.Spec)
		usage, flags := token.Usage(in.Usage), token.Flags(in.Flags)
		if row == nil || !hasUsage(row, in.Usage) || !validBind(&in.Bind) || in.Bind.Account == "" || flags&^token.FlagMultiRegion != 0 {
			return dst, proto.StatusMalformed
		}
		if !e.offers(row, in.Usage) {
			return dst, proto.StatusUnsupported
		}
		bind, err := token.KindKey.Bind(s.bind[:0], in.Bind.Account, in.Bind.Region, in.Bind.ID)
		if err != nil {
			return dst, e.status(err)
		}
		s.header = token.Header{Kind: token.KindKey, Spec: token.Spec(in.Spec), Usage: usage, Origin: token.OriginGenerated, Flags: flags, Bind: bind}
		spki, status := e.generate(s, row, in.Bind.ID, fresh)
		if status != proto.StatusOK {
			return dst, status
		}
		return e.appendCreated(s, dst, in.Bind.Region, spki)
	})
}

// appendCreated wraps the backing key that s holds: the message of
// proto.CreateKeyResponse.
func (e *Engine) appendCreated(s *scratch, dst []byte, region string, spki []byte) ([]byte, proto.Status) {
	out, status := e.wrap(s, dst, region, &s.header, s.key)
	out = append(out, s.header.MaterialID[:]...)
	out = binary.BigEndian.AppendUint32(out, s.header.Generation)
	return appendFramed(out, spki), status
}

// generate makes a key in s.key, sets the header's material id, and returns
// its public key, nil if it has none.
func (e *Engine) generate(s *scratch, row *keyspec.Row, keyID string, fresh newPrivate) (spki []byte, status proto.Status) {
	scheme := alg.Of(row)
	if scheme == nil {
		s.key = s.secret[:kdf.KeySize]
		if _, err := e.random.Read(s.key); err != nil {
			return nil, e.status(err)
		}
		s.header.MaterialID = s.ids.MaterialID(s.key, keyID)
		return nil, proto.StatusOK
	}
	private, err := fresh(row, scheme)
	defer clear(private)
	if err != nil {
		return nil, e.status(err)
	}
	if len(private) > len(s.secret) {
		return nil, proto.StatusInternal
	}
	s.key = append(s.secret[:0], private...)
	if spki, err = scheme.Public(private); err != nil {
		return nil, e.status(err)
	}
	if spki == nil {
		s.header.MaterialID = s.ids.MaterialID(s.key, keyID)
	} else {
		s.header.MaterialID = kdf.PublicMaterialID(spki, keyID)
	}
	return spki, proto.StatusOK
}

// errNoneReady becomes StatusBusy.
var errNoneReady = errors.New("no key is made ahead")

// ready is a newPrivate of a millisecond: an RSA key is one that was made ahead,
// or errNoneReady.
func (e *Engine) ready(row *keyspec.Row, scheme alg.Scheme) ([]byte, error) {
	if row.Family != keyspec.RSA {
		return scheme.Generate(e.random)
	}
	if private := e.keys.take(row.Spec); private != nil {
		return private, nil
	}
	return nil, errNoneReady
}

// fresh is a newPrivate that makes an RSA key if none is ready.
func (e *Engine) fresh(row *keyspec.Row, scheme alg.Scheme) ([]byte, error) {
	if row.Family != keyspec.RSA {
		return e.ready(row, scheme)
	}
	return e.keys.takeOrMake(row.Spec, func() ([]byte, error) { return scheme.Generate(e.random) })
}

// offers says whether the engine has an algorithm of a spec for a usage; 0 is
// any usage.
func (e *Engine) offers(row *keyspec.Row, usage uint8) bool {
	for i := range row.Uses {
		u := &row.Uses[i]
		for j := range u.Algorithms {
			if (usage == 0 || u.Usage.Number() == usage) && e.approves(&u.Algorithms[j]) {
				return true
			}
		}
	}
	return false
}

// approves says whether the engine may use an algorithm.
func (e *Engine) approves(a *keyspec.Alg) bool { return !e.cfg.ApprovedOnly || !a.NotApproved }

// hasUsage says whether a spec has the usage of that number.
func hasUsage(row *keyspec.Row, number uint8) bool {
	for i := range row.Uses {
		if row.Uses[i].Usage.Number() == number {
			return true
		}
	}
	return false
}
