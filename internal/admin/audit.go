package admin

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"time"

	"trent/internal/audit"
)

// AuditQuery asks for audit records. Members that are empty ask for nothing.
type AuditQuery struct {
	Key       string    `json:"key,omitempty"`       // what the call was about or named: ARN, key id, alias, or IAM's names
	Principal string    `json:"principal,omitempty"` // ARN, unique id, user name or access key id
	Operation string    `json:"operation,omitempty"`
	Source    string    `json:"source,omitempty"` // as kms.amazonaws.com
	Result    string    `json:"result,omitempty"` // error code, or Success
	Request   string    `json:"request,omitempty"`
	Event     string    `json:"event,omitempty"`
	Account   string    `json:"account,omitempty"`
	Region    string    `json:"region,omitempty"`
	Context   []string  `json:"context,omitempty"` // pairs of the encryption context, key=value
	Since     time.Time `json:"since,omitzero"`
	Until     time.Time `json:"until,omitzero"`
	Newest    bool      `json:"newest,omitempty"` // first
	After     string    `json:"after,omitempty"`  // AuditPage.Next
	Limit     int       `json:"limit,omitempty"`  // 1 to MaxPage; 0 is MaxPage
}

// AuditPage is a page of audit records, in CloudTrail's shape.
type AuditPage struct {
	Records []RawRecord `json:"records"`
	Next    string      `json:"next,omitempty"`
	Damaged []string    `json:"damaged,omitempty"` // of the trail, as far as this page looked: what cannot be read
}

// RawRecord is an audit record's JSON as it stands in the trail.
type RawRecord = json.RawMessage

// CheckpointQuery asks for a checkpoint.
type CheckpointQuery struct {
	Old uint64 `json:"old,omitempty"` // size of an earlier one, which it is to be shown to continue; 0: none
}

// SignedCheckpoint is a checkpoint of the audit trail's transparency log.
type SignedCheckpoint struct {
	Size        uint64   `json:"size"`       // records that it covers, from the first on
	Checkpoint  string   `json:"checkpoint"` // the signed note, C2SP tlog-checkpoint
	Keys        []string `json:"keys"`       // verifier keys of the log
	Consistency []string `json:"consistency,omitempty"`
}

// SegmentQuery is the body of POST /v1/audit/segment: the name of an encrypted
// segment in the clear, with slashes. The answer is its bytes in the clear.
type SegmentQuery struct {
	Name string `json:"name"`
}

// openSegment answers it.
func (s *Server) openSegment(w http.ResponseWriter, r *http.Request) {
	by, _ := r.Context().Value(peerKey{}).(Operator)
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(answerTimeout))
	var q SegmentQuery
	err := decode(r.Body, &q)
	var b []byte
	if err == nil {
		b, err = s.node.OpenSegment(r.Context(), by, q)
	}
	if err != nil {
		s.refuse(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/octet-stream")
	_, _ = w.Write(b) // who asked may have gone
}

// Opener opens encrypted segments of the trail by the server. What it says is not
// believed: digests have the records' hashes.
func (c *Client) Opener(ctx context.Context) *Opener { return &Opener{ctx, c} }

// Opener is audit.Opener's.
type Opener struct {
	ctx    context.Context
	client *Client
}

// maxSegmentBytes bounds what is read of a segment.
const maxSegmentBytes = 1 << 30

// Open returns a segment in the clear. All its errors mean that the segment stays
// closed, and wrap audit.ErrNotNow.
func (o *Opener) Open(name string, _ []byte) ([]byte, error) {
	body, err := o.client.stream(o.ctx, "audit/segment", SegmentQuery{Name: name})
	if err != nil {
		return nil, fmt.Errorf("%w: %w", audit.ErrNotNow, err)
	}
	defer body.Close()
	b, err := io.ReadAll(io.LimitReader(body, maxSegmentBytes))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", audit.ErrNotNow, err)
	}
	return b, nil
}
