package main

import (
	"encoding/base64"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"testing"

	"trent/internal/hsm/proto"
)

// aModule is a listening trent-hsm of a test, with one domain.
type aModule struct {
	dir    string
	region string
	domain []byte // its token
	conn   net.Conn
}

// serve starts the program anew, with more arguments, and loads its domain.
func (m *aModule) serve(t *testing.T, args ...string) {
	t.Helper()
	socket := filepath.Join(m.dir, fmt.Sprint("socket", len(args)))
	serving(t, program(t, append([]string{"--key-file", filepath.Join(m.dir, "key"), "--create-key-file", "--listen", socket}, args...)...))
	conn, err := net.Dial("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	m.conn = conn
	m.must(t, proto.CmdHello, &proto.HelloRequest{Version: proto.Version})
	if m.domain == nil {
		m.domain = framed(t, m.must(t, proto.CmdCreateDomain, &proto.CreateDomainRequest{Region: m.region}))
		m.must(t, proto.CmdLoadDomain, &proto.LoadDomainRequest{Token: m.domain})
		m.domain = framed(t, m.must(t, proto.CmdAddReplicationKey, &proto.RotateDomainRequest{Region: m.region}))
	}
	m.must(t, proto.CmdLoadDomain, &proto.LoadDomainRequest{Token: m.domain})
}

// ask sends one command and returns its answer.
func (m *aModule) ask(t *testing.T, cmd proto.Command, message interface{ Append([]byte) []byte }) ([]byte, proto.Status) {
	t.Helper()
	frame := message.Append(proto.AppendHeader(nil, 1, uint8(cmd)))
	if !proto.EndFrame(frame) {
		t.Fatal("too long")
	}
	if _, err := m.conn.Write(frame); err != nil {
		t.Fatal(err)
	}
	var got []byte
	for b := make([]byte, 4096); ; {
		n, err := m.conn.Read(b)
		if err != nil && err != io.EOF {
			t.Fatal(err)
		}
		got = append(got, b[:n]...)
		f, _, ok, err := proto.Next(got)
		if err != nil {
			t.Fatal(err)
		}
		if ok {
			return f.Message, proto.Status(f.Code)
		}
	}
}

func (m *aModule) must(t *testing.T, cmd proto.Command, message interface{ Append([]byte) []byte }) []byte {
	t.Helper()
	answer, status := m.ask(t, cmd, message)
	if status != proto.StatusOK {
		t.Fatalf("%v: %v", cmd, status)
	}
	return answer
}

// framed takes a bytes32 from an answer, which is all of it.
func framed(t *testing.T, answer []byte) []byte {
	t.Helper()
	var m proto.LoadDomainRequest
	if err := m.Decode(answer); err != nil {
		t.Fatal(err)
	}
	return m.Token
}

// peer is what another module's file says of this one's domain.
func (m *aModule) peer(t *testing.T) (id [16]byte, line string) {
	t.Helper()
	var key proto.ReplicationKeyResponse
	if err := key.Decode(m.must(t, proto.CmdReplicationKey, &proto.RotateDomainRequest{Region: m.region})); err != nil {
		t.Fatal(err)
	}
	return key.DomainID, fmt.Sprintf("%s %x %s\n", m.region, key.DomainID, base64.StdEncoding.EncodeToString(key.PublicKey))
}

// TestTwoProcesses carries a multi-Region key from one trent-hsm to another, of
// other domains and another key file: in messages alone, and only when each has
// been told of the other before it served.
func TestTwoProcesses(t *testing.T) {
	t.Parallel()
	newModule := func(region string) *aModule {
		m := &aModule{dir: t.TempDir(), region: region}
		if err := os.Chmod(m.dir, 0o700); err != nil {
			t.Fatal(err)
		}
		m.serve(t)
		return m
	}
	from, to := newModule("eu-west-1"), newModule("us-west-2")
	bind := proto.Bind{Region: from.region, Account: "111122223333", ID: "mrk-1234abcd12ab34cd56ef1234567890ab"}
	var made proto.CreateKeyResponse
	if err := made.Decode(from.must(t, proto.CmdCreateKey, &proto.CreateKeyRequest{Bind: bind, Spec: 1, Usage: 1, Flags: proto.FlagMultiRegion})); err != nil {
		t.Fatal(err)
	}
	sender, senderLine := from.peer(t)
	_, receiverLine := to.peer(t)
	there := proto.Bind{Region: to.region, Account: bind.Account, ID: bind.ID}
	ask := &proto.OfferReplicaRequest{Bind: there, SenderRegion: from.region, SenderDomain: sender, MaterialID: made.MaterialID}
	if _, status := to.ask(t, proto.CmdOfferReplica, ask); status != proto.StatusReplicaRefused {
		t.Fatalf("an offer to a stranger: %v", status)
	}
	told := func(m *aModule, line string) {
		path := filepath.Join(m.dir, "peers")
		if err := os.WriteFile(path, []byte(line), 0o600); err != nil {
			t.Fatal(err)
		}
		m.serve(t, "--replication-peers", path)
	}
	told(to, senderLine)
	var offered proto.OfferReplicaResponse
	if err := offered.Decode(to.must(t, proto.CmdOfferReplica, ask)); err != nil {
		t.Fatal(err)
	}
	send := &proto.SendReplicaRequest{Key: proto.KeyRef{Bind: bind, Origin: proto.OriginGenerated, Token: made.Token}, Offer: offered.Offer}
	if _, status := from.ask(t, proto.CmdSendReplica, send); status != proto.StatusReplicaRefused {
		t.Fatalf("a delivery to a stranger: %v", status)
	}
	told(from, receiverLine)
	delivery := from.must(t, proto.CmdSendReplica, send)
	var replica proto.CreateKeyResponse
	if err := replica.Decode(to.must(t, proto.CmdReceiveReplica, &proto.ReceiveReplicaRequest{Key: proto.KeyRef{Bind: there, Token: offered.Token}, Delivery: delivery})); err != nil {
		t.Fatal(err)
	}
	blob := from.must(t, proto.CmdEncrypt, &proto.EncryptRequest{Key: proto.KeyRef{Bind: bind, Origin: proto.OriginGenerated, Token: made.Token}, Plaintext: []byte("across")})
	if got := to.must(t, proto.CmdDecrypt, &proto.DecryptRequest{Key: proto.KeyRef{Bind: there, Origin: proto.OriginGenerated, Token: replica.Token}, Blob: blob}); string(got) != "across" || replica.MaterialID != made.MaterialID {
		t.Errorf("%q, of material %x", got, replica.MaterialID)
	}
}
