package engine

import (
	"encoding/binary"
	"slices"

	"trent/internal/hsm/blob"
	"trent/internal/hsm/kdf"
	"trent/internal/hsm/proto"
	"trent/internal/hsm/token"
)

// backingKey opens the token of a symmetric encryption key; s.key holds it.
func (e *Engine) backingKey(s *scratch, cmd proto.Command, ref *proto.KeyRef) proto.Status {
	status := e.open(s, cmd, ref, token.SpecSymmetricDefault, token.UsageEncryptDecrypt)
	if status == proto.StatusOK && len(s.key) != kdf.KeySize {
		return proto.StatusTokenRefused
	}
	return status
}

// seal appends the blob of plaintext under the key that s holds and a new
// nonce.
func (e *Engine) seal(s *scratch, dst []byte, contextHash *[32]byte, plaintext []byte) ([]byte, proto.Status) {
	if err := e.random.Public(s.nonce()[:]); err != nil {
		return dst, e.status(err)
	}
	return e.sealSalted(s, dst, contextHash, plaintext)
}

// sealSalted is seal with the nonce that s holds, which nothing has used yet.
func (e *Engine) sealSalted(s *scratch, dst []byte, contextHash *[32]byte, plaintext []byte) ([]byte, proto.Status) {
	out, err := s.blobs.Seal(dst, s.key, &s.header.MaterialID, contextHash, s.nonce(), plaintext)
	return out, e.status(err)
}

// Encrypt appends a ciphertext blob, for proto.CmdEncrypt.
func (e *Engine) Encrypt(in *proto.EncryptRequest, dst []byte) ([]byte, proto.Status) {
	return e.command(dst, func(s *scratch, dst []byte) ([]byte, proto.Status) {
		if len(in.Plaintext) < 1 || len(in.Plaintext) > proto.MaxPlaintext {
			return dst, proto.StatusMalformed
		}
		if status := e.backingKey(s, proto.CmdEncrypt, &in.Key); status != proto.StatusOK {
			return dst, status
		}
		return e.seal(s, dst, &in.ContextHash, in.Plaintext)
	})
}

// decrypt opens a blob under the key of ref; s.plain holds the plaintext.
func (e *Engine) decrypt(s *scratch, cmd proto.Command, ref *proto.KeyRef, contextHash *[32]byte, ciphertext []byte) (status proto.Status) {
	if len(ciphertext) > proto.MaxBlob {
		return proto.StatusMalformed
	}
	if status := e.backingKey(s, cmd, ref); status != proto.StatusOK {
		return status
	}
	if len(ciphertext) > proto.MaxPlaintext+blob.Overhead {
		ciphertext = nil // longer than any of ours: refused as any other
	}
	var err error
	s.plain, err = s.blobs.Open(s.plaintext()[:0], s.key, &s.header.MaterialID, contextHash, ciphertext)
	return e.status(err)
}

// Decrypt appends the plaintext of a blob, for proto.CmdDecrypt.
func (e *Engine) Decrypt(in *proto.DecryptRequest, dst []byte) ([]byte, proto.Status) {
	return e.command(dst, func(s *scratch, dst []byte) ([]byte, proto.Status) {
		status := e.decrypt(s, proto.CmdDecrypt, &in.Key, &in.ContextHash, in.Blob)
		return append(dst, s.plain...), status
	})
}

// CheckCiphertext does what Decrypt does and appends nothing, for
// proto.CmdCheckCiphertext.
func (e *Engine) CheckCiphertext(in *proto.DecryptRequest, dst []byte) ([]byte, proto.Status) {
	return e.command(dst, func(s *scratch, dst []byte) ([]byte, proto.Status) {
		return dst, e.decrypt(s, proto.CmdCheckCiphertext, &in.Key, &in.ContextHash, in.Blob)
	})
}

// ReEncrypt appends a blob of what another blob holds, for proto.CmdReEncrypt.
// The plaintext stays here.
func (e *Engine) ReEncrypt(in *proto.ReEncryptRequest, dst []byte) ([]byte, proto.Status) {
	return e.command(dst, func(s *scratch, dst []byte) ([]byte, proto.Status) {
		if status := e.decrypt(s, proto.CmdReEncrypt, &in.Source, &in.SourceHash, in.Blob); status != proto.StatusOK {
			return dst, status
		}
		if status := e.backingKey(s, proto.CmdReEncrypt, &in.Destination); status != proto.StatusOK {
			return dst, status
		}
		return e.seal(s, dst, &in.DestinationHash, s.plain)
	})
}

// GenerateDataKey appends a new data key, its length before it, and its blob,
// for proto.CmdGenerateDataKey.
func (e *Engine) GenerateDataKey(in *proto.GenerateDataKeyRequest, dst []byte) ([]byte, proto.Status) {
	return e.command(dst, func(s *scratch, dst []byte) ([]byte, proto.Status) {
		if status := e.dataKey(s, proto.CmdGenerateDataKey, in); status != proto.StatusOK {
			return dst, status
		}
		out := binary.BigEndian.AppendUint32(dst, in.Bytes)
		return e.sealSalted(s, append(out, s.plain...), &in.ContextHash, s.plain)
	})
}

// GenerateDataKeyWithoutPlaintext appends the blob of a new data key that
// nobody has seen, for proto.CmdGenerateDataKeyWithoutPlaintext.
func (e *Engine) GenerateDataKeyWithoutPlaintext(in *proto.GenerateDataKeyRequest, dst []byte) ([]byte, proto.Status) {
	return e.command(dst, func(s *scratch, dst []byte) ([]byte, proto.Status) {
		if status := e.dataKey(s, proto.CmdGenerateDataKeyWithoutPlaintext, in); status != proto.StatusOK {
			return dst, status
		}
		return e.sealSalted(s, dst, &in.ContextHash, s.plain)
	})
}

// dataKey opens the key of a request and makes a data key in s.plain and the
// nonce for its blob, with one read of the random source.
func (e *Engine) dataKey(s *scratch, cmd proto.Command, in *proto.GenerateDataKeyRequest) proto.Status {
	if in.Bytes < 1 || in.Bytes > proto.MaxRandom {
		return proto.StatusMalformed
	}
	if status := e.backingKey(s, cmd, &in.Key); status != proto.StatusOK {
		return status
	}
	s.plain = s.plaintext()[:in.Bytes]
	return e.status(e.random.Mixed(s.salted[:kdf.NonceSize+in.Bytes], kdf.NonceSize))
}

// GenerateRandom appends random bytes, for proto.CmdGenerateRandom.
func (e *Engine) GenerateRandom(in *proto.GenerateRandomRequest, dst []byte) ([]byte, proto.Status) {
	return e.command(dst, func(_ *scratch, dst []byte) ([]byte, proto.Status) {
		if in.Bytes < 1 || in.Bytes > proto.MaxRandom {
			return dst, proto.StatusMalformed
		}
		n := int(in.Bytes)
		out := slices.Grow(dst, n)[:len(dst)+n]
		_, err := e.random.Read(out[len(dst):])
		return out, e.status(err)
	})
}
