// Package front owns the request pipeline: the order in which a request is
// checked, which clients can see and docs/request-path.md shows. Every
// operation goes through it the same way:
//
//	signature → decode, validate → resolve → rate → authorize → key check → operation → audit → encode
//
// It must never know HTTP (internal/wire has the statuses, internal/edge the
// server) nor what an operation does. Only wiring and internal/edge import it.
package front

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"time"

	"trent/internal/api"
	"trent/internal/apierr"
	"trent/internal/audit"
	"trent/internal/authz"
	"trent/internal/awsjson"
	"trent/internal/call"
	"trent/internal/domains"
	"trent/internal/grantdir"
	"trent/internal/identity"
	"trent/internal/keydir"
	"trent/internal/keyuse"
	"trent/internal/notyet"
	"trent/internal/optable"
	"trent/internal/sigv4"
	"trent/internal/throttle"
	"trent/internal/wire"
)

// maxAttempts bounds how often a mutation is tried whose key changes between
// its authorization and its commit. This process's own mutations of a key wait
// for each other (see locks), so a second attempt is rare.
const maxAttempts = 8

// Config is what a pipeline is made of.
type Config struct {
	Partition string
	Ready     func() bool // the crypto module answers and is unsealed
	// ApprovedOnly refuses what FIPS 140-3 does not approve, as the crypto module
	// then does.
	ApprovedOnly bool
	Identity     *identity.Directory
	Domains      *domains.Manager
	Keys         *keydir.Dir
	Grants       *grantdir.Dir
	Authorizer   *authz.Authorizer
	Uses         *keyuse.Uses
	// Endpoints are the listeners that stand for VPC endpoints, by their ids.
	Endpoints  map[string]*authz.Endpoint
	Operations api.Operations[*call.Call]
	// Queries are the services of the Query protocol. A refusal of another
	// service names the first.
	Queries    []*call.QueryAPI
	CloudTrail *call.JSONAPI
	// Requests are the request quotas; nil: there are none.
	Requests *throttle.Limiter
	Trail    *audit.Trail
	// Fault is nil but under trent dev, where a test can ask for faults. It is
	// called when a request's operation would run, and its error takes the
	// operation's place.
	Fault func(ctx context.Context, c *call.Call) error
	Now   func() time.Time
	Log   *slog.Logger
	// Observer, if not nil, is told of every request.
	Observer Observer
}

// Pipeline serves requests.
type Pipeline struct {
	Config
	ids        audit.IDs
	keyTurns   locks
	aliasTurns locks
	// accountTurns are those of changes of an account's users, groups, roles….
	accountTurns locks
	strangers    *sampler // signatures that are not valid
	unchecked    *sampler // signatures that nobody could check
	refusals     *refusals
	gap          *gap
	kmsScopes    sigv4.Options
	queryScopes  sigv4.Options
	// cloudTrailScopes are those of its requests, which can be about the history of
	// the global Region.
	cloudTrailScopes sigv4.Options
	epoch            time.Time // durations are differences of times since then
}

// New returns a pipeline.
func New(c Config) *Pipeline {
	global := func(_, region string) bool { return region == globalRegion || c.Domains.Offers(region) }
	p := &Pipeline{
		Config: c, strangers: newSampler(c.Now, withoutSignature), unchecked: newSampler(c.Now, withoutAuthorizer), epoch: time.Now(),
		kmsScopes:        sigv4.Options{Services: []string{kms}, Region: func(_, region string) bool { return c.Domains.Offers(region) }},
		queryScopes:      sigv4.Options{Region: global},
		cloudTrailScopes: sigv4.Options{Services: []string{c.CloudTrail.Service}, Region: global},
	}
	p.refusals, p.gap = newRefusals(p.writeTogether), newGap(p.writeTogether)
	for _, api := range c.Queries {
		p.queryScopes.Services = append(p.queryScopes.Services, api.Service)
	}
	return p
}

// Answer is what goes back. Body aliases the buffer that Serve was given.
type Answer struct {
	Status    int
	RequestID string
	Body      []byte
	// ContentType of the body.
	ContentType string
	// Close ends the connection: the request's body was not read to its end.
	Close bool
}

// calls keeps the calls that are over. One is not used beyond Serve.
var calls = sync.Pool{New: func() any { return new(call.Call) }}

// Serve answers one request, appending the body to dst. The answer may leave
// as soon as Serve returns: its audit record is as durable as the mode asks.
func (p *Pipeline) Serve(ctx context.Context, r *wire.Request, dst []byte) Answer {
	switch {
	case r.Query:
		return p.serveQuery(ctx, r, dst)
	case r.CloudTrail != "":
		return p.serveJSON(ctx, r, dst)
	}
	c := calls.Get().(*call.Call)
	defer calls.Put(c)
	if p.Observer == nil {
		answer, _, _ := p.serve(ctx, c, r, dst)
		return answer
	}
	began := time.Since(p.epoch)
	p.Observer.Began()
	answer, code, recorded := p.serve(ctx, c, r, dst)
	o := outcome(&c.Common, r, &answer, code, recorded, time.Since(p.epoch)-began)
	o.Op = c.Op
	if k := c.Key(); k != nil {
		o.KeyARN = k.ARN
	} else if c.Created != nil {
		o.KeyARN = c.Created.ARN
	}
	p.Observer.Ended(o)
	return answer
}

// serve answers one request. code is "" on success; recorded is false if the
// audit trail has no record of the request.
func (p *Pipeline) serve(ctx context.Context, c *call.Call, r *wire.Request, dst []byte) (a Answer, code apierr.Code, recorded bool) {
	c.Reset()
	p.begin(&c.Common, r)
	c.Op, c.Row, c.KeyID = r.Op, optable.Of(r.Op), r.KeyID
	out, err := p.run(ctx, c, r)
	if c.Request != nil {
		c.Request.Wipe()
	}
	if err == nil && out != nil {
		dst = out.AppendJSON(dst)
		out.Wipe()
	}
	recorded, auditErr := p.record(ctx, c, err)
	if auditErr != nil {
		clear(dst)
		dst, err = dst[:0], auditErr
	} else {
		p.noteUse(c, err)
	}
	if err == nil {
		return Answer{Status: 200, RequestID: c.RequestID, Body: dst, ContentType: wire.ContentType}, "", recorded
	}
	e := apierr.From(err)
	status := wire.Status(e.Code)
	p.log(ctx, c.Op.String(), c.RequestID, e, status)
	return Answer{Status: status, RequestID: c.RequestID, Body: wire.AppendError(dst[:0], e), ContentType: wire.ContentType, Close: r.Err != nil}, e.Code, recorded
}

// begin fills in what is known of a request before anything is looked at.
func (p *Pipeline) begin(c *call.Common, r *wire.Request) {
	c.RequestID, c.EventID, c.Time = p.ids.New(), p.ids.New(), r.Received
	c.Partition, c.Listener, c.SourceIP, c.UserAgent, c.TLS = p.Partition, r.Listener, r.Remote.String(), r.First("User-Agent"), r.TLS
	c.Endpoint = p.Endpoints[r.Listener]
}

// run takes a request from its signature to its operation. A panic is the
// answer of this request only: it is recorded like every failure.
func (p *Pipeline) run(ctx context.Context, c *call.Call, r *wire.Request) (out api.Response, err error) {
	defer func() {
		if v := recover(); v != nil {
			out, err = nil, panicked(v)
		}
	}()
	if !p.Ready() {
		c.Unchecked = true
		return nil, apierr.New(apierr.ServiceUnavailable, unavailable)
	}
	if err := p.Trail.Err(); err != nil { // before anything has an effect
		return nil, apierr.Internal(err)
	}
	if r.Err != nil {
		return nil, r.Err
	}
	if err := p.authenticate(ctx, c, r); err != nil {
		return nil, err
	}
	in, err := api.Decode(r.Op, r.Body)
	if err != nil {
		return nil, decodeError(err)
	}
	c.SetRequest(in)
	if err := in.Validate(); err != nil {
		return nil, validationError(err)
	}
	if err := api.Check(in); err != nil {
		return nil, validationError(err)
	}
	if err := notyet.Check(in); err != nil {
		return nil, err
	}
	if err := p.chargeCall(c, in); err != nil {
		return nil, err
	}
	c.DryRun = isDryRun(in)
	for i := range maxAttempts {
		out, err := p.attempt(ctx, c, in, i == 0)
		if !errors.Is(err, call.ErrConflict) {
			return out, err
		}
	}
	return nil, &apierr.Error{Code: apierr.DependencyTimeout, Message: "The system timed out while trying to fulfill the request. You can retry the request.", Err: call.ErrConflict}
}

// attempt resolves, authorizes and checks the keys, and runs the operation.
func (p *Pipeline) attempt(ctx context.Context, c *call.Call, in api.Request, first bool) (api.Response, error) {
	if err := p.admit(ctx, c, in); err != nil {
		return nil, err
	}
	if p.Fault != nil && first {
		if err := p.Fault(ctx, c); err != nil {
			return nil, err
		}
	}
	if k := c.Key(); k != nil && c.Row.Mutates {
		if c.Alias != "" { // before the key, always: nobody waits in a circle
			defer p.aliasTurns.lock(c.Alias)()
		}
		defer p.keyTurns.lock(k.ARN)()
		if err := p.admit(ctx, c, in); err != nil { // the key as it is now
			return nil, err
		}
	}
	return api.Dispatch(ctx, p.Operations, c, in)
}

func decodeError(err error) error {
	if e, ok := errors.AsType[*awsjson.Error](err); ok {
		return &apierr.Error{Code: apierr.Serialization, Err: e}
	}
	return err
}

func validationError(err error) error {
	if e, ok := errors.AsType[*api.ValidationError](err); ok {
		return apierr.New(apierr.Validation, "%s", e.Message())
	}
	return err
}

// panicked is the error of a panic: its type and place. Its value and the
// arguments on the stack may be secret.
func panicked(v any) error {
	var pcs [16]uintptr
	frames := runtime.CallersFrames(pcs[:runtime.Callers(3, pcs[:])])
	var places []string
	for more := true; more; {
		var f runtime.Frame
		f, more = frames.Next()
		places = append(places, f.Function+":"+strconv.Itoa(f.Line))
	}
	return fmt.Errorf("panic (%T) at %s", v, strings.Join(places, " < "))
}

// log writes the one line of a failed request's cause; clients' faults are
// the audit trail's business.
func (p *Pipeline) log(ctx context.Context, op, requestID string, e *apierr.Error, status int) {
	if status < 500 && e.Err == nil {
		return
	}
	level := slog.LevelDebug
	switch {
	case errors.Is(e.Err, context.Canceled), e.Code == apierr.ServiceUnavailable, // the client went away; the module's state is logged where it changes,
		errors.Is(e.Err, audit.ErrFailed), errors.Is(e.Err, audit.ErrStalled): // as is the trail's
	case status >= 500:
		level = slog.LevelError
	}
	p.Log.LogAttrs(ctx, level, "request failed", slog.String("op", op), slog.String("code", string(e.Code)),
		slog.String("request_id", requestID), slog.Any("cause", e.Err))
}
