package production

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"trent/test/harness"
)

// TestLogReaderIsGone: whoever ends the reader of a log ends neither the service
// nor a crypto module at a socket, which write to a pipe then that nobody has
// open any more.
func TestLogReaderIsGone(t *testing.T) {
	t.Parallel()
	p := harness.NewFolder(t)
	p.Write("module: {socket: run/hsm}\nunseal: {same_user: true}\nmetrics: {address: \"127.0.0.1:0\"}")
	run := filepath.Join(p.Folder, "run")
	if err := os.Mkdir(run, 0o700); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(run, "hsm")
	module := exec.Command(harness.Program("trent-hsm"), "--key-file", filepath.Join(p.Folder, "key"), "--create-key-file", "--listen", socket)
	started(t, module).Close()
	if !harness.Eventually(wait, func() bool { _, err := os.Stat(socket); return err == nil }) {
		t.Fatal("the module does not listen")
	}
	p.Init() // the module has logged that init connected and went

	service := p.Command("serve", "--config", p.Config)
	log := started(t, service)
	metrics := ""
	for lines := bufio.NewScanner(log); metrics == "" && lines.Scan(); {
		if _, address, ok := strings.Cut(lines.Text(), `msg="metrics listener" address=`); ok {
			metrics = "http://" + address
		}
	}
	log.Close()
	local := http.Client{Timeout: wait, Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", filepath.Join(p.Folder, "kms.sock"))
	}}}
	if !harness.Eventually(wait, func() bool { return status(&local, "http://kms/readyz") == http.StatusOK }) {
		t.Fatal("the service is not ready")
	}
	res, err := local.Post("http://kms/", "application/x-amz-json-1.1", strings.NewReader("{}")) // has a line
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if !harness.Eventually(wait, func() bool {
		res, err := http.Get(metrics + "/metrics")
		if err != nil {
			return false
		}
		defer res.Body.Close()
		text, err := io.ReadAll(res.Body)
		return err == nil && strings.Contains(string(text), "\ntrent_log_lines_dropped_total ") && !strings.Contains(string(text), "\ntrent_log_lines_dropped_total 0\n")
	}) {
		t.Error("a line that nobody takes is not counted, or the service is gone")
	}
	if got := status(&local, "http://kms/readyz"); got != http.StatusOK {
		t.Errorf("the service is not ready any more: %d", got)
	}
	if err := service.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := service.Wait(); err != nil {
		t.Errorf("the service ends with %v", err)
	}
}

// started starts a command and returns its standard error, of which this is the
// only reader. The test's end kills it.
func started(t *testing.T, cmd *exec.Cmd) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	t.Cleanup(func() { r.Close() })
	cmd.Stderr = w
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
	})
	return r
}

// status is that of an answer, 0 if there is none.
func status(c *http.Client, url string) int {
	res, err := c.Get(url)
	if err != nil {
		return 0
	}
	res.Body.Close()
	return res.StatusCode
}
