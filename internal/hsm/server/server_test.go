package server

import (
	"errors"
	"io"
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"trent/internal/hsm/proto"
	"trent/internal/hsm/supervisor/exit"
)

const panicVariable = "TRENT_SERVER_PANIC"

// secretText is what the panic of TestPanicEndsTheProcess holds.
const secretText = "a secret in a panic"

func TestMain(m *testing.M) {
	if os.Getenv(panicVariable) == "" {
		os.Exit(m.Run())
	}
	s := New(&scripted{random: func([]byte) { panic(secretText) }}, slog.New(slog.NewJSONHandler(os.Stderr, nil)))
	theirs, ours := net.Pipe()
	go func() { _, _ = io.Copy(io.Discard, ours) }()
	go func() {
		_, _ = ours.Write(append(request(1, proto.CmdHello, hello()), request(2, proto.CmdGenerateRandom, []byte{0, 0, 0, 1})...))
	}()
	_ = s.ServeConn(theirs)
	os.Exit(0)
}

// TestEveryCommandHasARow compares the table with the protocol, both ways.
func TestEveryCommandHasARow(t *testing.T) {
	t.Parallel()
	for n := range 256 {
		c := proto.Command(n)
		own := c == proto.CmdHello || c == proto.CmdStatus
		if want := c.Known() && !own; (commands[c].run != nil) != want {
			t.Errorf("%v: in the table %v, want %v", c, !want, want)
		}
		if commands[c].slow && commands[c].weighed {
			t.Errorf("%v is slow and weighed", c)
		}
		if slow := commands[c].slow || commands[c].weighed; slow != c.Slow() {
			t.Errorf("%v: slow in the table %v, in the protocol %v", c, slow, c.Slow())
		}
	}
}

// TestOneWriteForOneRead counts system calls: net.Pipe gives each Write whole
// to a Read that is large enough.
func TestOneWriteForOneRead(t *testing.T) {
	t.Parallel()
	batch := request(1, proto.CmdHello, hello())
	for id := range uint64(20) {
		batch = append(batch, random(id+2)...)
	}
	_, conn, _ := exchange(t, &scripted{}, batch, 21)
	go func() { _, _ = conn.Write(request(99, proto.CmdStatus, nil)) }()
	var info proto.Info
	if err := info.Decode(answers(t, conn, 1)[99].Message); err != nil {
		t.Fatal(err)
	}
	if info.FramesRead != 21 || info.Reads != 2 || info.FramesWritten != 21 || info.Writes != 1 {
		t.Errorf("%+v", info)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	got, _, _ := exchange(t, &scripted{}, slicesOf(
		request(1, proto.CmdHello, hello()),
		request(2, 0xee, nil),
		request(3, proto.CmdGenerateRandom, nil),
		request(4, proto.CmdStatus, []byte{1}),
		request(5, proto.CmdHello, []byte{1}),
		random(6),
	), 6)
	for id, want := range map[uint64]proto.Status{
		1: proto.StatusOK, 2: proto.StatusUnknownCommand, 3: proto.StatusMalformed, 4: proto.StatusMalformed,
		5: proto.StatusMalformed, 6: proto.StatusOK,
	} {
		if status(got[id]) != want || (want != proto.StatusOK && len(got[id].Message) != 0) {
			t.Errorf("request %d: %v with %d bytes, want %v", id, status(got[id]), len(got[id].Message), want)
		}
	}
}

func slicesOf(frames ...[]byte) (all []byte) {
	for _, f := range frames {
		all = append(all, f...)
	}
	return all
}

func TestBrokenConnections(t *testing.T) {
	t.Parallel()
	other := (&proto.HelloRequest{Version: proto.Version + 1}).Append(nil)
	for name, c := range map[string]struct {
		requests []byte
		answers  int
	}{
		"no hello":           {random(1), 0},
		"another version":    {append(request(1, proto.CmdHello, other), random(2)...), 1},
		"a broken length":    {append(request(1, proto.CmdHello, hello()), 0xff, 0xff, 0xff, 0xff), 1},
		"a length too small": {append(request(1, proto.CmdHello, hello()), 0, 0, 0, 8), 1},
	} {
		_, _, ended := exchange(t, &scripted{}, c.requests, c.answers)
		if err := <-ended; !errors.Is(err, proto.ErrMalformed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMuteAnswersStatusOnly(t *testing.T) {
	t.Parallel()
	e := &scripted{}
	e.mute.Store(true)
	got, _, _ := exchange(t, e, slicesOf(request(1, proto.CmdHello, hello()), random(2), request(3, proto.CmdStatus, nil), request(4, proto.CmdLoadDomain, nil)), 4)
	var info proto.Info
	if err := info.Decode(got[3].Message); err != nil || !info.Mute {
		t.Errorf("status of a mute module: %+v, %v", info, err)
	}
	if status(got[2]) != proto.StatusMute || status(got[4]) != proto.StatusMute || status(got[1]) != proto.StatusOK {
		t.Errorf("hello %v, commands %v and %v", status(got[1]), status(got[2]), status(got[4]))
	}
}

func TestLaneTakesTurns(t *testing.T) {
	t.Parallel()
	l := newLane(16)
	for _, account := range []string{"a", "a", "a", "b", "c", "b"} {
		if !l.put(job{account: account}) {
			t.Fatal("full")
		}
	}
	order := ""
	for j, ok := l.take(); ok; j, ok = l.take() {
		order += j.account
	}
	if order != "abcaba" {
		t.Errorf("order %s", order)
	}
	for n := range 4 {
		if !l.put(job{account: "a"}) {
			t.Errorf("job %d of an account's share refused", n)
		}
	}
	if l.put(job{account: "a"}) {
		t.Error("an account took more than its share")
	}
	if !l.put(job{account: "b"}) {
		t.Error("one account filled the lane for another")
	}
	l.close()
	if _, ok := l.wait(); ok || l.put(job{account: "b"}) {
		t.Error("a closed lane gives or takes work")
	}
}

// TestPanicEndsTheProcess proves that the module dies, and that its report has
// the place but not the value.
func TestPanicEndsTheProcess(t *testing.T) {
	t.Parallel()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), panicVariable+"=1")
	out, err := cmd.CombinedOutput()
	if e, ok := errors.AsType[*exec.ExitError](err); !ok || e.ExitCode() != exit.Panic {
		t.Fatalf("%v: %s", err, out)
	}
	if strings.Contains(string(out), secretText) || !strings.Contains(string(out), "scripted).GenerateRandom") {
		t.Errorf("report: %s", out)
	}
}

func TestListenRefusesFoldersOfOthers(t *testing.T) {
	t.Parallel()
	own, other := uint32(os.Geteuid()), uint32(os.Geteuid()+1)
	for _, c := range []struct {
		mode os.FileMode
		uids []uint32
		ok   bool
	}{
		{0o700, []uint32{own}, true}, {0o750, []uint32{own}, false}, {0o750, []uint32{own, other}, true},
		{0o755, []uint32{own, other}, false}, {0o770, []uint32{own, other}, false}, {0o777, []uint32{own}, false},
	} {
		dir := t.TempDir()
		if err := os.Chmod(dir, c.mode); err != nil {
			t.Fatal(err)
		}
		l, err := Listen(filepath.Join(dir, "s"), c.uids)
		if c.ok != (err == nil) || (err != nil && !errors.Is(err, ErrFolder)) {
			t.Errorf("mode %04o, users %v: %v", c.mode, c.uids, err)
		}
		if err == nil {
			unix.Close(l.fd)
		}
	}
}

func TestServeChecksThePeer(t *testing.T) {
	t.Parallel()
	own := uint32(os.Geteuid())
	for _, c := range []struct {
		uids    []uint32
		allowed bool
	}{{[]uint32{own}, true}, {[]uint32{own + 1}, false}} {
		dir := t.TempDir()
		if err := os.Chmod(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, "s")
		for range 2 { // the second replaces the first's file
			l, err := Listen(path, c.uids)
			if err != nil {
				t.Fatal(err)
			}
			s := New(&scripted{}, slog.New(slog.DiscardHandler))
			ended := make(chan error, 1)
			go func() { ended <- s.Serve(l) }()
			conn, err := net.Dial("unix", path)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := Listen(path, c.uids); !errors.Is(err, unix.EADDRINUSE) {
				t.Errorf("a second listener at the same path: %v", err)
			}
			_, _ = conn.Write(request(1, proto.CmdHello, hello()))
			if n, err := conn.Read(make([]byte, 4096)); (err == nil) != c.allowed {
				t.Errorf("users %v: %d bytes, %v", c.uids, n, err)
			}
			conn.Close()
			if err := l.Close(); err != nil {
				t.Error(err)
			}
			if err := <-ended; err != nil {
				t.Error(err)
			}
			s.Close()
		}
	}
}
