package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"trent/internal/explain"
)

// EvidenceQuery is the body of POST /v1/report/keys: which keys an evidence report
// is about. Empty members stand for all.
type EvidenceQuery struct {
	From    time.Time `json:"from"` // of the report's period, for the audit trail
	To      time.Time `json:"to"`
	Region  string    `json:"region,omitempty"`
	Account string    `json:"account,omitempty"`
	Key     string    `json:"key,omitempty"` // key id, key ARN, alias name or alias ARN
}

// EvidenceKey is a line of its answer: a key, and who can use or administer it.
// The answer ends with a line that has no key, and Complete.
type EvidenceKey struct {
	KeyDetail
	Holders  []explain.Holder `json:"holders"`
	Looked   int              `json:"looked"`   // principals that were looked at
	Unlisted int              `json:"unlisted"` // grants that give access in yet other ways
	Complete bool             `json:"complete,omitempty"`
}

// EvidenceReport is the body of POST /v1/report/made: a report that was made.
type EvidenceReport struct {
	EvidenceQuery
	JSON   string `json:"jsonSha256"` // hex
	HTML   string `json:"htmlSha256"`
	Sound  bool   `json:"trailSound"`
	Proven bool   `json:"periodComplete"`
}

// Recorded is its answer.
type Recorded struct {
	EventID string `json:"eventId"`
}

// evidenceKeys answers POST /v1/report/keys, a line for each key.
func (s *Server) evidenceKeys(w http.ResponseWriter, r *http.Request) {
	by, _ := r.Context().Value(peerKey{}).(Operator)
	out := &stream{w: w, control: http.NewResponseController(w)}
	var q EvidenceQuery
	err := decode(r.Body, &q)
	if err == nil {
		line := json.NewEncoder(out)
		if err = s.node.EvidenceKeys(r.Context(), by, q, func(k EvidenceKey) error { return line.Encode(k) }); err == nil {
			err = line.Encode(EvidenceKey{Complete: true})
		}
	}
	switch {
	case err == nil:
	case !out.begun:
		_ = out.control.SetWriteDeadline(time.Now().Add(answerTimeout))
		s.refuse(w, r, err)
	default:
		s.log.Error("admin socket: an evidence report was cut off", "user", by.UID, "error", err)
		panic(http.ErrAbortHandler) // closes the connection
	}
}

// EvidenceKeys asks for the keys of an evidence report, one after another.
func (c *Client) EvidenceKeys(ctx context.Context, q EvidenceQuery, each func(*EvidenceKey) error) error {
	body, err := c.stream(ctx, "report/keys", q)
	if err != nil {
		return err
	}
	defer body.Close()
	lines := json.NewDecoder(body)
	for {
		var k EvidenceKey
		switch err := lines.Decode(&k); {
		case err == io.EOF || err == io.ErrUnexpectedEOF:
			return fmt.Errorf("the server cut its answer off, and its log says why: %w", io.ErrUnexpectedEOF)
		case err != nil:
			return c.explain(ctx, err)
		case k.Complete:
			return nil
		}
		if err := each(&k); err != nil {
			return err
		}
	}
}

// EvidenceMade tells the service of a report that was made, for the audit trail.
func (c *Client) EvidenceMade(ctx context.Context, in EvidenceReport) (Recorded, error) {
	return post[Recorded](ctx, c, "report/made", in)
}
