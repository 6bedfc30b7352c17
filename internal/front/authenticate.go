package front

import (
	"context"
	"errors"
	"slices"

	"trent/internal/apierr"
	"trent/internal/call"
	"trent/internal/domains"
	"trent/internal/identity"
	"trent/internal/sigv4"
	"trent/internal/wire"
)

const (
	// kms is KMS's name in the credential scope; those of the other services are
	// the Config's.
	kms = "kms"
	// globalRegion is the one in which requests to IAM and STS, and to CloudTrail
	// about them, may be signed whether it is held or not.
	globalRegion = "us-east-1"
)

// authenticate checks the signature and fills in the caller and the Region.
func (p *Pipeline) authenticate(ctx context.Context, c *call.Call, r *wire.Request) error {
	_, region, err := p.verify(ctx, &c.Common, r, &p.kmsScopes)
	if err == nil {
		c.Records = region.Records
	}
	return err
}

// authenticateQuery does so for a request of the Query protocol, whose service
// the signature names.
func (p *Pipeline) authenticateQuery(ctx context.Context, c *call.Query, r *wire.Request) error {
	service, _, err := p.verify(ctx, &c.Common, r, &p.queryScopes)
	if err != nil {
		return err
	}
	if c.Caller.Session.Forbids(service) {
		return apierr.New(apierr.UnrecognizedClient, "The security token included in the request is invalid")
	}
	global, err := p.Domains.Region(ctx, domains.Global)
	if err != nil {
		return err
	}
	c.Records = global.Records
	c.API = p.Queries[slices.IndexFunc(p.Queries, func(api *call.QueryAPI) bool { return api.Service == service })]
	return nil
}

// verify checks a signature. The Region is nil if it is not held and needs not
// be.
func (p *Pipeline) verify(ctx context.Context, c *call.Common, r *wire.Request, scopes *sigv4.Options) (service string, region *domains.Region, err error) {
	s, err := sigv4.Parse(&sigv4.Request{
		Method: r.Method, Path: r.Path, RawQuery: r.RawQuery, Host: r.Host, Header: r.Header, Body: r.Body,
	}, p.Now(), scopes)
	if err != nil {
		return "", nil, err
	}
	c.Claimed, c.Region = s.AccessKeyID, s.Region
	ak, err := p.Identity.AccessKey(ctx, s.AccessKeyID, s.SessionToken)
	if err != nil {
		return "", nil, err
	}
	var day [32]byte
	defer clear(day[:])
	region = p.Domains.Held(s.Region)
	if !ak.Stored || region == nil && !everywhere(&s) {
		if ak, region, err = p.firstUse(ctx, ak, &s, &day); err != nil {
			return "", nil, dayKeyError(err)
		}
	}
	if err := p.Identity.DayKey(ctx, ak, s.Date, s.Region, s.Service, &day); err != nil {
		return "", nil, dayKeyError(err)
	}
	if err := s.Verify(day[:]); err != nil {
		return "", nil, err
	}
	p.Identity.Used(ak, c.Time, s.Service, s.Region)
	c.Caller = ak.Caller
	return s.Service, region, nil
}

// everywhere reports whether a signature is of another service than KMS in the global
// Region, for which that Region needs not be held.
func everywhere(s *sigv4.Signature) bool { return s.Service != kms && s.Region == globalRegion }

// firstUse makes the well-known credential and the Region that a request to
// trent dev uses for the first time, once its signature is verified: who does
// not know the secret makes nothing. The crypto module verifies other
// credentials, for which it must hold the Region: an active one makes it.
func (p *Pipeline) firstUse(ctx context.Context, ak *identity.AccessKey, s *sigv4.Signature, day *[32]byte) (*identity.AccessKey, *domains.Region, error) {
	if !ak.WellKnown {
		region, err := p.Domains.Region(ctx, s.Region)
		return ak, region, err
	}
	if err := p.Identity.WellKnownDayKey(ak, s.Date, s.Region, s.Service, day); err != nil {
		return nil, nil, err
	}
	if err := s.Verify(day[:]); err != nil {
		return nil, nil, err
	}
	region := p.Domains.Held(s.Region)
	if !everywhere(s) {
		var err error
		if region, err = p.Domains.Region(ctx, s.Region); err != nil {
			return nil, nil, err
		}
	}
	ak, err := p.Identity.Make(ctx, ak)
	return ak, region, err
}

// dayKeyError: a date that the module refuses although the skew was right
// means that the two clocks disagree, which is no fault of the client's.
func dayKeyError(err error) error {
	if errors.Is(err, identity.ErrUnavailable) {
		return &apierr.Error{Code: apierr.ServiceUnavailable, Message: unavailable, Err: err}
	}
	return err
}

const unavailable = "The service is temporarily unavailable. Try the request again."
