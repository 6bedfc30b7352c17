package front

import (
	"context"
	"errors"

	"trent/internal/apierr"
	"trent/internal/call"
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
	if s.SessionToken != "" {
		return apierr.New(apierr.UnrecognizedClient, "The security token included in the request is invalid.")
	}
	ak, err := p.Identity.AccessKey(ctx, s.AccessKeyID)
	if err != nil {
		return err
	}
	if _, err := p.Domains.Region(ctx, s.Region); err != nil { // trent dev makes it now
		return err
	}
	var day [32]byte
	defer clear(day[:])
	if err := p.Identity.DayKey(ctx, ak, s.Date, s.Region, s.Service, &day); err != nil {
		return dayKeyError(err)
	}
	if err := s.Verify(day[:]); err != nil {
		return err
	}
	c.Caller, c.Region = ak.Caller, s.Region
	return nil
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
