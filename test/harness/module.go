package harness

import (
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
)

// StartModule starts trent-hsm by itself, for development domains, and returns
// the socket at which it listens. The test's end kills it.
func StartModule(t testing.TB) (socket string) {
	t.Helper()
	// A socket's path has at most 107 bytes, and a test's own folder may be longer.
	folder := SocketFolder(t)
	socket = filepath.Join(folder, "hsm")
	cmd := exec.Command(Program("trent-hsm"), "--key-file", filepath.Join(folder, "module.key"), "--create-key-file", "--dev", "--listen", socket)
	output := new(logs)
	cmd.Stdout, cmd.Stderr = output, output
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Kill()
		cmd.Wait()
		if t.Failed() {
			t.Logf("the module's last output:\n%s", tail(output.bytes(), 4096))
		}
	})
	if !Eventually(startTimeout, func() bool { _, err := os.Stat(socket); return err == nil }) {
		t.Fatalf("the module does not listen: %s", output.bytes())
	}
	return socket
}

// SocketFolder makes a folder with a short name, for its owner only.
func SocketFolder(t testing.TB) string {
	t.Helper()
	folder, err := os.MkdirTemp("", "hsm")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	return folder
}
