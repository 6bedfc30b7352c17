package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"
)

// stallTimeout is how long the reader of a backup may leave a part of it
// unread. While it is read, deleted keys are not yet erased from the store's
// files.
const stallTimeout = 30 * time.Second

// backup answers POST /v1/backup: the bytes of a backup. One that ends early
// has no end of its own, so its reader knows.
func (s *Server) backup(w http.ResponseWriter, r *http.Request) {
	by, _ := r.Context().Value(peerKey{}).(Operator)
	out := &stream{w: w, control: http.NewResponseController(w)}
	err := s.node.Backup(r.Context(), by, out)
	switch {
	case err == nil:
	case !out.begun:
		_ = out.control.SetWriteDeadline(time.Now().Add(answerTimeout))
		s.refuse(w, r, err)
	default:
		s.log.Error("admin socket: a backup was cut off", "user", by.UID, "error", err)
		panic(http.ErrAbortHandler) // closes the connection
	}
}

// stream is an answer that takes as long as its reader goes on reading.
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
	begun   bool
}

func (s *stream) Write(b []byte) (int, error) {
	if !s.begun {
		s.begun = true
		s.w.Header().Set("Content-Type", "application/octet-stream")
	}
	_ = s.control.SetWriteDeadline(time.Now().Add(stallTimeout))
	return s.w.Write(b)
}

// Backup asks for a backup, to be read to its end and closed.
func (c *Client) Backup(ctx context.Context) (io.ReadCloser, error) {
	return c.stream(ctx, "backup", nil)
}

// stream asks for an answer that is as long as it is, to be read and closed.
func (c *Client) stream(ctx context.Context, path string, in any) (io.ReadCloser, error) {
	var body []byte
	if in != nil {
		var err error
		if body, err = json.Marshal(in); err != nil {
			return nil, err
		}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://trent/v1/"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	answer, err := c.http.Do(r)
	if err != nil {
		return nil, c.explain(ctx, err)
	}
	if answer.StatusCode == http.StatusOK {
		return answer.Body, nil
	}
	defer answer.Body.Close()
	var refusal errorAnswer
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxAnswerBytes)).Decode(&refusal); err != nil || refusal.Error == nil {
		return nil, unreadable(answer.StatusCode)
	}
	return nil, refusal.Error
}
