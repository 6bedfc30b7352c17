package server

import (
	"log/slog"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"trent/internal/hsm/proto"
)

// scripted is an engine whose GenerateRandom, LoadDomain, Sign and CreateKey do
// what a test says: faults and slowness that the real one does not have. It has
// no other command. CreateKey is slow; Sign is if its request's algorithm is 1.
type scripted struct {
	Engine
	mute   atomic.Bool
	random func(dst []byte)
	load   func()
	sign   func(slow bool)
	create func()              // makes a key
	ready  func() (there bool) // is one made ahead?
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

func (e *scripted) Weigh(cmd proto.Command, message []byte) (account string, spec uint16, slow bool) {
	if cmd == proto.CmdCreateKey {
		var m proto.CreateKeyRequest
		return m.Bind.Account, m.Spec, m.Decode(message) == nil
	}
	var m proto.SignRequest
	return m.Key.Bind.Account, 1, m.Decode(message) == nil && m.Algorithm == 1
}

func (e *scripted) Sign(m *proto.SignRequest, dst []byte) ([]byte, proto.Status) {
	e.sign(m.Algorithm == 1)
	return append(dst, m.Message...), proto.StatusOK
}

func (e *scripted) CreateKey(m *proto.CreateKeyRequest, dst []byte) ([]byte, proto.Status) {
	e.create()
	return append(dst, m.Bind.ID...), proto.StatusOK
}

func (e *scripted) CreateReadyKey(m *proto.CreateKeyRequest, dst []byte) ([]byte, proto.Status) {
	if !e.ready() {
		return dst, proto.StatusBusy
	}
	return append(dst, m.Bind.ID...), proto.StatusOK
}

// sign is a Sign whose answer is the low byte of its id, and create a CreateKey
// whose answer is "key".
func sign(id uint64, account string, slow bool) []byte {
	m := &proto.SignRequest{Key: proto.KeyRef{Bind: proto.Bind{Region: "r", Account: account, ID: "k"}, Token: []byte{1}}, MessageType: 1, Message: []byte{byte(id)}}
	if slow {
		m.Algorithm = 1
	}
	return request(id, proto.CmdSign, m.Append(nil))
}

func create(id uint64, account string) []byte {
	return request(id, proto.CmdCreateKey, (&proto.CreateKeyRequest{Bind: proto.Bind{Region: "r", Account: account, ID: "key"}, Spec: 2, Usage: 1}).Append(nil))
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

// answers reads n answers. One that does not come fails the test.
func answers(t *testing.T, conn net.Conn, n int) map[uint64]proto.Frame {
	t.Helper()
	if err := conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
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
