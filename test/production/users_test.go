package production

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"trent/test/harness"
)

// Two users that no machine needs to have.
const (
	serviceUser = 61101
	moduleUser  = 61102
	sharedGroup = 61101
)

// separate is a service and a module, each under its own user.
type separate struct {
	*harness.Production
	keyFile string
	module  *exec.Cmd
}

// newSeparate makes the module's key file and starts the module.
func newSeparate(t *testing.T) *separate {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can start programs as two other users")
	}
	p := &separate{Production: harness.NewFolder(t)}
	p.As = &syscall.Credential{Uid: serviceUser, Gid: sharedGroup}
	vault, run := filepath.Join(p.Folder, "vault"), filepath.Join(p.Folder, "run")
	p.keyFile = filepath.Join(vault, "key")
	for _, f := range []struct {
		path     string
		mode     os.FileMode
		uid, gid int
	}{{vault, 0o700, moduleUser, moduleUser}, {run, 0o750, moduleUser, sharedGroup}, {p.Folder, 0o755, serviceUser, sharedGroup}} {
		if err := os.MkdirAll(f.path, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(f.path, f.mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chown(f.path, f.uid, f.gid); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"server.pem", "server.key"} {
		if err := os.Chown(filepath.Join(p.Folder, name), serviceUser, sharedGroup); err != nil {
			t.Fatal(err)
		}
	}
	p.Programs()
	p.Write(fmt.Sprintf("module: {socket: run/hsm}\nunseal: {key_file: %s}\n", p.keyFile))
	return p
}

// trentHSM is a call of trent-hsm as the module's user.
func (p *separate) trentHSM(t *testing.T, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(t.Context(), filepath.Join(p.Folder, "bin", "trent-hsm"), args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Credential: &syscall.Credential{Uid: moduleUser, Gid: moduleUser}}
	return cmd
}

func (p *separate) startModule(t *testing.T) {
	t.Helper()
	if out, err := p.trentHSM(t, "init", "--key-file", p.keyFile).CombinedOutput(); err != nil {
		t.Fatalf("trent-hsm init: %v: %s", err, out)
	}
	socket := filepath.Join(p.Folder, "run", "hsm")
	p.module = p.trentHSM(t, "--key-file", p.keyFile, "--listen", socket, "--allow-uid", fmt.Sprint(serviceUser))
	if err := p.module.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.module.Process.Kill()
		p.module.Wait()
	})
	if !harness.Eventually(wait, func() bool { _, err := os.Stat(socket); return err == nil }) {
		t.Fatal("the module does not listen")
	}
}

// TestSeparateUsers: the service cannot open the module's key file, and looks
// whether it can each time it starts.
func TestSeparateUsers(t *testing.T) {
	t.Parallel()
	p := newSeparate(t)
	p.startModule(t)
	p.Init()
	s := p.Serve()
	key, _ := s.CreateKey(t, p.Who)
	s.Stop()
	// The module's user opens its folder, and the file in it.
	for path, mode := range map[string]os.FileMode{filepath.Dir(p.keyFile): 0o755, p.keyFile: 0o604} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	refused := fmt.Sprintf("unseal.key_file: user %d, which this is, can open %s", serviceUser, p.keyFile)
	for _, command := range [][]string{{"serve"}, {"config", "check"}, {"init"}, {"region", "add"}} {
		if out, code := p.Run(command...); code != 1 || !strings.Contains(out, refused) {
			t.Errorf("%q: %d, %s", command, code, out)
		}
	}
	// Root can open anything.
	if out, code := harness.Run(t, "config", "check", "--config", p.Config); code != 1 || !strings.Contains(out, "user 0, which this is, can open") {
		t.Errorf("as root: %d, %s", code, out)
	}
	p.Write(fmt.Sprintf("module: {socket: run/hsm}\nunseal: {key_file: %s, same_user: true}\n", p.keyFile))
	s.Restart()
	s.MustAs(t, p.Who, "DescribeKey", object{"KeyId": key})
}

// TestClientsGroup: a socket in a folder as packaging/systemd makes it is for
// the folder's group, and not for the service's, which reads TLS keys.
func TestClientsGroup(t *testing.T) {
	t.Parallel()
	p := newSeparate(t)
	const clients = 61103
	if err := os.Chown(p.Folder, serviceUser, clients); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(p.Folder, os.ModeSetgid|0o755); err != nil { // others: to reach the programs
		t.Fatal(err)
	}
	key := filepath.Join(p.Folder, "server.key")
	if err := os.Chown(key, 0, sharedGroup); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(key, 0o640); err != nil {
		t.Fatal(err)
	}
	p.startModule(t)
	p.Init()
	p.Serve()
	socket := filepath.Join(p.Folder, "kms.sock")
	info, err := os.Lstat(socket)
	if err != nil || info.Mode() != os.ModeSocket|0o660 || info.Sys().(*syscall.Stat_t).Gid != clients {
		t.Errorf("%v, %v", info, err)
	}
	for group, refused := range map[uint32]bool{clients: false, sharedGroup: true, 61104: true} {
		p.As = &syscall.Credential{Uid: 61105, Gid: group}
		out, err := p.Command("status", "--socket", socket).CombinedOutput() // what answers is no admin socket
		if strings.Contains(string(out), "may not open") != refused || err == nil {
			t.Errorf("group %d: %v, %s", group, err, out)
		}
	}
}

// TestModuleWithoutKey: init does not make the key file of a module at a
// socket, and says who does.
func TestModuleWithoutKey(t *testing.T) {
	t.Parallel()
	p := newSeparate(t)
	if out, err := exec.CommandContext(t.Context(), harness.Program("trent-hsm"), "init", "--key-file", p.keyFile).CombinedOutput(); err == nil || !strings.Contains(string(out), "run this as the module's user") {
		t.Errorf("trent-hsm init as root: %v, %s", err, out)
	}
	out, code := p.Run("init")
	if code != 1 || !strings.Contains(out, "there is no") && !strings.Contains(out, "trent-hsm init") {
		t.Errorf("%d, %s", code, out)
	}
	if _, err := os.Stat(p.keyFile); !os.IsNotExist(err) {
		t.Errorf("the key file: %v", err)
	}
}
