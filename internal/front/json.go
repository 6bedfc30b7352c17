package front

import (
	"context"
	"time"

	"trent/internal/apierr"
	"trent/internal/authz"
	"trent/internal/call"
	"trent/internal/wire"
)

// serveJSON is Serve for a request to CloudTrail.
func (p *Pipeline) serveJSON(ctx context.Context, r *wire.Request, dst []byte) Answer {
	c := call.JSON{API: p.CloudTrail, Operation: p.CloudTrail.Operations[r.CloudTrail]}
	if p.Observer == nil {
		answer, _, _ := p.json(ctx, &c, r, dst)
		return answer
	}
	began := time.Since(p.epoch)
	p.Observer.Began()
	answer, code, recorded := p.json(ctx, &c, r, dst)
	o := outcome(&c.Common, r, &answer, code, recorded, time.Since(p.epoch)-began)
	o.Query = c.Action()
	p.Observer.Ended(o)
	return answer
}

// json answers one request, as serve does for those of KMS.
func (p *Pipeline) json(ctx context.Context, c *call.JSON, r *wire.Request, dst []byte) (a Answer, code apierr.Code, recorded bool) {
	p.begin(&c.Common, r)
	body, err := p.runJSON(ctx, c, r, dst)
	recorded, auditErr := p.record(ctx, c, err)
	if auditErr != nil {
		err = auditErr
	}
	a = Answer{Status: 200, RequestID: c.RequestID, ContentType: wire.ContentType}
	if err == nil {
		a.Body = body
		return a, "", recorded
	}
	e := apierr.From(err)
	a.Status, a.Close = wire.Status(e.Code), r.Err != nil
	told := *e
	if told.Code == apierr.KMSInternal {
		told.Code = apierr.InternalFailure // every service's but KMS's
	}
	a.Body = wire.AppendError(dst[:0], &told)
	p.log(ctx, c.Action(), c.RequestID, e, a.Status)
	return a, told.Code, recorded
}

// runJSON takes a request from its signature to its operation.
func (p *Pipeline) runJSON(ctx context.Context, c *call.JSON, r *wire.Request, dst []byte) (body []byte, err error) {
	defer func() {
		if v := recover(); v != nil {
			body, err = nil, panicked(v)
		}
	}()
	if !p.Ready() {
		c.Unchecked = true
		return nil, apierr.New(apierr.ServiceUnavailable, unavailable)
	}
	if r.Err != nil {
		return nil, r.Err
	}
	if err := p.Trail.Err(); err != nil {
		return nil, apierr.Internal(err)
	}
	if c.Operation == nil {
		return nil, apierr.New(apierr.UnknownOperation, "")
	}
	if _, _, err := p.verify(ctx, &c.Common, r, &p.cloudTrailScopes); err != nil {
		return nil, err
	}
	in := c.Operation.New()
	if err := in.Decode(r.Body); err != nil {
		return nil, err
	}
	c.SetParameters(in.AppendAudit(nil))
	if err := in.Check(); err != nil {
		return nil, err
	}
	env := c.Environment()
	if err := authz.Identity(&c.Caller, &env, c.Action(), "", "", nil); err != nil {
		return nil, err
	}
	return in.Run(ctx, c, dst)
}
