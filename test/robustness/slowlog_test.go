package robustness

import (
	"bytes"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"trent/test/harness"
)

// TestNobodyReadsTheLog: a server whose standard error is a pipe that nobody
// reads answers all the same; what it could not log is counted.
func TestNobodyReadsTheLog(t *testing.T) {
	t.Parallel()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.Command(harness.Program("trent"), "dev", "--listen", "127.0.0.1:0", "--data", t.TempDir(),
		"--hsm-binary", harness.Program("trent-hsm"), "--metrics", "127.0.0.1:0", "--log-requests", "all")
	cmd.Stderr = w
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	w.Close()
	defer cmd.Wait()
	defer cmd.Process.Kill()
	metrics := beginning(t, r) // and from now on nobody reads
	first := make([]byte, 4096)
	n, err := stdout.Read(first)
	if err != nil {
		t.Fatal(err)
	}
	url := strings.Fields(string(first[:n]))[2]

	// Each request, which needs no signature to be logged, has a line of some 400
	// bytes; the pipe holds 64 KiB, the server's queue twice 1 MiB.
	client := http.Client{Timeout: time.Minute} // a server that waits for its log's reader would never answer
	for i := range 20_000 {
		res, err := client.Post(url, "application/x-amz-json-1.1", strings.NewReader("{}"))
		if err != nil {
			t.Fatalf("request %d: %v", i, err)
		}
		io.Copy(io.Discard, res.Body)
		res.Body.Close()
		if i%500 == 0 && !bytes.Contains(get(t, metrics+"/metrics"), []byte("\ntrent_log_lines_dropped_total 0\n")) {
			return
		}
	}
	t.Error("the lines of 20,000 requests, which nobody has read, are not counted as dropped")
}

// beginning reads a log up to the line of the metrics listener.
func beginning(t *testing.T, r io.Reader) (metrics string) {
	t.Helper()
	var log []byte
	buffer := make([]byte, 4096)
	for {
		_, after, ok := bytes.Cut(log, []byte(`msg="metrics listener" address=`))
		if line, _, whole := bytes.Cut(after, []byte("\n")); ok && whole {
			return "http://" + string(line)
		}
		n, err := r.Read(buffer)
		if err != nil {
			t.Fatalf("%v after %s", err, log)
		}
		log = append(log, buffer[:n]...)
	}
}
