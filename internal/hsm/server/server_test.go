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
	"sync"
	"sync/atomic"
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

// scripted is an engine whose GenerateRandom, LoadDomain and Sign do what a test
// says: faults and slowness that the real one does not have. It has no other
// command. Sign weighs what its request has for an algorithm.
type scripted struct {
	Engine
	mute   atomic.Bool
	random func(dst []byte)
	load   func()
	sign   func(w proto.Weight)
}

func (e *scripted) Info() proto.Info { return proto.Info{Mute: e.mute.Load()} }
func (e *scripted) Muted() bool      { return e.mute.Load() }

func (e *scripted) GenerateRandom(m *proto.GenerateRandomRequest, dst []byte) ([]byte, proto.Status) {
	if e.random != nil {
		e.random(dst)
	}
	return append(dst, make([]byte, m.Bytes)...), proto.StatusOK
}

func (e *scripted) LoadDomain(_ *proto.LoadDomainRequest, dst []byte) ([]byte, proto.Status) {
	e.load()
	return dst, proto.StatusOK
}

func (e *scripted) Weigh(_ proto.Command, message []byte) (account string, w proto.Weight) {
	var m proto.SignRequest
	if m.Decode(message) != nil {
		return "", proto.Fast
	}
	return m.Key.Bind.Account, proto.Weight(m.Algorithm)
}

func (e *scripted) Sign(m *proto.SignRequest, dst []byte) ([]byte, proto.Status) {
	e.sign(proto.Weight(m.Algorithm))
	return append(dst, m.Message...), proto.StatusOK
}

func request(id uint64, cmd proto.Command, message []byte) []byte {
	frame := append(proto.AppendHeader(nil, id, uint8(cmd)), message...)
	proto.EndFrame(frame)
	return frame
}

func hello() []byte { return (&proto.HelloRequest{Version: proto.Version}).Append(nil) }

func random(id uint64) []byte {
	return request(id, proto.CmdGenerateRandom, (&proto.GenerateRandomRequest{Bytes: 1}).Append(nil))
}

// exchange serves e on a connection, writes the requests at once, and returns
// n answers by their ids, the connection, and how serving ended.
func exchange(t *testing.T, e Engine, requests []byte, n int) (map[uint64]proto.Frame, net.Conn, <-chan error) {
	t.Helper()
	s := New(e, slog.New(slog.DiscardHandler))
	theirs, ours := net.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- s.ServeConn(theirs) }()
	t.Cleanup(func() { ours.Close(); s.Close() })
	go func() { _, _ = ours.Write(requests) }()
	return answers(t, ours, n), ours, ended
}

// answers reads n answers.
func answers(t *testing.T, conn net.Conn, n int) map[uint64]proto.Frame {
	t.Helper()
	got := make(map[uint64]proto.Frame)
	var b []byte
	for len(got) < n {
		f, rest, ok, err := proto.Next(b)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			got[f.ID], b = f, rest
			continue
		}
		more := make([]byte, 4096)
		read, err := conn.Read(more)
		if err != nil {
			t.Fatalf("after %d answers: %v", len(got), err)
		}
		b = append(b, more[:read]...)
	}
	return got
}

func status(f proto.Frame) proto.Status { return proto.Status(f.Code) }

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

// TestSlowWorkDelaysNothing holds the lane while fast commands are answered,
// and fills its share until it is busy.
func TestSlowWorkDelaysNothing(t *testing.T) {
	t.Parallel()
	started, release := make(chan struct{}, 3*laneDepth), make(chan struct{})
	var once sync.Once
	free := func() { once.Do(func() { close(release) }) }
	t.Cleanup(free)
	e := &scripted{load: func() { started <- struct{}{}; <-release }}
	load := (&proto.LoadDomainRequest{Token: []byte{1}}).Append(nil)
	_, conn, _ := exchange(t, e, append(request(1, proto.CmdHello, hello()), request(3, proto.CmdLoadDomain, load)...), 1)
	<-started // the worker is held
	const tries, share = 2 * laneDepth, laneDepth / laneShare
	var batch []byte
	for id := range uint64(tries) {
		batch = append(batch, request(100+id, proto.CmdLoadDomain, load)...)
	}
	batch = append(batch, random(2)...)
	go func() { _, _ = conn.Write(batch) }()
	got := answers(t, conn, tries-share+1)
	for id, f := range got {
		if want := proto.StatusBusy; id != 2 && status(f) != want || id == 2 && status(f) != proto.StatusOK {
			t.Errorf("request %d while the lane is held: %v", id, status(f))
		}
	}
	free()
	for id, f := range answers(t, conn, share+1) {
		if status(f) != proto.StatusOK {
			t.Errorf("request %d in the lane: %v", id, status(f))
		}
	}
}

// TestWeighedWorkDelaysNothing holds the lane of keys that are made and
// that of slow keys: fast keys are answered meanwhile, and neither lane waits
// for the other.
func TestWeighedWorkDelaysNothing(t *testing.T) {
	t.Parallel()
	started, release := make(chan proto.Weight, 16), make(chan struct{})
	e := &scripted{sign: func(w proto.Weight) {
		if w != proto.Fast {
			started <- w
			<-release
		}
	}}
	sign := func(id uint64, account string, w proto.Weight) []byte {
		m := &proto.SignRequest{Key: proto.KeyRef{Bind: proto.Bind{Region: "r", Account: account, ID: "k"}, Token: []byte{1}}, Algorithm: uint8(w), MessageType: 1, Message: []byte{byte(id)}}
		return request(id, proto.CmdSign, m.Append(nil))
	}
	_, conn, _ := exchange(t, e, slicesOf(request(1, proto.CmdHello, hello()), sign(2, "a", proto.Making), sign(3, "a", proto.Slow)), 1)
	if w := <-started + <-started; w != proto.Making+proto.Slow {
		t.Errorf("the two lanes hold %d", w)
	}
	go func() {
		_, _ = conn.Write(slicesOf(sign(4, "a", proto.Slow), sign(5, "a", proto.Slow), sign(6, "b", proto.Slow), sign(7, "b", proto.Fast), random(8)))
	}()
	for id, f := range answers(t, conn, 2) {
		if id < 7 || status(f) != proto.StatusOK {
			t.Errorf("request %d is answered while the lanes are held: %v", id, status(f))
		}
	}
	close(release)
	for id, f := range answers(t, conn, 5) {
		if status(f) != proto.StatusOK || len(f.Message) != 1 || uint64(f.Message[0]) != id {
			t.Errorf("request %d in a lane: %v %v", id, status(f), f.Message)
		}
	}
}

func TestLaneTakesTurns(t *testing.T) {
	t.Parallel()
	l := newLane(0, 16, func() {}) // no workers: the test takes
	var order []string
	for _, account := range []string{"a", "a", "a", "b", "c", "b"} {
		if !l.put(job{account: account, run: func(bool) { order = append(order, account) }}) {
			t.Fatal("full")
		}
	}
	for range 6 {
		j, _, ok := l.take()
		if !ok {
			t.Fatal("closed")
		}
		j.run(false)
	}
	if got := strings.Join(order, ""); got != "abcaba" {
		t.Errorf("order %s", got)
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
	if _, _, ok := l.take(); ok || l.put(job{account: "b"}) {
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
