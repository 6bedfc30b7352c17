// Package sts owns the operations of AWS STS, one file each: they tell a caller
// who he is, and give temporary credentials. It must never decide by
// identity-based policies what a caller may do: internal/authz does. Only
// wiring imports it. Specification: the AWS STS API Reference, 2011-06-15.
package sts

import "trent/internal/call"

// New returns the service.
func New() *call.QueryAPI {
	api := &call.QueryAPI{
		Service: "sts", Version: "2011-06-15", Namespace: "https://sts.amazonaws.com/doc/2011-06-15/",
		Operations: map[string]*call.QueryOperation{},
	}
	for _, op := range []*call.QueryOperation{
		{Name: "GetCallerIdentity", Open: true, New: func() call.QueryRequest { return getCallerIdentity{} }},
	} {
		api.Operations[op.Name] = op
	}
	return api
}
