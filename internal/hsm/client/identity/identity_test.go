package identity_test

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"runtime"
	"testing"
	"time"

	"trent/internal/hsm/client"
	"trent/internal/hsm/client/identity"
	"trent/internal/hsm/proto"
	"trent/internal/hsm/server/servertest"
	"trent/internal/secret"
)

const (
	region  = "eu-west-1"
	account = "111122223333"
	keyID   = "AKIAIOSFODNN7EXAMPLE"
)

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

// module is a real module with the domains of identities and of a Region.
func module(t *testing.T) (*identity.Module, *servertest.Process) {
	t.Helper()
	process := servertest.Start(t, proto.GlobalRegion, region)
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
	return identity.New(c), process
}

// TestEveryCommand seals and creates secrets and derives from both, and sees
// every command of identities cross.
func TestEveryCommand(t *testing.T) {
	t.Parallel()
	m, process := module(t)
	today := time.Now().UTC().Format("20060102")
	created, token, generation, err := m.CreateSecret(t.Context(), account, keyID)
	if err != nil || created.Len() != 40 || generation == 0 {
		t.Fatalf("CreateSecret: %d bytes, generation %d, %v", created.Len(), generation, err)
	}
	sealed, _, err := m.SealSecret(t.Context(), account, keyID, created)
	if err != nil {
		t.Fatalf("SealSecret: %v", err)
	}
	first, err := m.DayKey(t.Context(), account, keyID, token, today, region, "kms")
	if err != nil || first.Len() != 32 {
		t.Fatalf("DayKey: %d bytes, %v", first.Len(), err)
	}
	second, err := m.DayKey(t.Context(), account, keyID, sealed, today, region, "kms")
	if err != nil || !second.Equal(first) {
		t.Errorf("the same secret, sealed twice, gives another day key: %v", err)
	}
	if missing := process.Missing(0x20, 0x2f); len(missing) > 0 {
		t.Errorf("commands that no method sends: %v", missing)
	}
}

func TestTypedErrors(t *testing.T) {
	t.Parallel()
	m, process := module(t)
	today := time.Now().UTC().Format("20060102")
	token, _, err := m.SealSecret(t.Context(), account, keyID, secret.New([]byte("0123456789012345678901234567890123456789")))
	if err != nil {
		t.Fatal(err)
	}
	flipped := append([]byte(nil), token...)
	flipped[len(flipped)-1] ^= 1
	for name, c := range map[string]struct {
		id, date, service string
		token             []byte
		want              error
	}{
		"old date":      {keyID, "20200101", "kms", token, identity.ErrDateRefused},
		"other service": {keyID, today, "s3", token, identity.ErrDateRefused},
		"other key":     {"AKIAOTHER", today, "kms", token, identity.ErrTokenRefused},
		"flipped token": {keyID, today, "kms", flipped, identity.ErrTokenRefused},
	} {
		if _, err := m.DayKey(t.Context(), account, c.id, c.token, c.date, region, c.service); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	process.Conn.Close()
	if _, err := m.DayKey(t.Context(), account, keyID, token, today, region, "kms"); !errors.Is(err, identity.ErrUnavailable) {
		t.Errorf("no module: %v", err)
	}
}
