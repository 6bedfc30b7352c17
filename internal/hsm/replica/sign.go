package replica

import (
	"io"

	"trent/internal/hsm/alg"
	"trent/internal/keyspec"
)

// scheme is what internal/hsm/alg has for P-384: it makes key pairs in their
// stored form (docs/formats.md, "Stored private keys"), signs and agrees.
type scheme interface {
	alg.Scheme
	alg.Signer
	alg.Agreer
}

// p384 is that of ECC_NIST_P384, and ECDSA_SHA_384.
func p384() (scheme, *keyspec.Alg) {
	row := keyspec.Of("ECC_NIST_P384")
	return alg.Of(row).(scheme), row.Algorithm(keyspec.SignVerify, "ECDSA_SHA_384")
}

// ephemeral makes a key pair for one message. The caller wipes private.
func ephemeral(random io.Reader) (private, spki []byte, err error) {
	s, _ := p384()
	if private, err = s.Generate(random); err != nil {
		return nil, nil, err
	}
	if spki, err = s.Public(private); err != nil {
		clear(private)
		return nil, nil, err
	}
	return private, spki, nil
}

// sign appends to message its signature by a replication key in stored form.
func sign(message, signer []byte) ([]byte, error) {
	s, algorithm := p384()
	signature, err := s.Sign(signer, algorithm, alg.Raw, message)
	if err != nil {
		return nil, err
	}
	return appendBytes(message, signature), nil
}

// verify is ErrInvalid unless signature is the replication key's.
func verify(spki, message, signature []byte) error {
	s, algorithm := p384()
	if s.Verify(spki, algorithm, alg.Raw, message, signature) != nil {
		return ErrInvalid
	}
	return nil
}

// agree returns the shared secret of a stored private key and a public one. The
// caller wipes it.
func agree(private, spki []byte) ([]byte, error) {
	s, _ := p384()
	secret, err := s.Agree(private, spki)
	if err != nil {
		return nil, ErrInvalid
	}
	return secret, nil
}
