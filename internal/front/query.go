package front

import (
	"context"
	"errors"
	"time"

	"trent/internal/apierr"
	"trent/internal/authz"
	"trent/internal/call"
	"trent/internal/query"
	"trent/internal/wire"
)

// serveQuery is Serve for a request of the Query protocol.
func (p *Pipeline) serveQuery(ctx context.Context, r *wire.Request, dst []byte) Answer {
	var c call.Query
	if p.Observer == nil {
		answer, _, _ := p.query(ctx, &c, r, dst)
		return answer
	}
	began := time.Since(p.epoch)
	p.Observer.Began()
	answer, code, recorded := p.query(ctx, &c, r, dst)
	o := outcome(&c.Common, r, &answer, code, recorded, time.Since(p.epoch)-began)
	o.Query = c.Action()
	p.Observer.Ended(o)
	return answer
}

// query answers one request, as serve does for those of KMS.
func (p *Pipeline) query(ctx context.Context, c *call.Query, r *wire.Request, dst []byte) (a Answer, code apierr.Code, recorded bool) {
	p.begin(&c.Common, r)
	out := query.NewXML(dst)
	err := p.runQuery(ctx, c, r, out)
	recorded, auditErr := p.record(ctx, c, err)
	if auditErr != nil {
		err = auditErr
	}
	a = Answer{Status: 200, RequestID: c.RequestID, ContentType: query.ContentType}
	if err == nil {
		a.Body = out.Bytes()
		return a, "", recorded
	}
	out.Cut(0)
	namespace := query.FaultNamespace
	if c.API != nil {
		namespace = c.API.Namespace
	}
	e := apierr.From(err)
	a.Status, a.Close = query.Status(e.Code), r.Err != nil
	a.Body = query.AppendError(out.Bytes(), namespace, e, c.RequestID)
	p.log(ctx, c.Action(), c.RequestID, e, a.Status)
	return a, e.Code, recorded
}

// runQuery takes a request from its signature to its operation.
func (p *Pipeline) runQuery(ctx context.Context, c *call.Query, r *wire.Request, out *query.XML) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panicked(v)
		}
	}()
	if !p.Ready() {
		c.Unchecked = true
		return apierr.New(apierr.ServiceUnavailable, unavailable)
	}
	if err := p.Trail.Err(); err != nil {
		return apierr.Internal(err)
	}
	if r.Err != nil {
		return r.Err
	}
	if err := p.authenticateQuery(ctx, c, r); err != nil {
		return err
	}
	params, err := query.Parse(r.Body)
	if err != nil {
		return err
	}
	action, version := params.Take("Action"), params.Take("Version")
	if version == "" {
		version = "NO_VERSION_SPECIFIED"
	}
	if action == "" {
		return apierr.New(apierr.MissingAction, "The request must name an action.")
	}
	op := c.API.Operations[action]
	if op == nil || version != c.API.Version {
		return apierr.New(apierr.UnknownOperation, "Could not find operation %s for version %s", query.Shown(action), query.Shown(version))
	}
	c.Operation = op
	in := op.New()
	d := query.NewDecoder(params)
	in.Decode(d)
	c.SetParameters(d.Audit())
	if err := d.Err(); err != nil {
		return err
	}
	if op.Mutates && !op.Alone {
		// An account's changes wait for each other: what counts its users is exact.
		defer p.accountTurns.lock(c.Caller.Account)()
	}
	for range maxAttempts {
		err := p.attemptQuery(ctx, c, in, out)
		if !errors.Is(err, call.ErrConflict) {
			return err
		}
		out.Cut(0)
	}
	return &apierr.Error{Code: apierr.ConcurrentModification, Message: "The request was rejected because multiple requests to change this object were submitted simultaneously. Wait a few minutes and submit your request again.", Err: call.ErrConflict}
}

// authorizeQuery decides, as far as the operation has not done so itself. Who
// makes something with tags needs the permission to tag it too.
func authorizeQuery(c *call.Query, s *call.Subject) error {
	env := c.Environment()
	switch {
	case c.Operation.Own:
		return nil
	case c.Operation.Open:
		return authz.Unbarred(&c.Caller, &env, c.Action(), s.Resource, s)
	}
	err := authz.Identity(&c.Caller, &env, c.Action(), s.Resource, s.Shown, s)
	if err == nil && s.Tagging != "" {
		err = authz.Identity(&c.Caller, &env, s.Tagging, s.Resource, "", &call.Subject{RequestTags: s.RequestTags})
	}
	return err
}

// attemptQuery authorizes a request and runs its operation.
func (p *Pipeline) attemptQuery(ctx context.Context, c *call.Query, in call.QueryRequest, out *query.XML) error {
	subject, err := in.Subject(ctx, c)
	if err != nil {
		return err
	}
	if err := authorizeQuery(c, &subject); err != nil {
		return err
	}
	name := c.Operation.Name
	out.Root(name+"Response", c.API.Namespace)
	if c.Operation.NoResult {
		err = in.Run(ctx, c, out)
	} else {
		out.Open(name + "Result")
		err = in.Run(ctx, c, out)
		out.Close(name + "Result")
	}
	out.Open("ResponseMetadata")
	out.Text("RequestId", c.RequestID)
	out.Close("ResponseMetadata")
	out.Close(name + "Response")
	return err
}
