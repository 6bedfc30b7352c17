package production

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"trent/test/harness"
)

// TestStopCutsOff: neither connections that say nothing or half a request, nor a
// profile that an operator takes, hold up a stop or make it fail. Nothing of
// them is done.
func TestStopCutsOff(t *testing.T) {
	t.Parallel()
	p := harness.NewProduction(t, "").Init()
	s := p.Serve()
	s.CreateKey(t, p.Who)
	for _, name := range []string{"public", "h2"} {
		open(t, "tcp", host(t, s.URLs[name]))
	}
	profile := open(t, "unix", filepath.Join(p.Data, "admin.sock"))
	if _, err := io.WriteString(profile, "GET /debug/pprof/profile?seconds=120 HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	var raw bytes.Buffer
	if err := s.HTTPRequest(t, harness.Request{Operation: "CreateKey", Body: "{}", Who: p.Who}).Write(&raw); err != nil {
		t.Fatal(err)
	}
	conn, err := tls.Dial("tcp", host(t, s.URL), &tls.Config{RootCAs: p.Roots})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := conn.Write(raw.Next(raw.Len() / 4)); err != nil {
		t.Fatal(err)
	}
	if out, code := p.Run("status"); code != 0 { // it comes after the profile
		t.Errorf("trent status: %d, %s", code, out)
	}
	if code := s.Stop(); code != 0 {
		t.Errorf("it ends with %d", code)
	}
	records, err := harness.ReadAudit(p.Data)
	made := 0
	for _, r := range records {
		if r.Text("eventName") == "CreateKey" {
			made++
		}
	}
	if err != nil || made != 1 {
		t.Errorf("the trail has %d CreateKeys, %v", made, err)
	}
}

// TestDescriptors: strangers who open connections, as many as they can, do not
// use up the files that the process may open; with too low a limit it does not
// start.
func TestDescriptors(t *testing.T) {
	t.Parallel()
	p := harness.NewProduction(t, "").Init()
	limited := func(files string) *exec.Cmd {
		cmd := p.Command("serve", "--config", p.Config)
		cmd.Args = append([]string{"sh", "-c", `ulimit -n ` + files + ` && exec "$0" "$@"`, cmd.Path}, cmd.Args[1:]...)
		cmd.Path = "/bin/sh"
		return cmd
	}
	if out, err := limited("260").CombinedOutput(); err == nil || !strings.Contains(string(out), "this process may have 260 open files and needs 304 at least") {
		t.Errorf("with 260 files: %v, %s", err, out)
	}
	service := limited("400")
	stdout, err := service.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	go io.Copy(io.Discard, started(t, service))
	first, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	for _, field := range strings.Fields(first) {
		if name, u, ok := strings.Cut(field, "="); ok && name != "local" {
			for range 450 {
				open(t, "tcp", host(t, u))
			}
		}
	}
	local := http.Client{Timeout: wait, Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(p.Folder, "kms.sock"))
	}}}
	for range 50 { // the strangers' connections are accepted meanwhile
		if got := status(&local, "http://kms/readyz"); got != http.StatusOK {
			t.Fatalf("beside 900 silent connections: %d", got)
		}
	}
	if err := service.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := service.Wait(); err != nil {
		t.Errorf("the service ends with %v", err)
	}
}

// host is the address in a URL.
func host(t *testing.T, text string) string {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u.Host
}

// open opens a connection that is closed at the test's end.
func open(t *testing.T, network, address string) net.Conn {
	t.Helper()
	c, err := net.Dial(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}
