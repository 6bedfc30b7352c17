package use

import (
	"context"
	"errors"

	"trent/internal/apierr"
	"trent/internal/hsm/client"
	"trent/internal/hsm/proto"
	"trent/internal/key"
)

// specs and usages are the numbers of docs/formats.md, "Exported key token".
var specs = map[key.Spec]uint16{
	"SYMMETRIC_DEFAULT": 1, "RSA_2048": 2, "RSA_3072": 3, "RSA_4096": 4,
	"ECC_NIST_P256": 5, "ECC_NIST_P384": 6, "ECC_NIST_P521": 7, "ECC_SECG_P256K1": 8, "ECC_NIST_EDWARDS25519": 9,
	"HMAC_224": 10, "HMAC_256": 11, "HMAC_384": 12, "HMAC_512": 13,
	"ML_DSA_44": 14, "ML_DSA_65": 15, "ML_DSA_87": 16,
	"ML_KEM_512": 17, "ML_KEM_768": 18, "ML_KEM_1024": 19, "SM2": 20,
}

var usages = map[key.Usage]uint8{
	"ENCRYPT_DECRYPT": 1, "SIGN_VERIFY": 2, "GENERATE_VERIFY_MAC": 3, "KEY_AGREEMENT": 4, "ENCAPSULATE_DECAPSULATE": 5,
}

// failure turns an error of the connection or the module into AWS's.
func failure(err error) error {
	switch {
	case errors.Is(err, proto.StatusInvalidCiphertext):
		return invalidCiphertext()
	case errors.Is(err, client.ErrUnavailable):
		return apierr.Because(apierr.ServiceUnavailable, err)
	case errors.Is(err, proto.StatusBusy):
		// A 500 that SDKs retry: the key is there, the lane is full.
		return apierr.Because(apierr.KeyUnavailable, err)
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return apierr.Because(apierr.DependencyTimeout, err)
	default:
		return internal(err)
	}
}

// invalidCiphertext has no message, as at AWS, and no cause: every reason is
// the same one.
func invalidCiphertext() error { return &apierr.Error{Code: apierr.InvalidCiphertext} }

// internal keeps err for the log only.
func internal(err error) error { return apierr.From(err) }
