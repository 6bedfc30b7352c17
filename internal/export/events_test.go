package export

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"trent/internal/api"
	"trent/internal/audit"
)

const (
	eventKey = "1234abcd-12ab-34cd-56ef-1234567890ab"
	eventARN = "arn:aws:kms:eu-west-1:111122223333:key/" + eventKey
)

// serviceEvent is a record of what KMS does by itself, as its jobs write it.
func serviceEvent(id, name, details string) *audit.Event {
	const aws = "AWS Internal"
	e := &audit.Event{
		UserIdentity: audit.UserIdentity{AccountID: "111122223333", InvokedBy: aws}, Time: time.Date(2026, 11, 23, 8, 30, 0, 5, time.UTC),
		Source: kmsSource, Name: name, Region: "eu-west-1", SourceIP: aws, UserAgent: aws, EventID: id, Type: audit.TypeServiceEvent,
		RecipientAccountID: "111122223333", Resources: []audit.Resource{{AccountID: "111122223333", ARN: eventARN}},
	}
	if details != "" {
		e.ServiceEventDetails = []byte(details)
	}
	return e
}

// TestEventShapes: the events have AWS's members, each with its value.
func TestEventShapes(t *testing.T) {
	t.Parallel()
	const head = `{"version":"0","id":"id-7","detail-type":"%s","source":"aws.kms","account":"111122223333","time":"2026-11-23T08:30:00Z","region":"eu-west-1","resources":["` + eventARN + `"],"detail":{"key-id":"` + eventKey + `"`
	for _, one := range []struct{ name, details, detailType, more string }{
		{"RotateKey", `{"rotationType":"ON_DEMAND","keyOrigin":"AWS_KMS","previousKeyMaterialId":"00ff","currentKeyMaterialId":"ff00","keyId":"` + eventKey + `"}`, "KMS CMK Rotation",
			`,"key-origin":"AWS_KMS","rotation-type":"ON_DEMAND","previous-key-material-id":"00ff","current-key-material-id":"ff00"`},
		{"DeleteExpiredKeyMaterial", `{"keyMaterialId":"00ff"}`, "KMS Imported Key Material Expiration", `,"key-material-id":"00ff"`},
		{"DeleteKey", "", "KMS CMK Deletion", ""},
	} {
		got := string(eventOf(serviceEvent("id-7", one.name, one.details).AppendJSON(nil)))
		if want := fmt.Sprintf(head, one.detailType) + one.more + "}}"; got != want {
			t.Errorf("%s:\n%s\nwant\n%s", one.name, got, want)
		}
	}
	for _, name := range []string{"ReplicateKey", "UpdatePrimaryRegion", "SynchronizeMultiRegionKey"} {
		e := serviceEvent("id-7", name, "")
		e.Type, e.RequestParameters = audit.TypeAPICall, []byte(`{"keyId":"a\"b"}`)
		record := e.AppendJSON(nil)
		want := `{"version":"0","id":"id-7","detail-type":"AWS API Call via CloudTrail","source":"aws.kms","account":"111122223333","time":"2026-11-23T08:30:00Z","region":"eu-west-1","resources":[],"detail":` + string(record) + "}"
		if got := string(eventOf(record)); got != want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, want)
		}
		e.ErrorCode = "AccessDeniedException"
		if got := eventOf(e.AppendJSON(nil)); got != nil {
			t.Errorf("a refused %s is told: %s", name, got)
		}
	}
	none := serviceEvent("id-7", "Encrypt", "")
	other := serviceEvent("id-7", "DeleteKey", "")
	other.Source = "trent"
	for _, record := range []string{string(none.AppendJSON(nil)), string(other.AppendJSON(nil)), "", "{", `{"eventSource":"kms.amazonaws.com","eventName":"DeleteKey"`} {
		if got := eventOf([]byte(record)); got != nil {
			t.Errorf("%s is told: %s", record, got)
		}
	}
}

// TestEveryServiceEventHasARow: what KMS does by itself, wherever the service's
// source says so, is in the table of events, and the table has nothing else but
// operations.
func TestEveryServiceEventHasARow(t *testing.T) {
	t.Parallel()
	rows := map[string]bool{}
	for _, d := range detailTypes {
		rows[d.name] = true
	}
	files, err := filepath.Glob("../*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	deeper, err := filepath.Glob("../*/*/*.go")
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, path := range append(files, deeper...) {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			name, source := literalOf(n)
			if source != kmsSource || name == "" {
				return true
			}
			if found++; !rows[name] {
				t.Errorf("%s: the service event %s has no row in detailTypes", path, name)
			}
			delete(rows, name)
			return true
		})
	}
	if found < 4 {
		t.Errorf("%d service events are found in the source", found)
	}
	for name := range rows {
		if _, ok := api.ParseOp(name); !ok {
			t.Errorf("nothing writes the service event %s", name)
		}
	}
}

// literalOf is the Name and Source of an audit.Event that is written down.
func literalOf(n ast.Node) (name, source string) {
	literal, ok := n.(*ast.CompositeLit)
	if !ok {
		return "", ""
	}
	if s, ok := literal.Type.(*ast.SelectorExpr); !ok || s.Sel.Name != "Event" {
		return "", ""
	}
	for _, e := range literal.Elts {
		kv, ok := e.(*ast.KeyValueExpr)
		if !ok {
			continue
		}
		if v, ok := kv.Value.(*ast.BasicLit); ok && v.Kind == token.STRING {
			text, _ := strconv.Unquote(v.Value)
			switch kv.Key.(*ast.Ident).Name {
			case "Name":
				name = text
			case "Source":
				source = text
			}
		}
	}
	return name, source
}

// told appends a record that has an event.
func (w *world) tell(id string) {
	w.t.Helper()
	if err := w.trail.Append(context.Background(), serviceEvent(id, "DeleteKey", "").AppendJSON(nil)); err != nil {
		w.t.Fatal(err)
	}
}

func eventsExport(name string) Export {
	e := plainExport(name)
	e.Events = true
	return e
}

// eventsOf has a destination keep the ids of the events in its batches.
type eventsOf struct {
	ids   []string
	after func() error
}

func (m *eventsOf) close() {}

func (m *eventsOf) deliver(_ context.Context, b *batch) error {
	if len(b.records) != 1 {
		return fmt.Errorf("%d events in a batch", len(b.records))
	}
	var e struct{ ID string }
	if err := json.Unmarshal(b.records[0].json, &e); err != nil {
		return err
	}
	m.ids = append(m.ids, e.ID)
	if m.after != nil {
		return m.after()
	}
	return nil
}

// TestEventsAreNeverLost: among records without one, over restarts of the service,
// crashes between delivery and cursor and before it, and a destination that fails,
// every event arrives, in order, and one that comes again is the one before.
func TestEventsAreNeverLost(t *testing.T) {
	t.Parallel()
	killed := errors.New("killed")
	for round := range 20 {
		random := rand.New(rand.NewPCG(3, uint64(round)))
		w, m := newWorld(t), &eventsOf{}
		m.after = func() error {
			if random.IntN(4) == 0 {
				return killed
			}
			return nil
		}
		var want []string
		x := w.exporter(eventsExport("a")).deliverTo(m)
		for range 60 {
			switch random.IntN(6) {
			case 0, 1:
				want = append(want, fmt.Sprintf("e%d", len(want)))
				w.tell(want[len(want)-1])
			case 2:
				w.append(random.IntN(30), "111122223333")
			case 3:
				x = w.exporter(eventsExport("a")).deliverTo(m) // kill -9, and a start
			case 4:
				w.restart()
				x = w.exporter(eventsExport("a")).deliverTo(m)
			}
			_ = x.round(t.Context())
		}
		m.after = nil
		mustRound(t, x)
		mustEqual(t, "without repeats", slices.Compact(slices.Clone(m.ids)), want)
		if s := x.Status(); s.LagRecords != 0 || s.Skipped != 0 {
			t.Errorf("%+v", s)
		}
		before := len(m.ids)
		mustRound(t, w.exporter(eventsExport("a")).deliverTo(m))
		if len(m.ids) != before {
			t.Errorf("a restart alone repeats %v", m.ids[before:])
		}
	}
}

// TestEventsPass: what has no event is passed without a write of the cursor for
// each batch, and is not read again from the beginning after a restart.
func TestEventsPass(t *testing.T) {
	t.Parallel()
	w, m := newWorld(t), &eventsOf{}
	w.segmentBytes = 32 << 20
	w.restart()
	x := w.exporter(eventsExport("a")).deliverTo(m)
	mustRound(t, x)
	path := x.cursorPath()
	w.append(100, "111122223333")
	mustRound(t, x)
	c, err := readCursor(path)
	if err != nil || c.at.sequence != 0 {
		t.Errorf("after 100 records the file is at %d, %v", c.at.sequence, err)
	}
	w.append(5000, "111122223333")
	mustRound(t, x)
	if c, err = readCursor(path); err != nil || c.at.sequence < 2000 {
		t.Errorf("after 5,100 records the file is at %d, %v", c.at.sequence, err)
	}
	if s := x.Status(); s.LagRecords != 0 || s.Records != 0 || len(m.ids) != 0 {
		t.Errorf("%+v", s)
	}
}

// TestEventsOfGap: records that are gone are named once, though no event follows.
func TestEventsOfGap(t *testing.T) {
	t.Parallel()
	w, m := newWorld(t), &eventsOf{}
	w.append(60, "111122223333")
	mustRemove(t, mustSegments(t, w)[0].Path)
	for range 3 {
		mustRound(t, w.exporter(eventsExport("a")).deliverTo(m))
	}
	if n := w.noticed(Skipped); len(n) != 1 || n[0].Why != movedAway {
		t.Errorf("%+v", n)
	}
}

// TestEventWebhook: one event a request, as API destinations of EventBridge get it,
// with the same id when it is sent again.
func TestEventWebhook(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	var bodies, seen []string
	s := hookServer(t, func(rw http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		bodies, seen = append(bodies, string(body)), append(seen, r.Header.Get("Webhook-Id"))
		if len(seen) == 1 {
			rw.WriteHeader(http.StatusServiceUnavailable)
		}
	})
	w.append(2, "111122223333")
	w.tell("e1")
	w.append(2, "111122223333")
	w.tell("e2")
	e := hookExport(t, s, writeSecret(t, whsec+"\n", 0o600))
	e.Events = true
	x := w.exporter(e)
	if err := x.round(t.Context()); err == nil {
		t.Fatal("a 503 is no error")
	}
	mustRound(t, x)
	event := func(id string) string { return string(eventOf(serviceEvent(id, "DeleteKey", "").AppendJSON(nil))) }
	mustEqual(t, "bodies", bodies, []string{event("e1"), event("e1"), event("e2")})
	if seen[0] != seen[1] || seen[1] == seen[2] {
		t.Errorf("ids %v", seen)
	}
}

// FuzzEventOf: of whatever a record is, an event is JSON with the record's id, or
// there is none.
func FuzzEventOf(f *testing.F) {
	f.Add(serviceEvent("id-7", "RotateKey", `{"rotationType":"AUTOMATIC"}`).AppendJSON(nil))
	f.Add(serviceEvent("id-7", "ReplicateKey", "").AppendJSON(nil))
	f.Add([]byte(`{"eventSource":"kms.amazonaws.com","eventName":"DeleteKey","resources":[],"serviceEventDetails":null}`))
	f.Add([]byte(`{"eventSource":"kms.amazonaws.com","eventName":"RotateKey","resources":[{"ARN":7}],"serviceEventDetails":{"keyOrigin":{}}}`))
	f.Fuzz(func(t *testing.T, record []byte) {
		event := eventOf(record)
		if event == nil {
			return
		}
		var got struct{ ID string }
		var of struct {
			EventID string `json:"eventID"`
		}
		if err := json.Unmarshal(event, &got); err != nil {
			t.Fatalf("%v: %s", err, event)
		}
		_ = json.Unmarshal(record, &of)
		if of.EventID != got.ID {
			t.Errorf("%s has the id %q", event, of.EventID)
		}
	})
}
