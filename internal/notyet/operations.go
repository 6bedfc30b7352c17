package notyet

import (
	"context"

	"trent/internal/api"
	"trent/internal/apierr"
	"trent/internal/call"
)

// Ops has the missing operations as methods, so that the set is whole for the
// compiler. The pipeline never gets as far: Check refuses first. An operation
// that is built must go from here, or the service does not compile.
type Ops struct{}

func missing(c *call.Call) error {
	return apierr.New(apierr.UnsupportedOperation, "Trent does not support the operation %s yet.", c.Op)
}

func (Ops) ConnectCustomKeyStore(_ context.Context, c *call.Call, _ *api.ConnectCustomKeyStoreRequest) (*api.ConnectCustomKeyStoreResponse, error) {
	return nil, missing(c)
}

func (Ops) CreateCustomKeyStore(_ context.Context, c *call.Call, _ *api.CreateCustomKeyStoreRequest) (*api.CreateCustomKeyStoreResponse, error) {
	return nil, missing(c)
}

func (Ops) DeleteCustomKeyStore(_ context.Context, c *call.Call, _ *api.DeleteCustomKeyStoreRequest) (*api.DeleteCustomKeyStoreResponse, error) {
	return nil, missing(c)
}

func (Ops) DescribeCustomKeyStores(_ context.Context, c *call.Call, _ *api.DescribeCustomKeyStoresRequest) (*api.DescribeCustomKeyStoresResponse, error) {
	return nil, missing(c)
}

func (Ops) DisconnectCustomKeyStore(_ context.Context, c *call.Call, _ *api.DisconnectCustomKeyStoreRequest) (*api.DisconnectCustomKeyStoreResponse, error) {
	return nil, missing(c)
}

func (Ops) UpdateCustomKeyStore(_ context.Context, c *call.Call, _ *api.UpdateCustomKeyStoreRequest) (*api.UpdateCustomKeyStoreResponse, error) {
	return nil, missing(c)
}
