package robustness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/kms"
	"github.com/aws/smithy-go"

	"trent/test/harness"
)

// clients is how many call at the same time.
const clients = 16

// A promise is what the server has acknowledged: it must hold for ever.
type promise struct {
	key             string
	plaintext, blob []byte
}

// promises gathers what all clients were promised.
type promises struct {
	mu   sync.Mutex
	list []promise
	made atomic.Int64
}

func (p *promises) add(made promise) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.list = append(p.list, made)
	p.made.Add(1)
}

// load runs a client's work until it fails, in each of the clients, and
// returns how each ended.
func load(work func(client int) error) []error {
	ends := make([]error, clients)
	var wg sync.WaitGroup
	for i := range clients {
		wg.Go(func() {
			for ends[i] == nil {
				ends[i] = work(i)
			}
		})
	}
	wg.Wait()
	return ends
}

// answered reports whether err is an answer of the server, rather than the end
// of the connection to it.
func answered(err error) bool {
	var e smithy.APIError
	return errors.As(err, &e)
}

// whileLoaded runs the load, kills the server once enough was promised, waits
// for the clients, and starts the server again.
func whileLoaded(t *testing.T, s *harness.Server, enough func() bool, work func(c *kms.Client) error) {
	t.Helper()
	c := s.Client(harness.Default)
	ended := make(chan []error)
	go func() { ended <- load(func(int) error { return work(c) }) }()
	if !harness.Eventually(2*time.Minute, enough) {
		t.Errorf("the load does not get on")
	}
	s.Kill()
	for _, err := range <-ended {
		if answered(err) {
			t.Errorf("before the crash a call failed: %v", err)
		}
	}
	verified(t, s)
	s.Restart()
}

// verified fails the test unless the audit trail, as a crash or a stop has left
// it, is sound.
func verified(t *testing.T, s *harness.Server) {
	t.Helper()
	out, err := exec.Command(harness.Program("trent"), "audit", "verify", filepath.Join(s.Data, "audit"), "--output", "json").Output()
	if err != nil {
		t.Errorf("the audit trail does not verify: %v\n%s", err, out)
	}
}

func create(c *kms.Client, p *promises) error {
	created, err := c.CreateKey(context.Background(), &kms.CreateKeyInput{})
	if err != nil {
		return err
	}
	// The key exists from here on; it is a promise of its own.
	key := aws.ToString(created.KeyMetadata.KeyId)
	p.add(promise{key: key})
	return encrypt(c, p, key)
}

func encrypt(c *kms.Client, p *promises, key string) error {
	plaintext := randomBytes(canarySize)
	out, err := c.Encrypt(context.Background(), &kms.EncryptInput{KeyId: &key, Plaintext: plaintext})
	if err != nil {
		return err
	}
	p.add(promise{key, plaintext, out.CiphertextBlob})
	return nil
}

// kept checks every promise.
func kept(t *testing.T, s *harness.Server, p *promises) {
	t.Helper()
	c := s.Client(harness.Default)
	for _, made := range p.list {
		if err := keeps(c, made); err != nil {
			t.Fatalf("of %d promises one is broken: %v", len(p.list), err)
		}
	}
}

func keeps(c *kms.Client, made promise) error {
	if made.blob == nil {
		_, err := c.DescribeKey(context.Background(), &kms.DescribeKeyInput{KeyId: &made.key})
		return err
	}
	out, err := c.Decrypt(context.Background(), &kms.DecryptInput{CiphertextBlob: made.blob})
	if err == nil && !bytes.Equal(out.Plaintext, made.plaintext) {
		err = fmt.Errorf("key %s: another plaintext", made.key)
	}
	return err
}

// TestNothingAcknowledgedIsLost kills the server again and again while 16
// clients create keys and encrypt: all that was acknowledged is there after.
func TestNothingAcknowledgedIsLost(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, "--audit", "relaxed")
	var p promises
	for round := range harness.Rounds(3, 100) {
		target := int64(round+1) * int64(harness.Rounds(200, 1000))
		whileLoaded(t, s, func() bool { return p.made.Load() >= target }, func(c *kms.Client) error { return create(c, &p) })
	}
	kept(t, s, &p)

	// No acknowledged mutation is without its record either.
	if s.Stop() != 0 {
		t.Errorf("the server does not stop in order")
	}
	verified(t, s)
	records, err := harness.ReadAudit(s.Data)
	if err != nil {
		t.Fatal(err)
	}
	created := map[string]int{}
	for _, r := range records {
		if r.Text("eventName") == "CreateKey" && r.Text("errorCode") == "" {
			for _, arn := range r.Keys() {
				created[arn[strings.LastIndexByte(arn, '/')+1:]]++
			}
		}
	}
	for _, made := range p.list {
		if made.blob == nil && created[made.key] != 1 {
			t.Errorf("the trail has the creation of %s %d times", made.key, created[made.key])
		}
	}
}

// TestRotationUnderLoad rotates the domain key every second while 16 clients
// encrypt and decrypt, and kills the server in the middle of it.
func TestRotationUnderLoad(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, "--audit", "relaxed", "--domain-rotation", "1s")
	var p promises
	for range 8 {
		key, _ := s.CreateKey(t, harness.Default)
		p.add(promise{key: key})
	}
	var next atomic.Int64
	work := func(c *kms.Client) error {
		n := next.Add(1)
		p.mu.Lock()
		made := p.list[n%int64(len(p.list))]
		p.mu.Unlock()
		if n%8 == 0 {
			return encrypt(c, &p, made.key)
		}
		return keeps(c, made)
	}
	for range harness.Rounds(2, 20) {
		before := bytes.Count(s.Output(), []byte(rotated))
		whileLoaded(t, s, func() bool { return bytes.Count(s.Output(), []byte(rotated)) >= before+2 }, work)
	}
	kept(t, s, &p)
}

// rotated is what the server logs when a domain has a new generation.
const rotated = "domain key rotated"

// TestModuleIsKilled kills the crypto module under load: calls succeed or say
// that they may be tried again, and soon all succeed again.
func TestModuleIsKilled(t *testing.T) {
	t.Parallel()
	s := harness.Start(t, "--audit", "relaxed")
	key, _ := s.CreateKey(t, harness.Default)
	c := s.Client(harness.Default)
	var succeeded, refused atomic.Int64
	stop := make(chan struct{})
	errStop := errors.New("enough")
	ended := make(chan []error)
	var p promises
	go func() {
		ended <- load(func(int) error {
			select {
			case <-stop:
				return errStop
			default:
			}
			err := encrypt(c, &p, key)
			var e smithy.APIError
			switch {
			case err == nil:
				succeeded.Add(1)
			case errors.As(err, &e) && e.ErrorCode() == "ServiceUnavailableException":
				refused.Add(1)
				return nil
			}
			return err
		})
	}()
	for range harness.Rounds(2, 4) { // five restarts in ten minutes are the limit
		before := succeeded.Load()
		if !harness.Eventually(time.Minute, func() bool { return succeeded.Load() > before+500 }) {
			t.Fatalf("the load does not get on: %d calls succeeded, %d were refused", succeeded.Load(), refused.Load())
		}
		module := s.Module()
		if module == 0 {
			t.Fatal("there is no module to kill")
		}
		if err := syscall.Kill(module, syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		if !harness.Eventually(time.Minute, func() bool { m := s.Module(); return m != 0 && m != module }) {
			t.Fatal("the module does not come back")
		}
	}
	before := succeeded.Load()
	if !harness.Eventually(time.Minute, func() bool { return succeeded.Load() > before+500 }) {
		t.Errorf("after the last kill the service does not recover")
	}
	close(stop)
	for _, err := range <-ended {
		if !errors.Is(err, errStop) {
			t.Errorf("a client ended with %v", err)
		}
	}
	t.Logf("%d calls succeeded, %d were refused", succeeded.Load(), refused.Load())
	kept(t, s, &p)
}

// TestTwoServersOnOneFolder: the second is refused, and does not disturb the
// first.
func TestTwoServersOnOneFolder(t *testing.T) {
	t.Parallel()
	s := harness.Start(t)
	key, _ := s.CreateKey(t, harness.Default)
	out, code := harness.Run(t, "dev", "--listen", "127.0.0.1:0", "--data", s.Data, "--hsm-binary", harness.Program("trent-hsm"))
	if code == 0 || strings.Contains(out, "http://") {
		t.Errorf("a second server starts on the same folder (code %d): %s", code, out)
	}
	s.Must(t, "Encrypt", object{"KeyId": key, "Plaintext": "AA=="})
}
