package twin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"trent/internal/edge"
)

// prefix of the paths that are the twin's.
const prefix = "/_trent/"

// A handler answers one request; body is what POST brought. The answer is JSON.
type handler func(t *Twin, ctx context.Context, body []byte) (any, error)

// routes has every path below prefix and its methods.
var routes = map[string]map[string]handler{
	"clock": {http.MethodGet: (*Twin).getClock, http.MethodPost: (*Twin).postClock},
	"faults": {
		http.MethodGet: (*Twin).getFaults, http.MethodPost: (*Twin).postFaults, http.MethodDelete: (*Twin).deleteFaults,
	},
	"reset": {http.MethodPost: (*Twin).postReset},
}

// A refusal is an answer that is not 200.
type refusal struct {
	status int
	Reason string `json:"error"`
	Due    []due  `json:"due,omitempty"` // of a clock that has moved, with work left
}

func (r *refusal) Error() string { return r.Reason }

func refuse(status int, reason string) *refusal { return &refusal{status: status, Reason: reason} }

// aside is the twin's edge.Aside.
func (t *Twin) aside(ctx context.Context, r *edge.AsideRequest) (edge.AsideAnswer, bool) {
	name, ours := strings.CutPrefix(r.Path, prefix)
	if !ours {
		return edge.AsideAnswer{}, false
	}
	status := http.StatusOK
	answer, err := t.answer(ctx, name, r)
	if err != nil {
		refused, ok := errors.AsType[*refusal](err)
		if !ok {
			t.Node.Log.Error("request failed", "path", r.Path, "error", err)
			refused = refuse(http.StatusInternalServerError, err.Error())
		}
		status, answer = refused.status, refused
	}
	body, encodeErr := json.Marshal(answer)
	if encodeErr != nil { // none of the answers' types can fail
		status, body = http.StatusInternalServerError, nil
	}
	return edge.AsideAnswer{Status: status, ContentType: "application/json", Body: append(body, '\n')}, true
}

func (t *Twin) answer(ctx context.Context, name string, r *edge.AsideRequest) (any, error) {
	if err := fence(r); err != nil {
		return nil, err
	}
	methods, ok := routes[name]
	if !ok {
		return nil, refuse(http.StatusNotFound, "no such path; docs/dev.md has those below /_trent/")
	}
	handle, ok := methods[r.Method]
	if !ok {
		return nil, refuse(http.StatusMethodNotAllowed, "this path does not take "+r.Method)
	}
	t.control.Lock()
	defer t.control.Unlock()
	return handle(t, ctx, r.Body)
}

// bad is the error of a request that asks for what cannot be.
func bad(reason string) error { return refuse(http.StatusBadRequest, reason) }

// fence admits programs on this machine and nobody else: no browser, whatever
// page it shows and whatever name leads here, and no other machine, with
// --allow-remote either. What is below /_trent/ asks for no credentials.
func fence(r *edge.AsideRequest) error {
	switch media, _, _ := strings.Cut(r.First("Content-Type"), ";"); {
	case !r.Remote.IsLoopback():
		return refuse(http.StatusForbidden, "/_trent/ serves programs on this machine only")
	case !edge.IsLocal(r.Host):
		return refuse(http.StatusForbidden, "/_trent/ is served at a loopback address or localhost only")
	case len(r.Header["Origin"]) > 0:
		return refuse(http.StatusForbidden, "/_trent/ does not serve browsers: there must be no Origin header")
	case r.Method == http.MethodPost && strings.TrimSpace(media) != "application/json":
		return refuse(http.StatusUnsupportedMediaType, "the Content-Type must be application/json")
	}
	return nil
}

// members are the names in the bodies of all paths.
var members = map[string]bool{
	"advance": true, "set": true, "seed": true, "rules": true, "operation": true, "keyId": true, "fault": true, "rate": true, "count": true, "latencyMs": true,
}

// decode reads a request's body, one object, strictly.
func decode(body []byte, v any) error {
	d := json.NewDecoder(bytes.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		return bad("the body is not what this path takes: " + err.Error())
	}
	if _, err := d.Token(); err != io.EOF || !bytes.HasPrefix(bytes.TrimSpace(body), []byte{'{'}) {
		return bad("the body is not one object")
	}
	return checkNames(json.NewDecoder(bytes.NewReader(body)))
}

// checkNames refuses what encoding/json takes in the next value, which it could
// decode: names of another case, and names that come twice.
func checkNames(d *json.Decoder) error {
	token, err := d.Token()
	if err != nil {
		return err
	}
	open, _ := token.(json.Delim)
	if open == 0 {
		return nil
	}
	given := map[string]bool{}
	for d.More() {
		if open == '{' {
			token, err := d.Token()
			if err != nil {
				return err
			}
			name, _ := token.(string)
			switch {
			case !members[name]:
				return bad(fmt.Sprintf("no path takes %q; case counts", name))
			case given[name]:
				return bad(fmt.Sprintf("%q comes twice", name))
			}
			given[name] = true
		}
		if err := checkNames(d); err != nil {
			return err
		}
	}
	_, err = d.Token() // the end of it
	return err
}

// postReset is POST /_trent/reset; its body is {}, or empty.
func (t *Twin) postReset(ctx context.Context, body []byte) (any, error) {
	if len(bytes.TrimSpace(body)) > 0 {
		if err := decode(body, new(struct{})); err != nil {
			return nil, err
		}
	}
	if err := t.reset(ctx); errors.Is(err, errForeignModule) {
		return nil, refuse(http.StatusConflict, err.Error())
	} else if err != nil {
		return nil, err
	}
	return struct{}{}, nil
}
