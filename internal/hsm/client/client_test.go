package client_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"os"
	"testing"

	"trent/internal/hsm/client"
	"trent/internal/hsm/client/jobs"
	"trent/internal/hsm/proto"
	"trent/internal/hsm/server/servertest"
)

const (
	region  = "eu-west-1"
	account = "111122223333"
	keyID   = "1234abcd-12ab-34cd-56ef-1234567890ab"
)

func TestMain(m *testing.M) {
	servertest.Main()
	os.Exit(m.Run())
}

// conns is a source of given connections.
type conns []io.ReadWriteCloser

func (c *conns) Connect(context.Context, bool) (io.ReadWriteCloser, error) {
	if len(*c) == 0 {
		return nil, io.EOF
	}
	conn := (*c)[0]
	*c = (*c)[1:]
	return conn, nil
}

// start runs a client until the test ends, and returns it once its hook has
// run the first time.
func start(tb testing.TB, source client.Source, hook func(context.Context, *client.Client) error) *client.Client {
	tb.Helper()
	c := client.New(slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(context.Background())
	ran, ended := make(chan struct{}, 1), make(chan struct{})
	go func() {
		defer close(ended)
		_ = c.Run(ctx, source, func(ctx context.Context) error {
			err := hook(ctx, c)
			select {
			case ran <- struct{}{}:
			default:
			}
			return err
		})
	}()
	tb.Cleanup(func() {
		cancel()
		<-ended
	})
	select {
	case <-ran:
	case <-ended:
		tb.Fatal("connection lost before the hook ran")
	}
	return c
}

// loadDomains makes and loads the domains that the tests use.
func loadDomains(ctx context.Context, c *client.Client) error {
	for _, name := range []string{region, proto.GlobalRegion} {
		token, err := jobs.New(c).CreateDomain(ctx, name, true)
		if err != nil {
			return err
		}
		if err := jobs.New(c).LoadDomain(ctx, token); err != nil {
			return err
		}
	}
	return nil
}

// connected is a ready client of a real module, and the module's process id.
func connected(tb testing.TB) (*client.Client, int) {
	tb.Helper()
	module := servertest.Start(tb)
	var setUp error
	c := start(tb, &conns{module}, func(ctx context.Context, c *client.Client) error {
		setUp = loadDomains(ctx, c)
		return setUp
	})
	if setUp != nil {
		tb.Fatal(setUp)
	}
	awaitReady(tb, c)
	return c, module.Pid
}

// awaitReady waits for the moment between the hook's end and Ready.
func awaitReady(tb testing.TB, c *client.Client) {
	tb.Helper()
	for !c.Ready() {
		if tb.Context().Err() != nil {
			tb.Fatal("never ready")
		}
	}
}

// newKey makes a backing key.
func newKey(tb testing.TB, c *client.Client) proto.KeyRef {
	tb.Helper()
	bind := proto.Bind{Region: region, Account: account, ID: keyID}
	request := proto.CreateKeyRequest{Bind: bind, Spec: 1, Usage: 1}
	call := c.Start(proto.CmdCreateKey)
	defer call.Done()
	call.Frame = request.Append(call.Frame)
	answer, err := call.Do(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	var response proto.CreateKeyResponse
	if err := response.Decode(answer); err != nil {
		tb.Fatal(err)
	}
	return proto.KeyRef{Bind: bind, Token: bytes.Clone(response.Token)}
}
