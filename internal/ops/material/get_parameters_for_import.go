package material

import (
	"context"

	"trent/internal/api"
	"trent/internal/apierr"
	"trent/internal/call"
	"trent/internal/key"
	"trent/internal/keyspec"
)

// GetParametersForImport gives a public key to wrap key material with, and the
// import token that goes with it: both are good for this key, this wrapping
// algorithm and 24 hours, as often as one likes. Nothing of it is stored here.
func (o *Ops) GetParametersForImport(ctx context.Context, c *call.Call, in *api.GetParametersForImportRequest) (*api.GetParametersForImportResponse, error) {
	k := c.Key()
	if err := external(k); err != nil {
		return nil, err
	}
	w, wrapping := keyspec.WrappingNamed(in.WrappingAlgorithm), keyspec.Of(key.Spec(in.WrappingKeySpec))
	if w == nil { // RSAES_PKCS1_V1_5, as AWS since October 2023
		return nil, apierr.New(apierr.UnsupportedOperation, "The wrapping algorithm %s is not supported.", in.WrappingAlgorithm)
	}
	row := keyspec.Of(k.Spec)
	if row == nil || wrapping == nil || !w.Wraps(row, wrapping) {
		return nil, apierr.New(apierr.UnsupportedOperation, "The wrapping algorithm %s with the wrapping key spec %s is not valid for the key spec %s.", in.WrappingAlgorithm, in.WrappingKeySpec, k.Spec)
	}
	p, err := o.Module.ImportParameters(ctx, c.Permit(), wrapping.Spec, w)
	if err != nil {
		return nil, err
	}
	return &api.GetParametersForImportResponse{KeyId: k.ARN, ImportToken: p.Token, PublicKey: p.PublicKey, ParametersValidTo: p.ValidTo}, nil
}
