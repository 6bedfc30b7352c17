package engine

import (
	"crypto/subtle"
	"encoding/binary"

	"trent/internal/hsm/alg"
	"trent/internal/hsm/kdf"
	"trent/internal/hsm/proto"
	"trent/internal/hsm/token"
	"trent/internal/keyspec"
)

// opened is a key whose token has been opened, for one usage: S is the spec's
// implementation for it. Its private form is in the scratch.
type opened[S any] struct {
	engine *Engine
	scheme S
	row    *keyspec.Row
	usage  uint8
}

// openFor opens the token of a command's key if its usage is that one. S is
// the interface of internal/hsm/alg that goes with the usage.
func openFor[S any](e *Engine, s *scratch, cmd proto.Command, ref *proto.KeyRef, usage keyspec.Usage) (k opened[S], status proto.Status) {
	if status := e.take(s, cmd, ref); status != proto.StatusOK {
		return k, status
	}
	k.usage = usage.Number()
	if status := e.status(s.header.CheckUse(s.header.Spec, token.Usage(k.usage), s.now)); status != proto.StatusOK {
		return k, status
	}
	k.row = keyspec.Numbered(uint16(s.header.Spec))
	var ok bool
	if k.scheme, ok = alg.Of(k.row).(S); !ok {
		return k, proto.StatusTokenRefused
	}
	if !e.offers(k.row, k.usage) {
		return k, proto.StatusUnsupported
	}
	k.engine = e
	return k, proto.StatusOK
}

// algorithm returns one of the key's algorithms by its number.
func (k *opened[S]) algorithm(number uint8) (*keyspec.Alg, proto.Status) {
	a := k.row.AlgorithmNumbered(k.usage, number)
	switch {
	case a == nil:
		return nil, proto.StatusMalformed
	case !k.engine.approves(a):
		return nil, proto.StatusUnsupported
	}
	return a, proto.StatusOK
}

// owns says whether spki is the public key of the opened token: its material
// id commits to it. So a public key that was exchanged in the store is
// refused, and using it need not touch the private one.
func owns(s *scratch, ref *proto.KeyRef, spki []byte) proto.Status {
	id := kdf.PublicMaterialID(spki, ref.Bind.ID)
	if subtle.ConstantTimeCompare(id[:], s.header.MaterialID[:]) != 1 {
		return proto.StatusTokenRefused
	}
	return proto.StatusOK
}

// Sign appends a signature, for proto.CmdSign.
func (e *Engine) Sign(in *proto.SignRequest, dst []byte) ([]byte, proto.Status) {
	return e.command(dst, func(s *scratch, dst []byte) ([]byte, proto.Status) {
		return e.sign(s, dst, proto.CmdSign, in)
	})
}

// Verify appends nothing, for proto.CmdVerify; StatusInvalidSignature says no.
func (e *Engine) Verify(in *proto.VerifyRequest, dst []byte) ([]byte, proto.Status) {
	return e.command(dst, func(s *scratch, dst []byte) ([]byte, proto.Status) {
		k, status := openFor[alg.Signer](e, s, proto.CmdVerify, &in.Key, keyspec.SignVerify)
		if status != proto.StatusOK {
			return dst, status
		}
		a, status := k.algorithm(in.Algorithm)
		if status != proto.StatusOK {
			return dst, status
		}
		if status := owns(s, &in.Key, in.PublicKey); status != proto.StatusOK {
			return dst, status
		}
		return dst, e.status(k.scheme.Verify(in.PublicKey, a, alg.MessageType(in.MessageType), in.Message, in.Signature))
	})
}

// GenerateMac appends a MAC, for proto.CmdGenerateMac.
func (e *Engine) GenerateMac(in *proto.SignRequest, dst []byte) ([]byte, proto.Status) {
	return e.command(dst, func(s *scratch, dst []byte) ([]byte, proto.Status) {
		k, status := e.authenticator(s, proto.CmdGenerateMac, &in.Key, in.Algorithm, in.MessageType)
		if status != proto.StatusOK {
			return dst, status
		}
		mac, err := k.MAC(s.key, in.Message)
		return append(dst, mac...), e.status(err)
	})
}

// VerifyMac appends nothing, for proto.CmdVerifyMac; StatusInvalidSignature
// says no.
func (e *Engine) VerifyMac(in *proto.VerifyRequest, dst []byte) ([]byte, proto.Status) {
	return e.command(dst, func(s *scratch, dst []byte) ([]byte, proto.Status) {
		if len(in.PublicKey) != 0 {
			return dst, proto.StatusMalformed
		}
		k, status := e.authenticator(s, proto.CmdVerifyMac, &in.Key, in.Algorithm, in.MessageType)
		if status != proto.StatusOK {
			return dst, status
		}
		return dst, e.status(k.Check(s.key, in.Message, in.Signature))
	})
}

func (e *Engine) authenticator(s *scratch, cmd proto.Command, ref *proto.KeyRef, algorithm, messageType uint8) (alg.Authenticator, proto.Status) {
	if alg.MessageType(messageType) != alg.Raw {
		return nil, proto.StatusMalformed
	}
	k, status := openFor[alg.Authenticator](e, s, cmd, ref, keyspec.GenerateVerifyMAC)
	if status == proto.StatusOK {
		_, status = k.algorithm(algorithm)
	}
	return k.scheme, status
}

// DeriveSharedSecret appends the raw shared secret, for
// proto.CmdDeriveSharedSecret.
func (e *Engine) DeriveSharedSecret(in *proto.AgreeRequest, dst []byte) ([]byte, proto.Status) {
	return e.command(dst, func(s *scratch, dst []byte) ([]byte, proto.Status) {
		k, status := openFor[alg.Agreer](e, s, proto.CmdDeriveSharedSecret, &in.Key, keyspec.KeyAgreement)
		if status != proto.StatusOK {
			return dst, status
		}
		secret, err := k.scheme.Agree(s.key, in.PeerPublicKey)
		defer clear(secret)
		return append(dst, secret...), e.status(err)
	})
}

// Encapsulate appends a new shared secret, its length before it, and its
// ciphertext, for proto.CmdEncapsulate.
func (e *Engine) Encapsulate(in *proto.EncapsulateRequest, dst []byte) ([]byte, proto.Status) {
	return e.command(dst, func(s *scratch, dst []byte) ([]byte, proto.Status) {
		k, status := openFor[alg.Encapsulator](e, s, proto.CmdEncapsulate, &in.Key, keyspec.EncapsulateDecapsulate)
		if status != proto.StatusOK {
			return dst, status
		}
		if status := owns(s, &in.Key, in.PublicKey); status != proto.StatusOK {
			return dst, status
		}
		secret, ciphertext, err := k.scheme.Encapsulate(in.PublicKey)
		defer clear(secret)
		out := binary.BigEndian.AppendUint32(dst, uint32(len(secret)))
		return append(append(out, secret...), ciphertext...), e.status(err)
	})
}

// Decapsulate appends the shared secret of a ciphertext, for
// proto.CmdDecapsulate. A wrong ciphertext of the right length gives another
// secret (FIPS 203, implicit rejection).
func (e *Engine) Decapsulate(in *proto.DecapsulateRequest, dst []byte) ([]byte, proto.Status) {
	return e.command(dst, func(s *scratch, dst []byte) ([]byte, proto.Status) {
		k, status := openFor[alg.Encapsulator](e, s, proto.CmdDecapsulate, &in.Key, keyspec.EncapsulateDecapsulate)
		if status != proto.StatusOK {
			return dst, status
		}
		secret, err := k.scheme.Decapsulate(s.key, in.Ciphertext)
		defer clear(secret)
		return append(dst, secret...), e.status(err)
	})
}

// PublicEncrypt appends a bare ciphertext, for proto.CmdPublicEncrypt.
func (e *Engine) PublicEncrypt(in *proto.PublicEncryptRequest, dst []byte) ([]byte, proto.Status) {
	return e.command(dst, func(s *scratch, dst []byte) ([]byte, proto.Status) {
		return e.publicEncrypt(s, dst, proto.CmdPublicEncrypt, &in.Key, in.PublicKey, in.Algorithm, in.Plaintext)
	})
}

func (e *Engine) publicEncrypt(s *scratch, dst []byte, cmd proto.Command, ref *proto.KeyRef, spki []byte, algorithm uint8, plaintext []byte) ([]byte, proto.Status) {
	k, status := openFor[alg.Cipher](e, s, cmd, ref, keyspec.EncryptDecrypt)
	if status != proto.StatusOK {
		return dst, status
	}
	a, status := k.algorithm(algorithm)
	if status != proto.StatusOK {
		return dst, status
	}
	if status := owns(s, ref, spki); status != proto.StatusOK {
		return dst, status
	}
	ciphertext, err := k.scheme.Encrypt(spki, a, plaintext)
	return append(dst, ciphertext...), e.status(err)
}

// PrivateDecrypt appends the plaintext of a bare ciphertext, for
// proto.CmdPrivateDecrypt.
func (e *Engine) PrivateDecrypt(in *proto.PrivateDecryptRequest, dst []byte) ([]byte, proto.Status) {
	return e.command(dst, func(s *scratch, dst []byte) ([]byte, proto.Status) {
		status := e.privateDecrypt(s, proto.CmdPrivateDecrypt, &in.Key, in.Algorithm, in.Ciphertext)
		return append(dst, s.plain...), status
	})
}

// CheckPrivateCiphertext is PrivateDecrypt without its answer, for
// proto.CmdCheckPrivateCiphertext.
func (e *Engine) CheckPrivateCiphertext(in *proto.PrivateDecryptRequest, dst []byte) ([]byte, proto.Status) {
	return e.command(dst, func(s *scratch, dst []byte) ([]byte, proto.Status) {
		return dst, e.privateDecrypt(s, proto.CmdCheckPrivateCiphertext, &in.Key, in.Algorithm, in.Ciphertext)
	})
}

// privateDecrypt leaves the plaintext in s.plain. One that the algorithm does
// not take is no plaintext of it: SM2PKE's ciphertexts can hold any length.
func (e *Engine) privateDecrypt(s *scratch, cmd proto.Command, ref *proto.KeyRef, algorithm uint8, ciphertext []byte) proto.Status {
	k, status := openFor[alg.Cipher](e, s, cmd, ref, keyspec.EncryptDecrypt)
	if status != proto.StatusOK {
		return status
	}
	a, status := k.algorithm(algorithm)
	if status != proto.StatusOK {
		return status
	}
	plaintext, err := k.scheme.Decrypt(s.key, a, ciphertext)
	if err != nil {
		return e.status(err)
	}
	defer clear(plaintext)
	if len(plaintext) > a.MaxPlaintextBytes {
		return proto.StatusInvalidCiphertext
	}
	s.plain = append(s.plaintext()[:0], plaintext...)
	return proto.StatusOK
}
