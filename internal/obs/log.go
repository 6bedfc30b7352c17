package obs

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"trent/internal/front"
)

// Logged says which requests get a line.
type Logged string

// The choices, as the configuration and --log-requests spell them.
const (
	LogAll    Logged = "all"
	LogErrors Logged = "errors" // whose answer is an error
	LogNone   Logged = "none"
)

// ErrLogged: the text is none of the choices.
var ErrLogged = errors.New("want all, errors or none")

// UnmarshalText reads a choice; ErrLogged for any other text.
func (l *Logged) UnmarshalText(text []byte) error {
	switch got := Logged(text); got {
	case LogAll, LogErrors, LogNone:
		*l = got
		return nil
	}
	return ErrLogged
}

// RequestLog writes one line a request, at level info.
type RequestLog struct {
	to    slog.Handler
	which Logged
}

// NewRequestLog returns a log of requests; nil if none is to be logged. What
// log writes to should not block: see Lines.
func NewRequestLog(log *slog.Logger, which Logged) *RequestLog {
	to := log.Handler()
	if which != LogAll && which != LogErrors || !to.Enabled(context.Background(), slog.LevelInfo) {
		return nil
	}
	return &RequestLog{to, which}
}

// write writes a request's line. What stands in it is in the audit trail as
// well, but for the status, the duration and the bytes.
func (l *RequestLog) write(o front.Outcome) {
	if l.which == LogErrors && o.Code == "" {
		return
	}
	code := string(o.Code)
	if code == "" {
		code = codeOK
	}
	line := slog.NewRecord(time.Now(), slog.LevelInfo, "request", 0) // the Logger would look for its caller
	line.AddAttrs(
		slog.String("operation", operationName(&o)),
		slog.String("code", code),
		slog.Int("status", o.Status),
		slog.Int64("duration_us", o.Took.Microseconds()),
		slog.String("region", o.Region),
		slog.String("account", o.Account),
		slog.String("principal_type", o.PrincipalType),
		slog.String("key", o.KeyARN),
		slog.String("request_id", o.RequestID),
		slog.String("event_id", o.EventID),
		slog.String("listener", o.Listener),
		slog.String("source", o.SourceIP),
		slog.Int("request_bytes", o.RequestBytes),
		slog.Int("answer_bytes", o.AnswerBytes),
	)
	_ = l.to.Handle(context.Background(), line) // Lines counts what is lost
}
