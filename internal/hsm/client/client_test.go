package client_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"runtime"
	"sync"
	"testing"

	"trent/internal/hsm/client"
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

// connected is a ready client of a real module, and the module.
func connected(tb testing.TB) (*client.Client, *servertest.Process) {
	tb.Helper()
	module := servertest.Start(tb, region)
	c := start(tb, &conns{module.Conn}, func(context.Context, *client.Client) error { return nil })
	awaitReady(tb, c)
	return c, module
}

// awaitReady waits for the moment between the hook's end and Ready.
func awaitReady(tb testing.TB, c *client.Client) {
	tb.Helper()
	for !c.Ready() {
		if c.State() == client.Down {
			tb.Fatal("never ready")
		}
		runtime.Gosched()
	}
}

// newKey makes a backing key.
func newKey(tb testing.TB, c *client.Client) proto.KeyRef {
	tb.Helper()
	bind := proto.Bind{Region: region, Account: account, ID: keyID}
	request := proto.CreateKeyRequest{Bind: bind, Spec: 1, Usage: 1}
	answer, err := do(tb.Context(), c, proto.CmdCreateKey, request.Append(nil))
	if err != nil {
		tb.Fatal(err)
	}
	var response proto.CreateKeyResponse
	if err := response.Decode(answer); err != nil {
		tb.Fatal(err)
	}
	return proto.KeyRef{Bind: bind, Origin: proto.OriginGenerated, Token: bytes.Clone(response.Token)}
}

// do makes one call and returns a copy of the answer.
func do(ctx context.Context, c *client.Client, cmd proto.Command, message []byte) ([]byte, error) {
	call := c.Start(cmd)
	defer call.Done()
	call.Frame = append(call.Frame, message...)
	answer, err := call.Do(ctx)
	return bytes.Clone(answer), err
}

// TestAnswersReachTheirCallers has each of many callers ask for another number
// of random bytes.
func TestAnswersReachTheirCallers(t *testing.T) {
	t.Parallel()
	c, _ := connected(t)
	var all sync.WaitGroup
	for n := range 64 {
		all.Go(func() {
			request := proto.GenerateRandomRequest{Bytes: uint32(n + 1)}
			for range 50 {
				answer, err := do(t.Context(), c, proto.CmdGenerateRandom, request.Append(nil))
				if err != nil || len(answer) != n+1 {
					t.Errorf("asked for %d bytes, got %d, %v", n+1, len(answer), err)
					return
				}
			}
		})
	}
	all.Wait()
	counted := c.Counters()
	if counted.FramesWritten != 64*50+1 || counted.FramesRead != counted.FramesWritten {
		t.Errorf("%+v after %d calls and hello", counted, 64*50)
	}
	if counted.Writes > counted.FramesWritten || counted.Reads > counted.FramesRead {
		t.Errorf("more system calls than frames: %+v", counted)
	}
}

func TestModulesRefusalIsTheError(t *testing.T) {
	t.Parallel()
	c, _ := connected(t)
	key := newKey(t, c)
	request := proto.DecryptRequest{Key: key, Blob: make([]byte, 112)}
	if _, err := do(t.Context(), c, proto.CmdDecrypt, request.Append(nil)); !errors.Is(err, proto.StatusInvalidCiphertext) {
		t.Errorf("a blob of zeros: %v", err)
	}
	if _, err := do(t.Context(), c, proto.CmdEncrypt, []byte{1}); !errors.Is(err, proto.StatusMalformed) {
		t.Errorf("a malformed message: %v", err)
	}
	if _, err := do(t.Context(), c, 0xee, nil); !errors.Is(err, proto.StatusUnknownCommand) {
		t.Errorf("an unknown command: %v", err)
	}
	if _, err := do(t.Context(), c, proto.CmdEncrypt, make([]byte, proto.MaxFrame)); !errors.Is(err, proto.ErrMalformed) {
		t.Errorf("a request that no frame holds: %v", err)
	}
	if _, err := do(t.Context(), c, proto.CmdStatus, nil); err != nil {
		t.Errorf("status after all that: %v", err)
	}
}

func TestDoneWipes(t *testing.T) {
	t.Parallel()
	c, _ := connected(t)
	call := c.Start(proto.CmdGenerateRandom)
	call.Frame = (&proto.GenerateRandomRequest{Bytes: 1024}).Append(call.Frame)
	answer, err := call.Do(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(answer, make([]byte, 1024)) {
		t.Fatal("no random bytes")
	}
	call.Done()
	if !bytes.Equal(answer, make([]byte, 1024)) {
		t.Error("the answer outlives Done")
	}
}
