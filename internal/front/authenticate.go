package front

import (
	"context"
	"errors"

	"trent/internal/apierr"
	"trent/internal/call"
	"trent/internal/domains"
	"trent/internal/identity"
	"trent/internal/sigv4"
	"trent/internal/wire"
)

// service is the name in the credential scope. One endpoint will serve others.
const service = "kms"

// authenticate checks the signature and fills in the caller and the Region.
func (p *Pipeline) authenticate(ctx context.Context, c *call.Call, r *wire.Request) error {
	s, err := sigv4.Parse(&sigv4.Request{
		Method: r.Method, Path: r.Path, RawQuery: r.RawQuery, Host: r.Host, Header: r.Header, Body: r.Body,
	}, p.Now(), &p.signatures)
	if err != nil {
		return err
	}
	c.Claimed, c.Region = s.AccessKeyID, s.Region
	ak, err := p.Identity.AccessKey(ctx, s.AccessKeyID, s.SessionToken)
	if err != nil {
		return err
	}
	var day [32]byte
	defer clear(day[:])
	region := p.Domains.Held(s.Region)
	if !ak.Stored || region == nil {
		if ak, region, err = p.firstUse(ctx, ak, &s, &day); err != nil {
			return dayKeyError(err)
		}
	}
	if err := p.Identity.DayKey(ctx, ak, s.Date, s.Region, s.Service, &day); err != nil {
		return dayKeyError(err)
	}
	if err := s.Verify(day[:]); err != nil {
		return err
	}
	p.Identity.Used(ak, c.Time, s.Service, s.Region)
	c.Caller, c.Records = ak.Caller, region.Records
	return nil
}

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
	region, err := p.Domains.Region(ctx, s.Region)
	if err != nil {
		return nil, nil, err
	}
	ak, err = p.Identity.Make(ctx, ak)
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
