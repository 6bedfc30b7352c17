package harness

import (
	"crypto/x509"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"trent/internal/certificate/certtest"
)

// A Production is a configuration of trent serve, in a folder with everything
// that it names.
type Production struct {
	Folder string // absolute
	Config string // the configuration file
	Data   string // the data folder
	Roots  *x509.CertPool
	// Who is the first account's root, once Init was called; Account its id.
	Who     Who
	Account string
	// As is the user who runs trent, nil for the test's own.
	As *syscall.Credential

	t   testing.TB
	bin string // folder of the programs
}

// Listeners are the ways in of a Production's configuration: HTTPS on either
// HTTP engine, and a Unix socket.
const Listeners = `
  - {name: public, address: "127.0.0.1:0", tls: {certificate: server.pem, key: server.key}}
  - {name: h2, address: "127.0.0.1:0", tls: {certificate: server.pem, key: server.key}, http2: true}
  - {name: local, socket: kms.sock, mode: 0660}`

// NewProduction writes a configuration for a module that is the service's
// child. more are lines to add to it.
func NewProduction(t testing.TB, more string) *Production {
	t.Helper()
	p := NewFolder(t)
	p.Write(fmt.Sprintf("module: {child: {program: %s, key_file: module/key}}\nunseal: {same_user: true}\n%s", Program("trent-hsm"), more))
	return p
}

// NewFolder is a Production without a configuration, but with a certificate.
func NewFolder(t testing.TB) *Production {
	t.Helper()
	folder := SocketFolder(t) // its name is short enough for sockets
	p := &Production{Folder: folder, Config: filepath.Join(folder, "trent.yaml"), Data: filepath.Join(folder, "data"), t: t}
	p.bin = filepath.Dir(Program("trent"))
	p.Certify(1)
	return p
}

// Programs puts the programs where another user can run them: in the folder
// bin of p.Folder.
func (p *Production) Programs() {
	p.t.Helper()
	bin := filepath.Join(p.Folder, "bin")
	if err := os.CopyFS(bin, os.DirFS(p.bin)); err != nil {
		p.t.Fatal(err)
	}
	p.bin = bin
}

// Write writes the configuration: the data folder, the Region, the listeners
// and text.
func (p *Production) Write(text string) {
	p.t.Helper()
	text = fmt.Sprintf("data: %s\nregions: [%s]\nlisteners: %s\nlog: {format: text}\n%s\n", p.Data, Region, Listeners, text)
	if err := os.WriteFile(p.Config, []byte(text), 0o644); err != nil {
		p.t.Fatal(err)
	}
}

// Certify gives the listeners a new certificate with a serial number, which
// p.Roots trusts.
func (p *Production) Certify(serial int64) {
	p.t.Helper()
	pair := certtest.New(p.t, serial, time.Now().Add(20*24*time.Hour))
	pair.Write(p.t, p.Folder)
	p.Roots = x509.NewCertPool()
	p.Roots.AppendCertsFromPEM(pair.Certificate)
}

// Command is a call of trent as the service's user.
func (p *Production) Command(args ...string) *exec.Cmd {
	cmd := exec.CommandContext(p.t.Context(), filepath.Join(p.bin, "trent"), args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Credential: p.As}
	cmd.Dir = p.Folder
	return cmd
}

// Run runs a command of trent with --config and more arguments, and returns its
// output and exit code.
func (p *Production) Run(args ...string) (string, int) {
	p.t.Helper()
	cmd := p.Command(append(args, "--config", p.Config)...)
	cmd.WaitDelay = stopTimeout
	out, _ := cmd.CombinedOutput()
	return string(out), cmd.ProcessState.ExitCode()
}

// Init runs trent init, which must succeed, and keeps what it shows.
func (p *Production) Init(args ...string) *Production {
	p.t.Helper()
	cmd := p.Command(append([]string{"init", "--config", p.Config, "--output", "json"}, args...)...)
	out := new(logs)
	cmd.Stderr = out
	text, err := cmd.Output()
	if err != nil {
		p.t.Fatalf("trent init: %v\n%s", err, out.bytes())
	}
	p.Keep(text)
	return p
}

// Keep reads what trent init --output json wrote.
func (p *Production) Keep(text []byte) {
	p.t.Helper()
	var shown struct{ Account, AccessKeyID, SecretAccessKey string }
	if err := json.Unmarshal(text, &shown); err != nil {
		p.t.Fatalf("trent init --output json writes %q: %v", text, err)
	}
	p.Account = shown.Account
	p.Who = Who{AccessKey: shown.AccessKeyID, SecretKey: shown.SecretAccessKey, Region: Region}
}

// Serve starts trent serve, with more arguments. The test's end kills it.
func (p *Production) Serve(more ...string) *Server {
	p.t.Helper()
	s := &Server{Data: p.Data, Roots: p.Roots, t: p.t, program: filepath.Join(p.bin, "trent"), args: append([]string{"serve", "--config", p.Config}, more...), as: p.As, logs: new(logs)}
	s.run()
	return s
}
