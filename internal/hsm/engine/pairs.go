package engine

import (
	"encoding/binary"

	"trent/internal/hsm/alg"
	"trent/internal/hsm/proto"
	"trent/internal/keyspec"
)

// symmetric is the number of SYMMETRIC_DEFAULT, the algorithm.
const symmetric = 1

// ReEncryptAny appends what another key's ciphertext holds, under the
// destination, where either is asymmetric, for proto.CmdReEncryptAny. The
// plaintext stays here. An empty one, which OAEP has and no symmetric
// ciphertext, is StatusInvalidCiphertext.
func (e *Engine) ReEncryptAny(in *proto.ReEncryptAnyRequest, dst []byte) ([]byte, proto.Status) {
	return e.command(dst, func(s *scratch, dst []byte) ([]byte, proto.Status) {
		source, destination := &in.Source, &in.Destination
		var status proto.Status
		if source.Algorithm == symmetric {
			status = e.decrypt(s, proto.CmdReEncryptAny, &source.Key, &source.ContextHash, in.Blob)
		} else {
			status = e.privateDecrypt(s, proto.CmdReEncryptAny, &source.Key, source.Algorithm, in.Blob)
		}
		if status != proto.StatusOK {
			return dst, status
		}
		if len(s.plain) == 0 {
			return dst, proto.StatusInvalidCiphertext
		}
		if destination.Algorithm != symmetric {
			return e.publicEncrypt(s, dst, proto.CmdReEncryptAny, &destination.Key, destination.PublicKey, destination.Algorithm, s.plain)
		}
		if status := e.backingKey(s, proto.CmdReEncryptAny, &destination.Key); status != proto.StatusOK {
			return dst, status
		}
		return e.seal(s, dst, &destination.ContextHash, s.plain)
	})
}

// GenerateDataKeyPair appends a new pair, its private key as a blob under a
// symmetric key, and in the clear only if that was asked for, for
// proto.CmdGenerateDataKeyPair. An RSA key that is not made ahead takes seconds.
func (e *Engine) GenerateDataKeyPair(in *proto.DataKeyPairRequest, dst []byte) ([]byte, proto.Status) {
	return e.generateDataKeyPair(in, dst, e.fresh)
}

// GenerateReadyDataKeyPair is GenerateDataKeyPair, but StatusBusy instead of
// making an RSA key.
func (e *Engine) GenerateReadyDataKeyPair(in *proto.DataKeyPairRequest, dst []byte) ([]byte, proto.Status) {
	return e.generateDataKeyPair(in, dst, e.ready)
}

func (e *Engine) generateDataKeyPair(in *proto.DataKeyPairRequest, dst []byte, fresh newPrivate) ([]byte, proto.Status) {
	return e.command(dst, func(s *scratch, dst []byte) ([]byte, proto.Status) {
		row := keyspec.Numbered(in.Spec)
		if row == nil || !row.DataKeyPair {
			return dst, proto.StatusMalformed
		}
		if !e.offers(row, 0) {
			return dst, proto.StatusUnsupported
		}
		if status := e.backingKey(s, proto.CmdGenerateDataKeyPair, &in.Key); status != proto.StatusOK {
			return dst, status
		}
		private, spki, err := pair(row, fresh)
		defer clear(private)
		if err != nil {
			return dst, e.status(err)
		}
		shown := private
		if !in.Plaintext {
			shown = nil
		}
		out := binary.BigEndian.AppendUint32(dst, uint32(len(shown)))
		out = append(out, shown...)
		out = binary.BigEndian.AppendUint32(out, uint32(len(spki)))
		return e.seal(s, append(out, spki...), &in.ContextHash, private)
	})
}

// pair makes a data key pair: PKCS #8 and SPKI.
func pair(row *keyspec.Row, fresh newPrivate) (private, spki []byte, err error) {
	scheme := alg.Of(row)
	exporter, ok := scheme.(alg.Exporter)
	if !ok {
		return nil, nil, alg.ErrKey
	}
	stored, err := fresh(row, scheme)
	defer clear(stored)
	if err != nil {
		return nil, nil, err
	}
	if spki, err = scheme.Public(stored); err != nil {
		return nil, nil, err
	}
	private, err = exporter.PKCS8(stored)
	return private, spki, err
}
