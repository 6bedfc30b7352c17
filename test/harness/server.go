package harness

import (
	"bufio"
	"bytes"
	"crypto/x509"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// A Server is a running trent dev, or trent serve, with its child trent-hsm.
type Server struct {
	URL  string            // http://127.0.0.1:PORT, another one after each start; of trent serve the first listener's
	URLs map[string]string // of trent serve: those of all listeners, by name
	Data string            // the data folder, the same after each start
	// Roots are the authorities that clients of an HTTPS server trust.
	Roots *x509.CertPool

	t       testing.TB
	program string
	args    []string // all of trent's
	as      *syscall.Credential
	cmd     *exec.Cmd
	gone    chan struct{} // closed once the process has been waited for
	code    int           // its exit code, -1 after a signal
	logs    *logs
}

// logs is everything that the server wrote, over all its starts.
type logs struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logs) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logs) bytes() []byte {
	l.mu.Lock()
	defer l.mu.Unlock()
	return bytes.Clone(l.b.Bytes())
}

const (
	// startTimeout bounds the time from the start to the line that names the
	// address, on a machine that builds and tests at the same time.
	startTimeout = 60 * time.Second
	// stopTimeout bounds the time that a stop or a crash may take.
	stopTimeout = 60 * time.Second
)

// Start starts trent dev on a new data folder. The test's end kills it.
func Start(t testing.TB, args ...string) *Server {
	t.Helper()
	return StartIn(t, t.TempDir(), args...)
}

// StartIn starts trent dev on a data folder that may exist already.
func StartIn(t testing.TB, data string, args ...string) *Server {
	t.Helper()
	s := &Server{Data: data, t: t, program: Program("trent"), logs: new(logs)}
	s.args = append([]string{"dev", "--listen", "127.0.0.1:0", "--data", s.Data, "--hsm-binary", Program("trent-hsm")}, args...)
	s.run()
	return s
}

// run starts the server for the first time, and ends it with the test.
func (s *Server) run() {
	s.t.Helper()
	t := s.t
	t.Cleanup(func() {
		s.Kill()
		if t.Failed() {
			t.Logf("the server's last output:\n%s", tail(s.Output(), 4096))
		}
	})
	if err := s.start(); err != nil {
		t.Fatalf("starting trent: %v\n%s", err, s.Output())
	}
}

// Restart starts the server again after Kill or Stop, on the same folder and
// on a new port.
func (s *Server) Restart() {
	s.t.Helper()
	if err := s.start(); err != nil {
		s.t.Fatalf("starting trent again: %v\n%s", err, s.Output())
	}
}

func (s *Server) start() error {
	cmd := exec.Command(s.program, s.args...)
	cmd.Stderr = s.logs
	// The server ends with the test binary, however that ends.
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Credential: s.as}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	gone := make(chan struct{})
	s.cmd, s.gone = cmd, gone

	first := make(chan string, 1)
	go func() {
		defer close(gone)
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			fmt.Fprintln(s.logs, lines.Text())
			select {
			case first <- lines.Text():
			default:
			}
		}
		cmd.Wait()
		s.code = cmd.ProcessState.ExitCode()
	}()
	select {
	case line := <-first:
		if !s.read(line) {
			s.Kill()
			return fmt.Errorf("the first line is %q", line)
		}
		return nil
	case <-gone:
		return fmt.Errorf("it ended with code %d", s.code)
	case <-time.After(startTimeout):
		s.Kill()
		return fmt.Errorf("no address after %v", startTimeout)
	}
}

// read reads the line that says where a server is:
//
//	trent dev: http://ADDR data DIR
//	trent serve: NAME=URL [NAME=URL ...] data DIR
func (s *Server) read(line string) bool {
	fields := strings.Fields(line)
	n := len(fields)
	if n < 5 || fields[0] != "trent" || fields[1] != s.args[0]+":" || fields[n-2] != "data" || fields[n-1] != s.Data {
		return false
	}
	if fields[1] == "dev:" {
		s.URL = fields[2]
		return n == 5
	}
	s.URL, s.URLs = "", map[string]string{}
	for _, field := range fields[2 : n-2] {
		name, url, ok := strings.Cut(field, "=")
		if !ok {
			return false
		}
		s.URLs[name] = url
		if s.URL == "" {
			s.URL = url
		}
	}
	return true
}

// Run runs trent with arguments that should make it end by itself, and
// returns its output and exit code.
func Run(t testing.TB, args ...string) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), Program("trent"), args...)
	cmd.WaitDelay = stopTimeout
	out, _ := cmd.CombinedOutput()
	return string(out), cmd.ProcessState.ExitCode()
}

// Kill ends the server with SIGKILL: a crash. The module, which is its child,
// notices and ends too; Kill waits for both.
func (s *Server) Kill() {
	if s.cmd == nil {
		return
	}
	children := Children(s.cmd.Process.Pid)
	s.cmd.Process.Kill()
	s.wait()
	for _, pid := range children {
		if !Eventually(stopTimeout, func() bool { return !alive(pid) }) {
			s.t.Errorf("the module (process %d) is still there %v after the service was killed", pid, stopTimeout)
		}
	}
}

// Stop ends the server as an operator does, with SIGTERM, and returns its
// exit code.
func (s *Server) Stop() int {
	s.t.Helper()
	s.cmd.Process.Signal(syscall.SIGTERM)
	return s.Wait()
}

// Wait waits until the server has ended, and returns its exit code.
func (s *Server) Wait() int {
	s.t.Helper()
	if !s.wait() {
		s.t.Errorf("the server is still there after %v", stopTimeout)
	}
	return s.code
}

// Ended waits until the server ends by itself and returns its exit code.
func (s *Server) Ended() int {
	s.t.Helper()
	if !s.wait() {
		s.t.Fatalf("the server does not end by itself within %v", stopTimeout)
	}
	return s.code
}

func (s *Server) wait() bool {
	select {
	case <-s.gone:
		return true
	case <-time.After(stopTimeout):
		return false
	}
}

// Alive reports whether the server's process runs.
func (s *Server) Alive() bool {
	select {
	case <-s.gone:
		return false
	default:
		return true
	}
}

// PID is the service's process id.
func (s *Server) PID() int { return s.cmd.Process.Pid }

// ResidentBytes is the memory that the service holds.
func (s *Server) ResidentBytes(t testing.TB) int {
	t.Helper()
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", s.PID()))
	if err != nil {
		t.Fatal(err)
	}
	var size, resident int
	if _, err := fmt.Sscan(string(statm), &size, &resident); err != nil {
		t.Fatal(err)
	}
	return resident * os.Getpagesize()
}

// Module is the process id of the crypto module, 0 while there is none.
func (s *Server) Module() int {
	for _, pid := range Children(s.PID()) {
		if alive(pid) {
			return pid
		}
	}
	return 0
}

// Output is everything that the server wrote so far, over all its starts.
func (s *Server) Output() []byte { return s.logs.bytes() }

// MetricsURL is where the server answers /metrics, /healthz and /readyz, since
// its last start: it was started with --metrics, on any port.
func (s *Server) MetricsURL(t testing.TB) string {
	t.Helper()
	var address string
	found := Eventually(startTimeout, func() bool { // the log is written beside the standard output
		_, after, ok := bytes.Cut(s.Output(), []byte(`msg="metrics listener" address=`))
		for more := ok; more; _, after, more = bytes.Cut(after, []byte(`msg="metrics listener" address=`)) {
			line, _, whole := bytes.Cut(after, []byte("\n"))
			ok, address = whole, string(line)
		}
		return ok
	})
	if !found {
		t.Fatalf("the log names no metrics listener: %s", s.Output())
	}
	return "http://" + address
}

// Healthy asks the server for its simplest answer.
func (s *Server) Healthy() bool {
	client := http.Client{Timeout: 10 * time.Second}
	res, err := client.Get(s.URL)
	if err != nil {
		return false
	}
	res.Body.Close()
	return true
}

// Children returns the processes whose parent is pid.
func Children(pid int) (children []int) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, task := range tasks {
		list, _ := os.ReadFile(task)
		for _, field := range strings.Fields(string(list)) {
			if child, err := strconv.Atoi(field); err == nil {
				children = append(children, child)
			}
		}
	}
	return children
}

// alive reports whether a process runs; a zombie does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, after, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(after, "Z") && !strings.HasPrefix(after, "X")
}

// Eventually asks for a condition of another process until it holds, and
// reports whether it did within the time. There is no other way to wait for
// what a process does without telling anybody.
func Eventually(limit time.Duration, holds func() bool) bool {
	deadline := time.After(limit)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			return false
		case <-tick.C:
		}
	}
	return true
}

func tail(b []byte, n int) []byte { return b[max(0, len(b)-n):] }
