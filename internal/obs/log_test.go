package obs

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"trent/internal/api"
	"trent/internal/apierr"
	"trent/internal/front"
)

// TestRequestLine: a line has these members, and no others.
func TestRequestLine(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := NewRequests(NewMetrics("test"), NewRequestLog(slog.New(slog.NewJSONHandler(&out, nil)), LogAll), nil)
	r.Began()
	r.Ended(front.Outcome{
		Op: api.OpDecrypt, Code: apierr.AccessDenied, Status: 400, Took: 1234 * time.Microsecond, RequestBytes: 5, AnswerBytes: 6,
		Region: "eu-west-1", Account: "111122223333", PrincipalType: "Root", KeyARN: "the key", RequestID: "the request", EventID: "the event",
		Listener: "public", SourceIP: "192.0.2.7",
	})
	var got map[string]any
	if err := json.Unmarshal(out.Bytes(), &got); err != nil {
		t.Fatalf("%v: %s", err, out.Bytes())
	}
	if _, err := time.Parse(time.RFC3339Nano, got["time"].(string)); err != nil {
		t.Error(err)
	}
	delete(got, "time")
	want := map[string]any{
		"level": "INFO", "msg": "request", "operation": "Decrypt", "code": "AccessDeniedException", "status": 400.0, "duration_us": 1234.0,
		"region": "eu-west-1", "account": "111122223333", "principal_type": "Root", "key": "the key", "request_id": "the request",
		"event_id": "the event", "listener": "public", "source": "192.0.2.7", "request_bytes": 5.0, "answer_bytes": 6.0,
	}
	if !maps.Equal(got, want) {
		t.Errorf("%v", got)
	}
}

// TestWhichRequestsAreLogged is total over the choices.
func TestWhichRequestsAreLogged(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"all": {"OK", "NotFoundException"}, "errors": {"NotFoundException"}, "none": nil,
	} {
		var which Logged
		if err := which.UnmarshalText([]byte(text)); err != nil {
			t.Fatal(err)
		}
		var out bytes.Buffer
		r := NewRequests(NewMetrics("test"), NewRequestLog(slog.New(slog.NewTextHandler(&out, nil)), which), nil)
		for _, code := range []apierr.Code{"", apierr.NotFound} {
			r.Began()
			r.Ended(front.Outcome{Op: api.OpDescribeKey, Code: code})
		}
		var got []string
		for line := range strings.Lines(out.String()) {
			_, code, _ := strings.Cut(line, " code=")
			code, _, _ = strings.Cut(code, " ")
			got = append(got, code)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", text, got, want)
		}
	}
	which := LogErrors
	if err := which.UnmarshalText([]byte("ALL")); err != ErrLogged || which != LogErrors {
		t.Errorf("ALL: %v, %v", which, err)
	}
}
