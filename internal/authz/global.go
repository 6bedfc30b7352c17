package authz

import (
	"strconv"
	"time"

	"trent/internal/condkey"
	"trent/internal/identity"
	"trent/internal/policy"
)

// global are the keys that requests to every service have.
func (r *Request) global(id condkey.ID, rest string) policy.Values {
	if id < condkey.CurrentTime {
		return r.ofCaller(id, rest)
	}
	switch id {
	case condkey.ResourceAccount:
		if r.Owner == "" {
			return one(r.Caller.Account)
		}
		return one(r.Owner)
	case condkey.ResourceTag:
		if r.Key != nil {
			return tag(r.Key.Tags, rest)
		}
	case condkey.RequestTag:
		return r.requestTag(rest)
	case condkey.TagKeys:
		return r.tagKeys()
	}
	return r.ofEnvironment(id)
}

// ofCaller are the properties of the principal and his session.
func (r *Request) ofCaller(id condkey.ID, rest string) policy.Values {
	c := r.Caller
	switch id {
	case condkey.PrincipalARN: // of a role's session, the role's
		if c.Session != nil && c.Session.RoleARN != "" {
			return one(c.Session.RoleARN)
		}
		return one(c.PrincipalARN)
	case condkey.PrincipalAccount:
		return one(c.Account)
	case condkey.PrincipalType:
		return one(principalType(c.Type))
	case condkey.PrincipalIsAWSService:
		return truth(c.Service != nil)
	case condkey.UserID:
		return one(c.PrincipalID)
	case condkey.UserName:
		return one(c.UserName)
	case condkey.PrincipalTag:
		value, ok := c.Tag(rest)
		return policy.Values{Present: ok, One: value}
	}
	if c.Session == nil {
		return policy.Values{}
	}
	switch id {
	case condkey.TokenIssueTime:
		if r.text.issued == "" {
			r.text.issued = c.Session.Issued.UTC().Format(time.RFC3339)
		}
		return one(r.text.issued)
	case condkey.MultiFactorAuthPresent: // there is none of it, and long-term credentials have no such key
		return truth(false)
	case condkey.SourceIdentity:
		return one(c.Session.SourceIdentity)
	}
	return policy.Values{}
}

// principalType is CloudTrail's type of a principal in the words of
// aws:PrincipalType.
func principalType(t string) string {
	switch t {
	case identity.TypeRoot:
		return "Account"
	case identity.TypeUser:
		return "User"
	}
	return t
}

// ofEnvironment is what is known besides.
func (r *Request) ofEnvironment(id condkey.ID) policy.Values {
	endpoint := r.Endpoint
	private := endpoint != nil && endpoint.ID != ""
	switch id {
	case condkey.CurrentTime:
		if r.text.now == "" {
			r.text.now = r.Time.UTC().Format(time.RFC3339)
		}
		return one(r.text.now)
	case condkey.EpochTime:
		if r.text.epoch == "" {
			r.text.epoch = strconv.FormatInt(r.Time.Unix(), 10)
		}
		return one(r.text.epoch)
	case condkey.SecureTransport:
		return truth(r.TLS)
	case condkey.UserAgent:
		return one(r.UserAgent)
	case condkey.RequestedRegion:
		return one(r.Region)
	case condkey.SourceARN:
		if s := r.Caller.Service; s != nil {
			return one(s.SourceARN)
		}
	case condkey.SourceAccount:
		if s := r.Caller.Service; s != nil {
			return one(s.SourceAccount)
		}
	case condkey.ViaAWSService:
		return truth(false)
	case condkey.SourceIP: // by an endpoint the address is one of the VPC's
		if !private {
			return one(r.SourceIP)
		}
	case condkey.VPCSourceIP:
		if private {
			return one(r.SourceIP)
		}
	case condkey.SourceVPCE:
		if private {
			return one(endpoint.ID)
		}
	case condkey.SourceVPC:
		if private {
			return one(endpoint.VPC)
		}
	}
	return policy.Values{}
}
