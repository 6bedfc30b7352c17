package use

import (
	"context"
	"errors"

	"trent/internal/apierr"
	"trent/internal/hsm/client"
	"trent/internal/hsm/proto"
)

// failure turns an error of the connection or the module into AWS's.
func failure(err error) error {
	switch {
	case errors.Is(err, proto.StatusInvalidCiphertext):
		return invalidCiphertext()
	case errors.Is(err, proto.StatusInvalidPublicKey):
		return &apierr.Error{Code: apierr.Validation} // AWS's has no message
	case errors.Is(err, proto.StatusUnsupported):
		return apierr.AlgorithmNotOffered()
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
