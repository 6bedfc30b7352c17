package export

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"trent/test/harness"
)

const wait = time.Minute

// collector runs rsyslogd, which writes the text of each message to a file.
func collector(t *testing.T) (address, file string) {
	t.Helper()
	program, err := exec.LookPath("rsyslogd")
	if err != nil {
		t.Skip("rsyslogd is not installed (make test-deps)")
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := net.SplitHostPort(l.Addr().String())
	l.Close()
	folder := t.TempDir()
	file = filepath.Join(folder, "messages")
	conf := filepath.Join(folder, "conf")
	text := fmt.Sprintf(`global(workDirectory="%s" maxMessageSize="2m")
module(load="imtcp")
template(name="all" type="string" string="%%hostname%% %%app-name%% %%msgid%% %%syslogfacility-text%% %%msg%%\n")
ruleset(name="in") { action(type="omfile" file="%s" template="all") }
input(type="imtcp" address="127.0.0.1" port="%s" ruleset="in")
`, folder, file, port)
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-n", "-f", conf, "-i", filepath.Join(folder, "pid"))
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("rsyslogd: %s", output.Bytes())
		}
	})
	address = "127.0.0.1:" + port
	if !harness.Eventually(wait, func() bool {
		conn, err := net.Dial("tcp", address)
		if err == nil {
			conn.Close()
		}
		return err == nil
	}) {
		t.Fatalf("rsyslogd does not listen: %s", output.Bytes())
	}
	return address, file
}

// inPython returns the event ids of all log files below a folder, as Python reads
// them.
func inPython(t *testing.T, folder string) []string {
	t.Helper()
	const program = `
import glob, gzip, json, sys
for name in sorted(glob.glob(sys.argv[1] + "/AWSLogs/*/CloudTrail/**/*.json.gz", recursive=True)):
    with gzip.open(name, "rt", encoding="utf-8") as f:
        for record in json.load(f)["Records"]:
            print(record["eventID"])
`
	out, err := exec.Command("/usr/bin/python3", "-c", program, folder).Output()
	if err != nil {
		t.Fatalf("python: %v", err)
	}
	return strings.Fields(string(out))
}

func trail(t *testing.T, data string) []harness.AuditRecord {
	t.Helper()
	records, err := harness.ReadAudit(data)
	if err != nil {
		t.Fatal(err)
	}
	return records
}

func eventIDs(records []harness.AuditRecord) (ids []string) {
	for i := range records {
		ids = append(ids, records[i].Text("eventID"))
	}
	return ids
}

// TestOthersRead: rsyslog, a webhook and Python see what the trail holds; the
// files once what they hold is signed; metrics and status tell of it; the exports'
// secrets are nowhere.
func TestOthersRead(t *testing.T) {
	t.Parallel()
	address, messages := collector(t)
	p := harness.NewFolder(t)
	h := newReceiver(t, p)
	if err := os.Mkdir(filepath.Join(p.Folder, "archive"), 0o750); err != nil {
		t.Fatal(err)
	}
	p.Write(fmt.Sprintf(`module: {child: {program: %s, key_file: module/key}}
unseal: {same_user: true}
metrics: {address: 127.0.0.1:0}
audit:
  durability: relaxed
  exports:
    - {name: archive, folder: archive}
    - {name: siem, allow: [127.0.0.0/8], syslog: {address: "tcp://%s"}}
    - {name: hook, allow: [127.0.0.0/8], webhook: {url: "%s/in/SECRETPATH", secret_file: hook.secret, tls: {ca: server.pem}}}
    - {name: refused, webhook: {url: "%s/", secret_file: hook.secret, tls: {ca: server.pem}}}
`, harness.Program("trent-hsm"), address, h.url, h.url))
	p.Init()
	s := p.Serve()
	key, _ := s.CreateKey(t, p.Who)
	for range 20 {
		s.MustAs(t, p.Who, "Encrypt", object{"KeyId": key, "Plaintext": "AA==", "EncryptionContext": object{"ort": "Zürich \" \\ \u2028"}})
	}
	if code := s.Stop(); code != 0 {
		t.Fatalf("stop: %d", code)
	}
	signed := eventIDs(trail(t, p.Data)) // its stop made a digest
	s.Restart()
	if !harness.Eventually(wait, func() bool { return h.has(trail(t, p.Data)) }) {
		t.Errorf("the webhook lacks records")
	}
	if !harness.Eventually(wait, func() bool { return len(inPython(t, filepath.Join(p.Folder, "archive"))) >= len(signed) }) {
		t.Errorf("the folder lacks records")
	}
	got := inPython(t, filepath.Join(p.Folder, "archive"))
	slices.Sort(got)
	if len(slices.Compact(slices.Clone(got))) != len(got) {
		t.Errorf("a record stands twice in the folder")
	}
	for _, id := range signed {
		if _, found := slices.BinarySearch(got, id); !found {
			t.Errorf("the folder lacks %s", id)
		}
	}
	inSyslog(t, p, messages)
	watched(t, p, s)
	nowhere(t, p, s, h)
}

// inSyslog: each record's JSON is what rsyslog got, byte for byte.
func inSyslog(t *testing.T, p *harness.Production, messages string) {
	t.Helper()
	missing := ""
	if !harness.Eventually(wait, func() bool {
		b, _ := os.ReadFile(messages)
		for _, r := range trail(t, p.Data) {
			if !bytes.Contains(b, fmt.Appendf(nil, " trent %s 13 %s\n", r.Text("eventName"), r.JSON)) && !bytes.Contains(b, fmt.Appendf(nil, " trent %s audit %s\n", r.Text("eventName"), r.JSON)) {
				missing = string(r.JSON)
				return false
			}
		}
		return true
	}) {
		b, _ := os.ReadFile(messages)
		t.Errorf("rsyslog lacks %s; it has %.2000s", missing, b)
	}
}

// watched: what operators see.
func watched(t *testing.T, p *harness.Production, s *harness.Server) {
	t.Helper()
	metrics := ""
	for _, line := range []string{
		`trent_audit_export_lag_records{export="siem"} 0`, `trent_audit_export_lag_seconds{export="hook"} 0`, `trent_audit_export_records_total{export="archive"} `,
		`trent_audit_export_failures_total{export="siem"} 0`, `trent_audit_export_skipped_records_total{export="siem"} 0`,
	} {
		if !harness.Eventually(wait, func() bool {
			res, err := http.Get(s.MetricsURL(t) + "/metrics")
			if err != nil {
				return false
			}
			defer res.Body.Close()
			var b bytes.Buffer
			b.ReadFrom(res.Body)
			metrics = b.String()
			return strings.Contains(metrics, "\n"+line)
		}) {
			t.Errorf("the metrics lack %s", line)
		}
	}
	if strings.Contains(metrics, "\n"+`trent_audit_export_failures_total{export="refused"} 0`) {
		t.Errorf("an export to loopback that is not named does not fail")
	}
	out, code := p.Run("status")
	for _, want := range []string{"siem: syslog tcp://127.0.0.1", "hook: webhook https://127.0.0.1", "refused: webhook", "127.0.0.1 is loopback; name it in allow"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("trent status lacks %q:\n%s", want, out)
		}
	}
}

// nowhere: the webhook's secret and path are in no file of the data folder, no
// record and no log line.
func nowhere(t *testing.T, p *harness.Production, s *harness.Server, h *receiver) {
	t.Helper()
	needles := [][]byte{h.secret[:16], []byte(base64.StdEncoding.EncodeToString(h.secret)[:16]), []byte("SECRETPATH")}
	look := func(where string, b []byte) {
		for _, n := range needles {
			if bytes.Contains(b, n) {
				t.Errorf("%s holds %q", where, n)
			}
		}
	}
	look("the log", s.Output())
	h.mu.Lock()
	look("a webhook's body", h.bodies)
	h.mu.Unlock()
	err := filepath.WalkDir(p.Data, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		b, err := os.ReadFile(path)
		look(path, b)
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
