package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"trent/internal/hsm/domain/slab"
	"trent/internal/hsm/proto"
	"trent/internal/hsm/server/servertest"
	"trent/internal/hsm/supervisor/exit"
)

// mainVariable turns the test binary into the program.
const mainVariable = "TRENT_HSM_MAIN"

// panicVariable turns it into one that panics at once.
const panicVariable = "TRENT_HSM_PANIC"

func TestMain(m *testing.M) {
	switch {
	case os.Getenv(panicVariable) != "":
		if err := withoutTraces(); err == nil {
			panic("in a test")
		}
	case os.Getenv(mainVariable) != "":
		main()
	}
	os.Exit(m.Run())
}

// program is the program with arguments, in FIPS mode as it is built.
func program(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), mainVariable+"=1", "GODEBUG=fips140=on")
	return cmd
}

func TestSelfTest(t *testing.T) {
	t.Parallel()
	out, err := program(t, "selftest").CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, want := range []string{"ok   FIPS", "ok   known answers", "ok   cannot open /etc/passwd", "ok   cannot connect", "ok   cannot run a program"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

func TestExitStatuses(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	good, open := filepath.Join(dir, "good"), filepath.Join(dir, "open")
	if err := os.WriteFile(good, []byte(strings.Repeat("0", 64)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(open, []byte(strings.Repeat("0", 64)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(open, 0o644); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	for _, c := range []struct {
		status int
		args   []string
	}{
		{exit.OK, []string{"--version"}},
		{exit.OK, []string{"--help"}},
		{exit.Usage, nil},
		{exit.Usage, []string{"--key-file", open}},
		{exit.Usage, []string{"--key-file", open, "--fd", "3", "--listen", socket}},
		{exit.Usage, []string{"--key-file", open, "--fd", "3", "--allow-uid", "1"}},
		{exit.Usage, []string{"--nonsense"}},
		{exit.Usage, []string{"nonsense"}},
		{exit.Usage, []string{"init"}},
		{exit.Usage, []string{"init", "--key-file", open, "--listen", socket}},
		{exit.Usage, []string{"init", "--key-file", open, "--dev"}},
		{exit.Usage, []string{"init", "--key-file", open, "selftest"}},
		{exit.Usage, []string{"init", "--key-file", open, "--replication-peers", open}},
		{exit.Failure, []string{"--key-file", good, "--listen", socket + "p", "--replication-peers", good}},
		{exit.Failure, []string{"--key-file", good, "--listen", socket + "p", "--replication-peers", socket}},
		{exit.Key, []string{"init", "--key-file", good}},
		{exit.Key, []string{"init", "--key-file", filepath.Join(dir, "no", "folder")}},
		{exit.Failure, []string{"--key-file", good, "--fd", "77"}},
		{exit.Failure, []string{"--key-file", good, "--listen", good}},
		{exit.Key, []string{"--key-file", open, "--listen", open}},
		{exit.Key, []string{"--key-file", open, "--listen", socket}},
		{exit.Key, []string{"--key-file", filepath.Join(dir, "none"), "--listen", socket}},
	} {
		cmd := program(t, c.args...)
		out, _ := cmd.CombinedOutput()
		if got := cmd.ProcessState.ExitCode(); got != c.status {
			t.Errorf("%q ends with %d, not %d: %s", c.args, got, c.status, out)
		}
	}
	for _, path := range []string{good, open} {
		if info, err := os.Lstat(path); err != nil || info.Size() != 65 {
			t.Errorf("the key file %s was touched: %v", path, err)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "none")); !os.IsNotExist(err) {
		t.Errorf("a key file was made without being asked for: %v", err)
	}
}

// TestInit: init makes a key file that a module takes, for its user only.
func TestInit(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(dir, "key")
	if out, err := program(t, "init", "--key-file", key).CombinedOutput(); err != nil || !strings.Contains(string(out), key) {
		t.Fatalf("%v: %s", err, out)
	}
	if info, err := os.Stat(key); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	before, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := program(t, "init", "--key-file", key).Run(); err == nil {
		t.Error("a second init succeeds")
	}
	if after, err := os.ReadFile(key); err != nil || !bytes.Equal(before, after) {
		t.Errorf("a second init changes the key: %v", err)
	}
	serving(t, program(t, "--key-file", key, "--listen", filepath.Join(dir, "s")))
}

// serving starts the program, waits until it serves, and returns its log so far
// and its standard error. The test's end kills it.
func serving(t *testing.T, cmd *exec.Cmd) (text string, stderr io.Reader) {
	t.Helper()
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // killed: there is no other way to end a listening module
	})
	var log bytes.Buffer
	for b := make([]byte, 4096); !strings.Contains(log.String(), `"msg":"serving"`); {
		n, err := stderr.Read(b)
		if err != nil {
			t.Fatalf("%v: %s", err, log.String())
		}
		log.Write(b[:n])
	}
	return log.String(), stderr
}

// TestReportsHaveNoStack: the runtime's stacks show arguments.
func TestReportsHaveNoStack(t *testing.T) {
	t.Parallel()
	for _, s := range []syscall.Signal{syscall.SIGQUIT, syscall.SIGSEGV, syscall.SIGABRT} {
		dir := t.TempDir()
		if err := os.Chmod(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		cmd := program(t, "--key-file", filepath.Join(dir, "key"), "--create-key-file", "--dev", "--listen", filepath.Join(dir, "s"))
		_, stderr := serving(t, cmd)
		if err := cmd.Process.Signal(s); err != nil {
			t.Fatal(err)
		}
		report, err := io.ReadAll(stderr)
		if err != nil || string(report) != "trent-hsm: ended by signal: "+s.String()+"\n" {
			t.Errorf("%v: %v: %s", s, err, report)
		}
	}
	cmd := program(t)
	cmd.Env = append(cmd.Env, panicVariable+"=1")
	report, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(report), "panic: in a test") || strings.Contains(string(report), "goroutine ") {
		t.Errorf("a panic: %v: %s", err, report)
	}
}

// TestListens runs the program as an operator does, uses it, and looks at what
// it takes of memory.
func TestListens(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	socket := filepath.Join(dir, "s")
	cmd := program(t, "--key-file", filepath.Join(dir, "key"), "--create-key-file", "--dev", "--listen", socket)
	inherited, held, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer inherited.Close()
	cmd.ExtraFiles = []*os.File{held}
	log, stderr := serving(t, cmd)
	held.Close()
	// It says whether its memory is hidden, as this process's would be.
	keys, err := slab.New(1)
	if err != nil {
		t.Fatal(err)
	}
	defer keys.Close()
	if !strings.Contains(log, fmt.Sprintf(`"memory_hidden":%v`, keys.Hidden())) || strings.Contains(log, "memory that root can read") == keys.Hidden() {
		t.Errorf("memory hidden %v, and the log says %s", keys.Hidden(), log)
	}
	go func() { _, _ = io.Copy(io.Discard, stderr) }()
	// It holds no descriptor that it was not told to: the pipe has ended. A
	// read that waits means that it has not.
	if err := inherited.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if n, err := inherited.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("a descriptor that it inherited is open: %d, %v", n, err)
	}
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	var info proto.Info
	if err := info.Decode(servertest.Ask(t, conn, proto.CmdHello, (&proto.HelloRequest{Version: proto.Version}).Append(nil))); err != nil {
		t.Fatal(err)
	}
	if !info.FIPS || info.Mute || !info.Dev {
		t.Errorf("%+v", info)
	}
	token := servertest.Ask(t, conn, proto.CmdCreateDomain, (&proto.CreateDomainRequest{Region: "eu-west-1", Dev: true}).Append(nil))
	servertest.Ask(t, conn, proto.CmdLoadDomain, token)
	for range 1000 {
		servertest.Ask(t, conn, proto.CmdGenerateRandom, (&proto.GenerateRandomRequest{Bytes: 1024}).Append(nil))
	}
	var resident int
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(status)) {
		if _, err := fmt.Sscanf(line, "VmRSS: %d kB", &resident); err == nil {
			break
		}
	}
	t.Logf("resident: %d kB", resident)
	// Go's FIPS mode holds 33 MB; a race detector multiplies the rest.
	if resident == 0 || resident > 200<<10 {
		t.Errorf("resident memory of %d kB", resident)
	}
}
