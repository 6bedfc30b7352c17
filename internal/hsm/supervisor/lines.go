package supervisor

import (
	"bytes"
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
)

// maxLine is how much of a line is kept; the rest is dropped.
const maxLine = 8 << 10

// lines turns what the module writes to standard error into records: its own
// log is JSON, a report of the runtime is text.
type lines struct {
	log  *slog.Logger
	line []byte // begun, not ended
}

// Write takes the next piece of output. It never fails.
func (l *lines) Write(b []byte) (int, error) {
	n := len(b)
	for {
		head, tail, ended := bytes.Cut(b, []byte{'\n'})
		l.line = append(l.line, head[:min(len(head), maxLine-len(l.line))]...)
		if !ended {
			return n, nil
		}
		if len(l.line) > 0 {
			l.record()
		}
		l.line = l.line[:0]
		b = tail
	}
}

// record logs the line.
func (l *lines) record() {
	log := l.log.With("from", "trent-hsm")
	var members map[string]any
	if json.Unmarshal(l.line, &members) != nil {
		log.Error("crypto module", "line", string(l.line))
		return
	}
	message, _ := members[slog.MessageKey].(string)
	name, _ := members[slog.LevelKey].(string)
	var level slog.Level
	if level.UnmarshalText([]byte(name)) != nil {
		level = slog.LevelError
	}
	attrs := make([]slog.Attr, 0, len(members))
	for _, key := range slices.Sorted(maps.Keys(members)) {
		if key != slog.MessageKey && key != slog.LevelKey && key != slog.TimeKey {
			attrs = append(attrs, slog.Any(key, members[key]))
		}
	}
	log.LogAttrs(context.Background(), level, message, attrs...)
}
