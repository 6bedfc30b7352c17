// Package iam owns the operations of AWS IAM, one file each: they make, show and
// delete who calls (users, groups, roles, access keys) and the policies that say
// what he may do. A change is one store transaction that compares and swaps, its
// audit record included.
//
// It must never decide what a caller may do (internal/authz does, before an
// operation runs), never keep a secret access key, which the crypto module makes
// and CreateAccessKey's answer holds once, and never touch an access key of an
// account's root, which operators make. Only wiring imports it.
//
// Specification: the AWS IAM API Reference, 2010-05-08, and the IAM User Guide,
// "IAM and AWS STS quotas".
package iam

import (
	"trent/internal/call"
	"trent/internal/domains"
	"trent/internal/identity"
)

// Config is what the service is made of.
type Config struct {
	Identity *identity.Directory
	Regions  domains.Finder // seals markers
	// UnknownPrincipals takes trust policies that name users and roles that are
	// not there, as emulators do: whoever has such an ARN one day is meant.
	UnknownPrincipals bool
}

// New returns the service.
func New(c Config) *call.QueryAPI {
	api := &call.QueryAPI{
		Service: "iam", Version: "2010-05-08", Namespace: "https://iam.amazonaws.com/doc/2010-05-08/", Global: true,
		Operations: map[string]*call.QueryOperation{},
	}
	for _, op := range c.operations() {
		api.Operations[op.Name] = op
	}
	return api
}

// operations is the table: those that read, those that change something, and
// those that do so and have no result.
func (c *Config) operations() []*call.QueryOperation {
	return append([]*call.QueryOperation{
		changes("CreateUser", func() call.QueryRequest { return &createUser{Config: c} }),
		reads("GetUser", func() call.QueryRequest { return &getUser{Config: c} }),
		reads("ListUsers", func() call.QueryRequest { return &listUsers{byPath{Config: c}} }),
		quiet("DeleteUser", func() call.QueryRequest { return &deleteUser{Config: c} }),
		quiet("TagUser", func() call.QueryRequest { return &tagUser{Config: c} }),
		quiet("UntagUser", func() call.QueryRequest { return &untagUser{Config: c} }),
		reads("ListUserTags", func() call.QueryRequest { return &listUserTags{Config: c} }),
		changes("CreateGroup", func() call.QueryRequest { return &createGroup{Config: c} }),
		reads("GetGroup", func() call.QueryRequest { return &getGroup{Config: c} }),
		reads("ListGroups", func() call.QueryRequest { return &listGroups{byPath{Config: c}} }),
		quiet("DeleteGroup", func() call.QueryRequest { return &deleteGroup{Config: c} }),
		quiet("AddUserToGroup", func() call.QueryRequest { return &addUserToGroup{membership{Config: c}} }),
		quiet("RemoveUserFromGroup", func() call.QueryRequest { return &removeUserFromGroup{membership{Config: c}} }),
		reads("ListGroupsForUser", func() call.QueryRequest { return &listGroupsForUser{Config: c} }),
		changes("CreateAccessKey", func() call.QueryRequest { return &createAccessKey{ofUser{Config: c}} }),
		reads("ListAccessKeys", func() call.QueryRequest { return &listAccessKeys{ofUser: ofUser{Config: c}} }),
		quiet("UpdateAccessKey", func() call.QueryRequest { return &updateAccessKey{ofUser: ofUser{Config: c}} }),
		quiet("DeleteAccessKey", func() call.QueryRequest { return &deleteAccessKey{ofUser: ofUser{Config: c}} }),
		reads("GetAccessKeyLastUsed", func() call.QueryRequest { return &getAccessKeyLastUsed{Config: c} }),
	}, c.policyOperations()...)
}

func reads(name string, request func() call.QueryRequest) *call.QueryOperation {
	return &call.QueryOperation{Name: name, New: request}
}

func changes(name string, request func() call.QueryRequest) *call.QueryOperation {
	return &call.QueryOperation{Name: name, Mutates: true, New: request}
}

func quiet(name string, request func() call.QueryRequest) *call.QueryOperation {
	return &call.QueryOperation{Name: name, Mutates: true, NoResult: true, New: request}
}
