package jobs_test

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/x509"
	"errors"
	"io"
	"log/slog"
	"os"
	"runtime"
	"testing"
	"time"

	"trent/internal/hsm/client"
	"trent/internal/hsm/client/jobs"
	"trent/internal/hsm/server/servertest"
)

const region = "eu-west-1"

func TestMain(m *testing.M) {
	servertest.Main()
	os.Exit(m.Run())
}

// once is a source of one connection.
type once struct{ conn io.ReadWriteCloser }

func (o *once) Connect(context.Context, bool) (io.ReadWriteCloser, error) {
	conn := o.conn
	o.conn = nil
	if conn == nil {
		return nil, io.EOF
	}
	return conn, nil
}

// module is a real module with a Region's domain.
func module(t *testing.T) (*jobs.Module, *servertest.Process) {
	t.Helper()
	process := servertest.Start(t, region)
	c := client.New(slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_ = c.Run(ctx, &once{process}, func(context.Context) error { return nil })
	}()
	t.Cleanup(func() {
		cancel()
		<-ended
	})
	for !c.Ready() {
		if c.State() == client.Down {
			t.Fatal("never ready")
		}
		runtime.Gosched()
	}
	return jobs.New(c), process
}

// TestEveryCommand administers a domain, and sees every command of jobs cross.
func TestEveryCommand(t *testing.T) {
	t.Parallel()
	m, process := module(t)
	const other = "us-west-2"
	domain, err := m.CreateDomain(t.Context(), other, true)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.LoadDomain(t.Context(), domain); err != nil {
		t.Fatal(err)
	}
	token, first, err := m.CreateServiceKey(t.Context(), other, "seal")
	if err != nil {
		t.Fatal(err)
	}
	key, err := m.ReleaseServiceKey(t.Context(), other, "seal", token)
	if err != nil || key.Len() != 32 {
		t.Fatalf("ReleaseServiceKey: %d bytes, %v", key.Len(), err)
	}
	rotated, err := m.RotateDomain(t.Context(), other)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.LoadDomain(t.Context(), rotated); err != nil {
		t.Fatal(err)
	}
	rewrapped, second, err := m.Rewrap(t.Context(), jobs.KindServiceKey, jobs.Bind{Region: other, ID: "seal"}, token)
	if err != nil || second != first+1 || bytes.Equal(rewrapped, token) {
		t.Fatalf("Rewrap: generation %d after %d, %v", second, first, err)
	}
	same, err := m.ReleaseServiceKey(t.Context(), other, "seal", rewrapped)
	if err != nil || !same.Equal(key) {
		t.Errorf("the rewrapped token holds another key: %v", err)
	}
	global, err := m.CreateDomain(t.Context(), "global", true)
	if err == nil {
		err = m.LoadDomain(t.Context(), global)
	}
	if err != nil {
		t.Fatal(err)
	}
	signer, err := m.CreateAuditKey(t.Context(), "digests", 9) // Ed25519
	if err != nil {
		t.Fatal(err)
	}
	signature, err := m.SignDigest(t.Context(), &signer, 13, []byte("digest"))
	if public, e := x509.ParsePKIXPublicKey(signer.PublicKey); err != nil || e != nil || !ed25519.Verify(public.(ed25519.PublicKey), []byte("digest"), signature) {
		t.Errorf("SignDigest: %v, %v", err, e)
	}
	if err := m.MoveClock(t.Context(), 30*24*time.Hour); err != nil {
		t.Errorf("MoveClock: %v", err)
	}
	info, err := m.Status(t.Context())
	if err != nil || !info.Dev || info.Mute || len(info.Domains) != 3 || info.FramesRead == 0 || info.Writes == 0 {
		t.Errorf("Status: %+v, %v", info, err)
	}
	replicate(t, m, other)
	if missing := append(process.Missing(0x01, 0x1f), process.Missing(0x44, 0x47)...); len(missing) > 0 {
		t.Errorf("commands that no method sends: %v", missing)
	}
}

// replicate sends the commands of replication, with what they refuse: only an
// operation can make a multi-Region key (internal/node has a whole replication).
func replicate(t *testing.T, m *jobs.Module, other string) {
	t.Helper()
	replica := jobs.Replica{Bind: jobs.Bind{Region: region, Account: "111122223333", ID: "mrk-1"}, SenderRegion: other}
	for _, name := range []string{region, other} {
		id, spki, err := m.ReplicationKey(t.Context(), name)
		if err != nil || spki != nil || id == (jobs.DomainID{}) {
			t.Errorf("ReplicationKey, before there is one: %x of %x, %v", spki, id, err)
		}
		token, err := m.AddReplicationKey(t.Context(), name)
		if err == nil {
			err = m.LoadDomain(t.Context(), token)
		}
		if err != nil {
			t.Fatal(err)
		}
		if replica.SenderDomain, spki, err = m.ReplicationKey(t.Context(), name); err != nil || len(spki) != 120 {
			t.Errorf("ReplicationKey: %x, %v", spki, err)
		}
		if _, err := m.AddReplicationKey(t.Context(), name); !errors.Is(err, jobs.DomainRefused) {
			t.Errorf("a second replication key: %v", err)
		}
	}
	token, offer, err := m.OfferReplica(t.Context(), &replica)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.SendReplica(t.Context(), replica.Bind, token, offer); !errors.Is(err, jobs.TokenRefused) {
		t.Errorf("the offer's token instead of a key's: %v", err)
	}
	if _, err := m.ReceiveReplica(t.Context(), replica.Bind, token, offer); !errors.Is(err, jobs.ReplicaRefused) {
		t.Errorf("an offer instead of a delivery: %v", err)
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	m, process := module(t)
	if err := m.LoadDomain(t.Context(), []byte("no token")); !errors.Is(err, jobs.DomainRefused) {
		t.Errorf("a domain token that is none: %v", err)
	}
	if _, err := m.RotateDomain(t.Context(), "nowhere"); !errors.Is(err, jobs.UnknownDomain) {
		t.Errorf("an unknown domain: %v", err)
	}
	if err := m.MoveClock(t.Context(), time.Minute); err != nil {
		t.Fatal(err)
	}
	if err := m.MoveClock(t.Context(), 59*time.Second); !errors.Is(err, jobs.ClockRefused) {
		t.Errorf("back: %v", err)
	}
	token, _, err := m.CreateServiceKey(t.Context(), region, "seal")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := m.ReleaseServiceKey(t.Context(), region, "record-mac", token); !errors.Is(err, jobs.TokenRefused) {
		t.Errorf("another service key's token: %v", err)
	}
	process.Conn.Close()
	if _, err := m.Status(t.Context()); !errors.Is(err, jobs.ErrUnavailable) {
		t.Errorf("no module: %v", err)
	}
}
