package production

import (
	"bytes"
	"os"
	"path/filepath"
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
	s = p.Serve()
	s.CreateKey(t, p.Who)
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
