// Package servertest runs a real crypto module, engine and server, in a process
// of its own: the test binary started again. It is for tests only.
package servertest

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"trent/internal/hsm/domain"
	"trent/internal/hsm/engine"
	"trent/internal/hsm/proto"
	"trent/internal/hsm/sandbox"
	"trent/internal/hsm/server"
	"trent/internal/hsm/supervisor/exit"
	"trent/internal/hsm/unseal"
)

// Child is the argument before a key file's path with which a test binary
// becomes a module of development. Supervisors append "--fd 3".
const Child = "trent-hsm-child"

// productionChild is Child for a module of production.
const productionChild = "trent-hsm-production-child"

// Main is called first in TestMain. In a process that was started to be a
// module it serves and does not return.
func Main() {
	if len(os.Args) != 5 || os.Args[1] != Child && os.Args[1] != productionChild {
		return
	}
	fd, err := strconv.Atoi(os.Args[4])
	if err != nil {
		os.Exit(exit.Usage)
	}
	os.Exit(serve(os.Args[2], fd, os.Args[1] == Child))
}

// Args are the arguments that make the test binary a module with a key file of
// its own, which is made where it is missing.
func Args(tb testing.TB) []string {
	tb.Helper()
	return []string{Child, filepath.Join(tb.TempDir(), "key")}
}

// ProductionArgs are Args for a module of production.
func ProductionArgs(tb testing.TB) []string {
	return append([]string{productionChild}, Args(tb)[1:]...)
}

func serve(keyFile string, fd int, dev bool) int {
	log := slog.New(slog.NewJSONHandler(os.Stderr, nil))
	socket, err := server.OpenSocket(fd)
	if err != nil {
		return exit.Usage
	}
	file, err := unseal.OpenFile(keyFile)
	if errors.Is(err, os.ErrNotExist) {
		file, err = unseal.CreateFile(keyFile)
	}
	if err != nil {
		log.Error("key file", "error", err)
		return exit.Key
	}
	set, err := domain.NewSet(domain.Config{Dev: dev, Providers: []unseal.Provider{file}})
	if err != nil {
		log.Error("domains", "error", err)
		return exit.Failure
	}
	e := engine.New(engine.Config{Domains: set, Build: "test", Log: log})
	if _, err := sandbox.Enter(); err != nil {
		log.Error("sandbox", "error", err)
		return exit.Sandbox
	}
	s := server.New(e, log)
	defer s.Close()
	if err := s.ServeConn(socket); err != nil {
		return exit.Failure
	}
	return exit.OK
}

// Process is a module and the connection to it, which remembers what crosses it.
type Process struct {
	net.Conn
	Pid int

	mu        sync.Mutex
	sent, got []byte
}

// Start starts a module that holds development domains of the names given. It
// ends with the test at the latest.
func Start(tb testing.TB, domains ...string) *Process {
	tb.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		tb.Fatal(err)
	}
	ours, theirs := os.NewFile(uintptr(fds[0]), "module"), os.NewFile(uintptr(fds[1]), "service")
	defer ours.Close()
	defer theirs.Close()
	conn, err := net.FileConn(ours)
	if err != nil {
		tb.Fatal(err)
	}
	cmd := exec.Command(os.Args[0], append(Args(tb), "--fd", "3")...)
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=on")
	cmd.Stderr = os.Stderr
	cmd.ExtraFiles = []*os.File{theirs}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		conn.Close()
		if err := cmd.Wait(); err != nil {
			tb.Errorf("module: %v", err)
		}
	})
	p := &Process{Conn: conn, Pid: cmd.Process.Pid}
	Ask(tb, p, proto.CmdHello, (&proto.HelloRequest{Version: proto.Version}).Append(nil))
	for _, name := range domains {
		// The answer has the form of the request that loads it.
		token := Ask(tb, p, proto.CmdCreateDomain, (&proto.CreateDomainRequest{Region: name, Dev: true}).Append(nil))
		Ask(tb, p, proto.CmdLoadDomain, token)
	}
	p.Forget()
	return p
}

// Ask sends one request over a connection that nobody else uses, and returns
// the message of the answer, which must be StatusOK.
func Ask(tb testing.TB, conn io.ReadWriter, cmd proto.Command, message []byte) []byte {
	tb.Helper()
	frame := append(proto.AppendHeader(nil, 1, uint8(cmd)), message...)
	if !proto.EndFrame(frame) {
		tb.Fatalf("%v: request too long", cmd)
	}
	if _, err := conn.Write(frame); err != nil {
		tb.Fatal(err)
	}
	var got []byte
	for {
		f, _, ok, err := proto.Next(got)
		if err != nil {
			tb.Fatal(err)
		}
		if ok {
			if status := proto.Status(f.Code); status != proto.StatusOK {
				tb.Fatalf("%v: %v", cmd, status)
			}
			return f.Message
		}
		b := make([]byte, proto.MaxFrame)
		n, err := conn.Read(b)
		if err != nil {
			tb.Fatal(err)
		}
		got = append(got, b[:n]...)
	}
}

// Read remembers what was read.
func (p *Process) Read(b []byte) (int, error) {
	n, err := p.Conn.Read(b)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.got = append(p.got, b[:n]...)
	return n, err
}

// Write remembers what is written.
func (p *Process) Write(b []byte) (int, error) {
	p.mu.Lock()
	p.sent = append(p.sent, b...)
	p.mu.Unlock()
	return p.Conn.Write(b)
}

// Forget forgets what crossed the connection so far.
func (p *Process) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent, p.got = nil, nil
}

// Crossed returns copies of all bytes that crossed the connection since
// Forget: requests, and answers.
func (p *Process) Crossed() (sent, got []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return bytes.Clone(p.sent), bytes.Clone(p.got)
}

// Commands returns the commands of the requests that crossed the connection
// since Forget.
func (p *Process) Commands() map[proto.Command]bool {
	sent, _ := p.Crossed()
	commands := make(map[proto.Command]bool)
	for {
		f, rest, ok, err := proto.Next(sent)
		if err != nil || !ok {
			return commands
		}
		commands[proto.Command(f.Code)] = true
		sent = rest
	}
}

// Missing returns the commands of the protocol with numbers from first to last
// that did not cross the connection since Forget.
func (p *Process) Missing(first, last proto.Command) []proto.Command {
	var missing []proto.Command
	crossed := p.Commands()
	for n := int(first); n <= int(last); n++ {
		if c := proto.Command(n); c.Known() && !crossed[c] {
			missing = append(missing, proto.Command(n))
		}
	}
	return missing
}
