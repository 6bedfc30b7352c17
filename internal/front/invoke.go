package front

import (
	"context"

	"trent/internal/api"
	"trent/internal/apierr"
	"trent/internal/call"
	"trent/internal/identity"
	"trent/internal/optable"
)

// Invoke carries out an operation that a part of Trent asks for, as AWS's services
// ask KMS. The caller is a service principal: the key's policy and state decide,
// and the trail has its record, as of every other call.
func (p *Pipeline) Invoke(ctx context.Context, s *identity.Service, region string, op api.Op, body []byte) (out api.Response, err error) {
	in, err := api.Decode(op, body)
	if err != nil {
		return nil, err
	}
	var c call.Call
	c.RequestID, c.EventID, c.Time, c.Partition = p.ids.New(), p.ids.New(), p.Now(), p.Partition
	c.Caller, c.Region = identity.Caller{Type: identity.TypeService, Service: s}, region
	c.Op, c.Row = in.Op(), optable.Of(in.Op())
	c.SetRequest(in)
	out, err = p.invoked(ctx, &c, in)
	if _, auditErr := p.record(ctx, &c, err); auditErr != nil {
		if err == nil {
			out.Wipe()
		}
		return nil, auditErr
	}
	p.noteUse(&c, err)
	return out, err
}

// invoked is the operation of Invoke.
func (p *Pipeline) invoked(ctx context.Context, c *call.Call, in api.Request) (out api.Response, err error) {
	defer func() {
		if v := recover(); v != nil {
			out, err = nil, panicked(v)
		}
	}()
	held := p.Domains.Held(c.Region)
	switch {
	case held == nil:
		return nil, apierr.New(apierr.NotFound, "There are no keys of the Region %s here.", c.Region)
	case !p.Ready():
		return nil, apierr.New(apierr.ServiceUnavailable, unavailable)
	}
	c.Records = held.Records
	if err := in.Validate(); err != nil {
		return nil, validationError(err)
	}
	if err := api.Check(in); err != nil {
		return nil, validationError(err)
	}
	return p.attempt(ctx, c, in, false)
}
