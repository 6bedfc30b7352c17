package admin

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"net/url"
	"os/user"
	"strconv"
	"time"

	"trent/internal/explain"
)

// Limits of a request.
const (
	maxHeaderBytes = 16 << 10
	maxBodyBytes   = 64 << 10
	readTimeout    = 10 * time.Second  // of a request with its body
	answerTimeout  = 60 * time.Second  // until an answer is written
	idleTimeout    = 120 * time.Second // between two requests of a connection
)

// listenerID stands in the audit records of what comes in here.
const listenerID = "admin"

// Server answers operators.
type Server struct {
	node Node
	log  *slog.Logger
	http *http.Server
}

// NewServer makes a server for a node.
func NewServer(node Node, log *slog.Logger) *Server {
	s := &Server{node: node, log: log}
	s.http = &http.Server{
		Handler: s.routes(), ReadTimeout: readTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog: slog.NewLogLogger(log.Handler(), slog.LevelWarn),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, peerKey{}, operator(c))
		},
	}
	return s
}

// peerKey is where a request's context has the Operator of its connection:
// net/http offers no other place.
type peerKey struct{}

// operator names the user at the other end.
func operator(c net.Conn) Operator {
	p, ok := c.(*peerConn)
	if !ok {
		panic("admin: served on a listener that admits anybody") // Serve takes no other
	}
	by := Operator{UID: p.uid, Listener: listenerID}
	if u, err := user.LookupId(strconv.FormatUint(uint64(p.uid), 10)); err == nil {
		by.Name = u.Username
	}
	return by
}

// Serve answers on a listener until Close, and closes it.
func (s *Server) Serve(l *Socket) error {
	if err := s.http.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

// Close stops listening and lets running requests end until ctx does; then it
// cuts them off, which is no error: a profile or a backup takes as long as its
// reader says.
func (s *Server) Close(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err == nil || ctx.Err() == nil {
		return err
	}
	s.log.Warn("admin socket: requests were cut off")
	return s.http.Close()
}

// request is what a handler gets of a request.
type request struct {
	ctx   context.Context
	by    Operator
	query url.Values
	r     *http.Request
}

func (r *request) path(name string) string { return r.r.PathValue(name) }

// routes lists every path. A path that is none of these has Go's 404.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	s.handle(mux, "GET /v1/status", answer(s, func(r *request) (Status, error) { return s.node.Status(r.ctx) }))
	s.accountRoutes(mux)
	s.keyRoutes(mux)
	s.keyChanges(mux)
	s.policyRoutes(mux)
	s.handle(mux, "POST /v1/audit/query", answerTo(s, func(r *request, in AuditQuery) (AuditPage, error) { return s.node.AuditRecords(r.ctx, in) }))
	s.handle(mux, "POST /v1/audit/checkpoint", answerTo(s, func(r *request, in CheckpointQuery) (SignedCheckpoint, error) {
		return s.node.Checkpoint(r.ctx, in)
	}))
	s.handle(mux, "GET /v1/hsm", answer(s, func(r *request) (Module, error) { return s.node.Module(r.ctx) }))
	s.handle(mux, "POST /v1/hsm/restart", answer(s, func(r *request) (Module, error) { return s.node.RestartModule(r.ctx, r.by) }))
	s.handle(mux, "POST /v1/backup", http.HandlerFunc(s.backup))
	s.handle(mux, "GET /v1/top", answer(s, s.top))
	s.handle(mux, "GET /v1/quota", answer(s, s.quotas))
	s.handle(mux, "POST /v1/audit/segment", http.HandlerFunc(s.openSegment))
	s.handle(mux, "POST /v1/report/keys", http.HandlerFunc(s.evidenceKeys))
	s.handle(mux, "POST /v1/report/made", answerTo(s, func(r *request, in EvidenceReport) (Recorded, error) {
		return s.node.EvidenceMade(r.ctx, r.by, in)
	}))
	s.handle(mux, "/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.refuse(w, r, Errorf(NotFound, "no such path or method: %s %s", r.Method, r.URL.Path))
	}))
	// Profiles take as long as their reader says.
	s.handle(mux, "GET /debug/pprof/", s.profile(pprof.Index))
	s.handle(mux, "GET /debug/pprof/profile", s.profile(pprof.Profile))
	s.handle(mux, "GET /debug/pprof/trace", s.profile(pprof.Trace))
	return mux
}

// profile answers a profile of the program, which has no secret but is recorded
// first.
func (s *Server) profile(h http.HandlerFunc) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := s.done(r); err != nil {
			s.refuse(w, r, err)
			return
		}
		h(w, r)
	})
}

func (s *Server) accountRoutes(mux *http.ServeMux) {
	s.handle(mux, "GET /v1/accounts", answer(s, func(r *request) (AccountPage, error) {
		limit, err := pageLimit(r.query)
		if err != nil {
			return AccountPage{}, err
		}
		return s.node.Accounts(r.ctx, AccountQuery{After: r.query.Get("after"), Limit: limit})
	}))
	s.handle(mux, "POST /v1/accounts", answerTo(s, func(r *request, in CreateAccount) (Account, error) {
		return s.node.CreateAccount(r.ctx, r.by, in)
	}))
	s.handle(mux, "GET /v1/accounts/{id}", answer(s, func(r *request) (AccountDetail, error) {
		return s.node.Account(r.ctx, r.path("id"))
	}))
	for verb, disabled := range map[string]bool{"disable": true, "enable": false} {
		s.handle(mux, "POST /v1/accounts/{id}/"+verb, answer(s, func(r *request) (Account, error) {
			return s.node.SetAccountDisabled(r.ctx, r.by, r.path("id"), disabled)
		}))
	}
	s.handle(mux, "POST /v1/accounts/{id}/root-keys", answerTo(s, func(r *request, in CreateRootKey) (NewRootKey, error) {
		return s.node.NewRootKey(r.ctx, r.by, r.path("id"), in)
	}))
	s.handle(mux, "POST /v1/accounts/{id}/root-keys/{key}/deactivate", answer(s, func(r *request) (AccountDetail, error) {
		return s.node.DeactivateRootKey(r.ctx, r.by, r.path("id"), r.path("key"))
	}))
}

func (s *Server) keyRoutes(mux *http.ServeMux) {
	s.handle(mux, "GET /v1/keys", answer(s, func(r *request) (KeyPage, error) {
		limit, err := pageLimit(r.query)
		if err != nil {
			return KeyPage{}, err
		}
		return s.node.Keys(r.ctx, KeyQuery{
			Region: r.query.Get("region"), Account: r.query.Get("account"), State: r.query.Get("state"),
			After: r.query.Get("after"), Limit: limit,
		})
	}))
	s.handle(mux, "GET /v1/keys/{id...}", answer(s, func(r *request) (KeyDetail, error) {
		return s.node.Key(r.ctx, KeyName{ID: r.path("id"), Region: r.query.Get("region"), Account: r.query.Get("account")})
	}))
}

// keyChanges are the changes of keys that operators can make.
func (s *Server) keyChanges(mux *http.ServeMux) {
	s.handle(mux, "POST /v1/key/delete", answerTo(s, func(r *request, in DeleteKey) (Key, error) { return s.node.DeleteKey(r.ctx, r.by, in) }))
	s.handle(mux, "POST /v1/key/brownout", answerTo(s, func(r *request, in BrownOutKey) (KeyDetail, error) {
		return s.node.BrownOutKey(r.ctx, r.by, in)
	}))
}

func (s *Server) policyRoutes(mux *http.ServeMux) {
	s.handle(mux, "POST /v1/policy/explain", answerTo(s, func(r *request, in Question) (explain.Answer, error) {
		return s.node.Explain(r.ctx, in)
	}))
	s.handle(mux, "GET /v1/policy/who", answer(s, func(r *request) (explain.Page, error) {
		limit, err := pageLimit(r.query)
		if err != nil {
			return explain.Page{}, err
		}
		get := r.query.Get
		return s.node.Who(r.ctx, WhoQuery{
			KeyName: KeyName{ID: get("key"), Region: get("region"), Account: get("account")}, Action: get("action"), After: get("after"), Limit: limit,
		})
	}))
}

// pageLimit reads a page's limit.
func pageLimit(q url.Values) (int, error) {
	text := q.Get("limit")
	if text == "" {
		return MaxPage, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > MaxPage {
		return 0, Errorf(InvalidRequest, "limit %q: want 1 to %d", text, MaxPage)
	}
	return n, nil
}

// answer makes a handler of a function without a request body.
func answer[Out any](s *Server, f func(*request) (Out, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A time-out ends the answer, and does not cut a change short: that one is
		// done, and in the audit trail, or it is not.
		_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTimeout))
		by, _ := r.Context().Value(peerKey{}).(Operator)
		out, err := f(&request{ctx: r.Context(), by: by, query: r.URL.Query(), r: r})
		if err == nil {
			err = s.done(r)
		}
		if err != nil {
			s.refuse(w, r, err)
			return
		}
		if secret, ok := any(out).(interface{ Wipe() }); ok {
			defer secret.Wipe()
		}
		s.write(w, http.StatusOK, out)
	})
}

// answerTo makes a handler of a function with a request body, in which every
// member must be known.
func answerTo[In, Out any](s *Server, f func(*request, In) (Out, error)) http.Handler {
	return answer(s, func(r *request) (out Out, err error) {
		var in In
		if err := decode(r.r.Body, &in); err != nil {
			return out, err
		}
		if a := act(r.r); a != nil {
			a.Parameters, _ = json.Marshal(in) // it was JSON
		}
		return f(r, in)
	})
}

func decode(body io.Reader, in any) error {
	d := json.NewDecoder(http.MaxBytesReader(nil, io.NopCloser(body), maxBodyBytes))
	d.DisallowUnknownFields()
	if err := d.Decode(in); err != nil {
		return Errorf(InvalidRequest, "the body is not what this path takes: %v", err)
	}
	if _, err := d.Token(); err != io.EOF {
		return Errorf(InvalidRequest, "the body has more than one JSON value")
	}
	return nil
}

// refuse answers an error. What is not made for operators stays in the log.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	e, ok := errors.AsType[*Error](err)
	if !ok {
		s.log.Error("admin socket: request failed", "method", r.Method, "path", r.URL.Path, "error", err)
		e = Errorf(Internal, "the service failed; its log says why")
	}
	s.refused(r, e)
	s.write(w, e.status(), errorAnswer{e})
}

func (s *Server) write(w http.ResponseWriter, status int, out any) {
	b, err := json.Marshal(out)
	if err != nil {
		s.log.Error("admin socket: answer", "error", err)
		status, b = http.StatusInternalServerError, []byte(`{"error":{"code":"Internal","message":"the service failed; its log says why"}}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(b, '\n')) // who asked may have gone
	clear(b)                        // it may hold a secret that was made just now
}
