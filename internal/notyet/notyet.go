// Package notyet owns the refusal of what Trent does not have yet: operations,
// members of requests, and values of members. It only shrinks. Nothing is
// ignored: a server that ignored Recipient, say, would return in the clear
// what its caller meant to keep sealed.
//
// An operation leaves this package together with a row in the client tests,
// the bad-input table and the authorization matrix; a test checks it. Only
// internal/front and internal/service import it, and the tests that list what
// is here.
package notyet

import (
	"trent/internal/api"
	"trent/internal/apierr"
)

// Check refuses a valid request that needs what Trent does not have.
func Check(in api.Request) error {
	op := in.Op()
	if !Works(op) {
		return apierr.New(apierr.UnsupportedOperation, "Trent does not support the operation %s yet.", op)
	}
	if refused := in.Present() & members[op]; refused != 0 {
		return apierr.New(apierr.UnsupportedOperation, "Trent does not support the parameter %s of %s yet.", api.MemberName(op, refused), op)
	}
	if r, ok := in.(*api.CreateKeyRequest); ok {
		return createKeyValues(r)
	}
	return nil
}

// Works reports whether Trent has the operation.
func Works(op api.Op) bool { return !operations[op] }

// Refuses reports whether a working operation refuses a member whatever its value.
func Refuses(op api.Op, member api.Members) bool { return members[op]&member != 0 }

// operations that Trent does not have.
var operations = [api.NumOps + 1]bool{
	0:                              true,
	api.OpConnectCustomKeyStore:    true,
	api.OpCreateCustomKeyStore:     true,
	api.OpDeleteCustomKeyStore:     true,
	api.OpDescribeCustomKeyStores:  true,
	api.OpDisconnectCustomKeyStore: true,
	api.OpUpdateCustomKeyStore:     true,
}

// members that working operations refuse, whatever their value.
var members = [api.NumOps + 1]api.Members{
	api.OpCreateKey:           api.CreateKeyCustomKeyStoreId | api.CreateKeyXksKeyId,
	api.OpDecrypt:             api.DecryptRecipient,
	api.OpGenerateDataKey:     api.GenerateDataKeyRecipient,
	api.OpGenerateRandom:      api.GenerateRandomCustomKeyStoreId | api.GenerateRandomRecipient,
	api.OpDeriveSharedSecret:  api.DeriveSharedSecretRecipient,
	api.OpGenerateDataKeyPair: api.GenerateDataKeyPairRecipient,
}

// createKeyValues refuses the values of CreateKey's members that ask for a key
// whose material is not made here.
func createKeyValues(r *api.CreateKeyRequest) error {
	if r.Origin != "" && r.Origin != api.OriginTypeAwsKms && r.Origin != api.OriginTypeExternal {
		return apierr.New(apierr.UnsupportedOperation, "Trent does not support Origin %s yet.", r.Origin)
	}
	return nil
}
