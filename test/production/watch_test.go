package production

import (
	"bufio"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"trent/test/harness"
)

const metricsListener = "metrics: {address: 127.0.0.1:0}"

// fetch gets a page.
func fetch(t *testing.T, client *http.Client, url string) (status int, body string) {
	t.Helper()
	res, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	b, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(b)
}

// TestWatching: health checks on every listener, metrics on their own only, a
// log line for each request without being asked for, and all of it through a
// crash of the module.
func TestWatching(t *testing.T) {
	t.Parallel()
	p := harness.NewProduction(t, metricsListener).Init()
	s := p.Serve()
	key, arn := s.CreateKey(t, p.Who)
	metrics := s.MetricsURL(t)
	scrape := func() string {
		status, body := fetch(t, http.DefaultClient, metrics+"/metrics")
		if status != http.StatusOK {
			t.Fatalf("/metrics: %d", status)
		}
		return body
	}
	for _, line := range []string{
		`trent_requests_total{code="OK",operation="CreateKey"} 1`, `trent_connections{listener="public"}`, `trent_connections{listener="h2"}`,
		`trent_connections{listener="local"}`, `trent_domain_generation{region="` + harness.Region + `"} 1`,
		`trent_keys{region="` + harness.Region + `"} 1`, `trent_ready 1`, `trent_module_restarts_total 0`,
	} {
		if !strings.Contains(scrape(), "\n"+line) {
			t.Errorf("the metrics lack %s", line)
		}
	}
	const ready = `{"ready":true,"checks":{"audit":"ok","module":"ok","process":"ok","store":"ok"}}` + "\n"
	for name, base := range s.URLs {
		s.URL = base
		client := &http.Client{Transport: s.Transport(), Timeout: wait}
		if name == "local" {
			base = "http://localhost"
		}
		if status, body := fetch(t, client, base+"/readyz"); status != http.StatusOK || body != ready {
			t.Errorf("%s: /readyz: %d %s", name, status, body)
		}
		if status, _ := fetch(t, client, base+"/healthz"); status != http.StatusOK {
			t.Errorf("%s: /healthz: %d", name, status)
		}
		if status, body := fetch(t, client, base+"/metrics"); status != http.StatusBadRequest || strings.Contains(body, "trent_") {
			t.Errorf("%s: /metrics: %d %s", name, status, body)
		}
	}
	s.URL = s.URLs["public"]
	s.MustAs(t, p.Who, "DescribeKey", object{"KeyId": key})
	if want := "msg=request operation=DescribeKey code=OK status=200 "; !harness.Eventually(wait, func() bool {
		for line := range strings.Lines(string(s.Output())) {
			if strings.Contains(line, want) && strings.Contains(line, " key="+arn+" ") && strings.Contains(line, " listener=public source=127.0.0.1 ") {
				return true
			}
		}
		return false
	}) {
		t.Errorf("the request has no line in the log")
	}
	syscall.Kill(s.Module(), syscall.SIGKILL)
	if !harness.Eventually(wait, func() bool { return strings.Contains(scrape(), "\ntrent_module_restarts_total 1\n") }) {
		t.Errorf("the module's restart is not counted")
	}
	if !harness.Eventually(wait, func() bool { return strings.Contains(scrape(), "\ntrent_ready 1\n") }) {
		t.Errorf("the service does not become ready again")
	}
}

// TestWatchedWhileItStarts: the metrics listener answers before the crypto
// module does, and /readyz says so.
func TestWatchedWhileItStarts(t *testing.T) {
	t.Parallel()
	p := harness.NewProduction(t, "").Init()
	if err := os.Mkdir(filepath.Join(p.Folder, "nobody"), 0o700); err != nil {
		t.Fatal(err)
	}
	p.Write("module: {socket: nobody/socket}\nunseal: {same_user: true}\n" + metricsListener)
	cmd := p.Command("serve", "--config", p.Config)
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	defer cmd.Process.Kill()
	lines := bufio.NewScanner(stderr)
	for lines.Scan() {
		_, address, ok := strings.Cut(lines.Text(), `msg="metrics listener" address=`)
		if !ok {
			continue
		}
		if status, body := fetch(t, http.DefaultClient, "http://"+address+"/readyz"); status != http.StatusServiceUnavailable || body != `{"ready":false,"checks":{"process":"starting"}}`+"\n" {
			t.Errorf("/readyz: %d %s", status, body)
		}
		if status, _ := fetch(t, http.DefaultClient, "http://"+address+"/healthz"); status != http.StatusOK {
			t.Errorf("/healthz: %d", status)
		}
		if status, body := fetch(t, http.DefaultClient, "http://"+address+"/metrics"); status != http.StatusOK || !strings.Contains(body, "\ntrent_build_info{") {
			t.Errorf("/metrics: %d", status)
		}
		return
	}
	t.Errorf("no metrics listener: %v", lines.Err())
}
