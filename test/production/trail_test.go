package production

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"trent/test/harness"
)

// TestLostTrail: a service does not go on with an audit trail that is gone, or
// older than its store, until it is told to; the new one is another node's and
// says what is missing.
func TestLostTrail(t *testing.T) {
	t.Parallel()
	p := harness.NewProduction(t, "").Init()
	trail, older := filepath.Join(p.Data, "audit"), filepath.Join(p.Folder, "older")
	s := p.Serve()
	s.CreateKey(t, p.Who)
	s.Stop()
	if err := os.CopyFS(older, os.DirFS(trail)); err != nil {
		t.Fatal(err)
	}
	s.Restart()
	s.CreateKey(t, p.Who)
	s.Stop()
	refused := func(what, text string, args ...string) {
		t.Helper()
		for range 2 { // the first leaves nothing that the second takes for a trail
			if out, code := p.Run(args...); code != 1 || !strings.Contains(out, text) {
				t.Errorf("%s: %d, %s", what, code, out)
			}
		}
	}
	refused("there is a trail", "no new one is begun", "serve", "--new-audit-trail")
	known, err := harness.ReadAudit(p.Data)
	if err != nil {
		t.Fatal(err)
	}
	lost := nodeOf(t, trail)
	if err := os.RemoveAll(trail); err != nil {
		t.Fatal(err)
	}
	refused("no trail", "start once with --new-audit-trail", "serve")
	if err := os.CopyFS(trail, os.DirFS(older)); err != nil {
		t.Fatal(err)
	}
	refused("an older trail", "start once with --new-audit-trail", "serve")
	if err := os.RemoveAll(trail); err != nil {
		t.Fatal(err)
	}

	s = p.Serve("--new-audit-trail")
	s.CreateKey(t, p.Who)
	if code := s.Stop(); code != 0 || !bytes.Contains(s.Output(), []byte(`level=ERROR msg="the audit trail is lost`)) {
		t.Errorf("it ends with %d: %s", code, s.Output())
	}
	records, err := harness.ReadAudit(p.Data)
	if err != nil || len(records) < 2 {
		t.Fatalf("%d records, %v", len(records), err)
	}
	first := records[0]
	if got := nodeOf(t, trail); got == lost || first.Text("eventName") != "ReplaceAuditTrail" || first.Text("requestParameters", "lostNode") != lost || first.Text("requestParameters", "node") != got {
		t.Errorf("node %s after %s; the trail begins with %s", got, lost, first.JSON)
	}
	if len(known) == 0 {
		t.Error("the lost trail had nothing")
	}
	refused("the new trail", "no new one is begun", "serve", "--new-audit-trail")
	// Somebody has found the lost one.
	if err := os.CopyFS(trail, os.DirFS(older)); err != nil {
		t.Fatal(err)
	}
	s = p.Serve()
	_, arn := s.CreateKey(t, p.Who)
	s.MustAs(t, p.Who, "CreateAlias", map[string]any{"AliasName": "alias/payroll", "TargetKeyId": arn})
	s.MustAs(t, p.Who, "Encrypt", map[string]any{"KeyId": "alias/payroll", "Plaintext": "eA=="})
	s.Stop()
	s.Restart() // everything is in the trail
	queryTrails(t, p, lost)
}

// queryTrails asks for records of both trails: by what callers named, in either
// order, and with one of them damaged.
func queryTrails(t *testing.T, p *harness.Production, lost string) {
	t.Helper()
	query := func(args ...string) (names []string, out string) {
		t.Helper()
		out, code := p.Run(append([]string{"audit", "query", "--output", "json"}, args...)...)
		var page struct {
			Records []struct{ EventName string }
		}
		if at := strings.IndexByte(out, '{'); code != 0 || at < 0 || json.Unmarshal([]byte(out[at:]), &page) != nil {
			t.Fatalf("%q: %d, %s", args, code, out)
		}
		for _, r := range page.Records {
			if r.EventName != "QueryAuditRecords" { // these queries' own
				names = append(names, r.EventName)
			}
		}
		return names, out
	}
	if names, _ := query("--key", "alias/payroll"); !slices.Equal(slices.Sorted(slices.Values(names)), []string{"CreateAlias", "Encrypt"}) {
		t.Errorf("of the alias: %q", names)
	}
	names, out := query()
	if !slices.Contains(names, "CreateAccount") || !slices.Contains(names, "ReplaceAuditTrail") || !slices.Contains(names, "Encrypt") || strings.Contains(out, "damaged") {
		t.Errorf("of both trails: %q\n%s", names, out)
	}
	newest, _ := query("--newest")
	if slices.Reverse(newest); !slices.Equal(newest, names) {
		t.Errorf("the newest first, and turned round: %q, want %q", newest, names)
	}
	logs, err := filepath.Glob(filepath.Join(p.Data, "audit", lost, "*", "*.log"))
	if err != nil || len(logs) == 0 {
		t.Fatal(logs, err)
	}
	b, err := os.ReadFile(logs[0])
	if err == nil {
		b[bytes.Index(b, []byte(`"eventName"`))] = 'X'
		err = os.WriteFile(logs[0], b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if names, out := query(); !slices.Contains(names, "Encrypt") || !strings.HasPrefix(out, "trent: a part of the audit trail cannot be read, records may be missing: segment 1 of epoch 1 of node "+lost) {
		t.Errorf("with a damaged trail: %q\n%s", names, out)
	}
}

// TestLostTrailInDevelopment: trent dev goes on by itself, and says so.
func TestLostTrailInDevelopment(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, "--audit", "strict")
	trail := filepath.Join(s.Data, "audit")
	lost := nodeOf(t, trail)
	s.Stop()
	if err := os.RemoveAll(trail); err != nil {
		t.Fatal(err)
	}
	s.Restart()
	s.Stop() // its log is whole: lines do not hold up the start
	if got := nodeOf(t, trail); got == lost || !bytes.Contains(s.Output(), []byte(`level=ERROR msg="the audit trail is lost`)) {
		t.Errorf("node %s after %s: %s", got, lost, s.Output())
	}
}

// nodeOf is the id of the only node with a trail in a folder. One that was
// refused has left no epoch.
func nodeOf(t *testing.T, trail string) string {
	t.Helper()
	epochs, err := filepath.Glob(filepath.Join(trail, "*", "00000001"))
	if err != nil || len(epochs) != 1 {
		t.Fatalf("%v, %v", epochs, err)
	}
	return filepath.Base(filepath.Dir(epochs[0]))
}
