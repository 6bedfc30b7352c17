package admin

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
)

// An Operation is a path of the interface, and what the audit trail has of it.
type Operation struct {
	Pattern string // as net/http has patterns
	// Event is the eventName of its records; empty: it has none, and shows nothing of
	// anybody's.
	Event string
	// Own: the Node records a success itself, as a change does in its transaction.
	// Refusals and failures the Server has recorded, as of every operation.
	Own     bool
	Mutates bool
}

// Operations are all paths of the interface. One that is not here cannot be
// served.
var Operations = [...]Operation{
	{Pattern: "GET /v1/status"},
	{Pattern: "GET /v1/hsm"},
	{Pattern: "GET /v1/accounts", Event: "ListAccounts"},
	{Pattern: "GET /v1/accounts/{id}", Event: "GetAccount"},
	{Pattern: "POST /v1/accounts", Event: "CreateAccount", Own: true, Mutates: true},
	{Pattern: "POST /v1/accounts/{id}/disable", Event: "DisableAccount", Own: true, Mutates: true},
	{Pattern: "POST /v1/accounts/{id}/enable", Event: "EnableAccount", Own: true, Mutates: true},
	{Pattern: "POST /v1/accounts/{id}/root-keys", Event: "CreateAccessKey", Own: true, Mutates: true},
	{Pattern: "POST /v1/accounts/{id}/root-keys/{key}/deactivate", Event: "UpdateAccessKey", Own: true, Mutates: true},
	{Pattern: "GET /v1/keys", Event: "ListKeys"},
	{Pattern: "GET /v1/keys/{id...}", Event: "GetKey"},
	{Pattern: "POST /v1/key/delete", Event: "ScheduleKeyDeletion", Own: true, Mutates: true},
	{Pattern: "POST /v1/key/brownout", Event: "BrownOutKey", Own: true, Mutates: true},
	{Pattern: "POST /v1/policy/explain", Event: "ExplainAccess"},
	{Pattern: "GET /v1/policy/who", Event: "ListAccess"},
	{Pattern: "POST /v1/audit/query", Event: "QueryAuditRecords"},
	{Pattern: "POST /v1/audit/checkpoint", Event: "GetCheckpoint"},
	{Pattern: "POST /v1/hsm/restart", Event: "RestartModule", Own: true, Mutates: true},
	{Pattern: "POST /v1/backup", Event: "CreateBackup", Own: true},
	{Pattern: "GET /v1/top", Event: "WatchTop", Own: true},
	{Pattern: "GET /v1/quota", Event: "ListRequestQuotas"},
	{Pattern: "POST /v1/audit/segment", Event: "OpenAuditSegment", Own: true},
	{Pattern: "POST /v1/report/keys", Event: "StartEvidenceReport", Own: true},
	{Pattern: "POST /v1/report/made", Event: "ReportEvidence", Own: true},
	{Pattern: "GET /debug/pprof/", Event: "GetProfile"},
	{Pattern: "GET /debug/pprof/profile", Event: "GetProfile"},
	{Pattern: "GET /debug/pprof/trace", Event: "GetProfile"},
	{Pattern: "/", Event: "UnknownOperation"},
}

// An Act is what an operator has asked for, for the audit trail.
type Act struct {
	Operation  *Operation
	By         Operator
	Account    string // that it is about; empty: the service, or several
	Parameters []byte // JSON; nil: none
	Outcome    *Error // nil: it was done
}

// actKey is where a request's context has its Act.
type actKey struct{}

// act returns a request's.
func act(r *http.Request) *Act {
	a, _ := r.Context().Value(actKey{}).(*Act)
	return a
}

// handle serves a path, which must be one of the Operations.
func (s *Server) handle(mux *http.ServeMux, pattern string, h http.Handler) {
	op := operation(pattern)
	mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
		by, _ := r.Context().Value(peerKey{}).(Operator)
		a := &Act{Operation: op, By: by, Parameters: given(r)}
		for _, id := range [...]string{r.URL.Query().Get("account"), r.PathValue("id")} {
			if isAccount(id) {
				a.Account = id
			}
		}
		h.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), actKey{}, a)))
	})
}

// isAccount reports whether a text can be an account's id.
func isAccount(s string) bool { return len(s) == 12 && strings.Trim(s, "0123456789") == "" }

// operation finds a path's row. There is none only of a path that was added
// without one, and then no server starts.
func operation(pattern string) *Operation {
	for i := range Operations {
		if Operations[i].Pattern == pattern {
			return &Operations[i]
		}
	}
	panic("admin: no operation " + pattern)
}

// maxGiven bounds what a record shows of a path.
const maxGiven = 1 << 10

// given is what a request's line asks for, as the audit record shows it.
func given(r *http.Request) []byte {
	all := map[string]string{}
	for name, values := range r.URL.Query() {
		all[name] = strings.Join(values, ",")
	}
	for _, name := range [...]string{"id", "key"} {
		if v := r.PathValue(name); v != "" {
			all[name] = v
		}
	}
	if strings.HasSuffix(r.Pattern, "/") { // whatever is below it
		all["path"] = r.URL.Path[:min(len(r.URL.Path), maxGiven)]
	}
	if len(all) == 0 {
		return nil
	}
	b, _ := json.Marshal(all) // strings
	return b
}

// Given is what an operator's request asks for, as its audit record shows it.
func Given(in any) []byte {
	b, _ := json.Marshal(in) // it was JSON
	return b
}

// done records what was asked for, if nobody else has, before the operator gets his
// answer. The error takes the answer's place.
func (s *Server) done(r *http.Request) error {
	a := act(r)
	if a == nil || a.Operation.Event == "" || a.Operation.Own {
		return nil
	}
	if err := s.node.Record(r.Context(), *a); err != nil {
		return Errorf(Unavailable, "it cannot be recorded, so it is not answered: %v", err)
	}
	return nil
}

// refused records a refusal or a failure.
func (s *Server) refused(r *http.Request, e *Error) {
	a := act(r)
	if a == nil || a.Operation.Event == "" {
		return
	}
	refused := *a
	refused.Outcome = e
	if err := s.node.Record(r.Context(), refused); err != nil {
		s.log.Error("admin socket: a refusal has no audit record", "operation", a.Operation.Event, "user", a.By.UID, "error", err)
	}
}
