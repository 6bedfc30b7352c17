// Package sts owns the operations of AWS STS, one file each: they tell a caller
// who he is, and give temporary credentials. It must never decide by
// identity-based policies what a caller may do: internal/authz does. Only
// wiring imports it. Specification: the AWS STS API Reference, 2011-06-15, and
// the IAM User Guide, "Temporary security credentials in IAM".
package sts

import (
	"trent/internal/call"
	"trent/internal/identity"
)

// Config is what the service is made of.
type Config struct {
	Identity *identity.Directory
}

// New returns the service. GetCallerIdentity and GetSessionToken need no
// permission, and AssumeRole asks the role's trust policy too.
func New(c Config) *call.QueryAPI {
	api := &call.QueryAPI{
		Service: "sts", Version: "2011-06-15", Namespace: "https://sts.amazonaws.com/doc/2011-06-15/",
		Operations: map[string]*call.QueryOperation{},
	}
	for _, op := range []*call.QueryOperation{
		{Name: "AssumeRole", Own: true, Mutates: true, Alone: true, New: func() call.QueryRequest { return &assumeRole{Config: &c} }},
		{Name: "GetCallerIdentity", Open: true, New: func() call.QueryRequest { return getCallerIdentity{} }},
		{Name: "GetSessionToken", Open: true, Mutates: true, Alone: true, New: func() call.QueryRequest { return &getSessionToken{Config: &c} }},
	} {
		api.Operations[op.Name] = op
	}
	return api
}
