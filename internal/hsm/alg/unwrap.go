package alg

import "trent/internal/keyspec"

// Unwrap decrypts key material with a wrapping key in its stored form; row is the
// wrapping key's. The caller wipes the material. The error is ErrCiphertext,
// whatever is wrong with what was wrapped.
func Unwrap(row *keyspec.Row, private []byte, w *keyspec.Wrapping, wrapped []byte) (material []byte, err error) {
	scheme, ok := Of(row).(Cipher)
	a := w.Algorithm(row)
	if !ok || a == nil {
		return nil, ErrKey
	}
	if !w.Envelope {
		return scheme.Decrypt(private, a, wrapped)
	}
	const kekBytes = 32
	head := row.Parameter / 8
	if len(wrapped) < head {
		return nil, ErrCiphertext
	}
	kek, err := scheme.Decrypt(private, a, wrapped[:head])
	if err != nil {
		return nil, err
	}
	defer clear(kek)
	if len(kek) != kekBytes {
		return nil, ErrCiphertext
	}
	return UnwrapKWP(kek, wrapped[head:])
}
