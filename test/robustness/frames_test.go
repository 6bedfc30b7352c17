package robustness

import (
	"bytes"
	"encoding/base64"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"trent/test/harness"
)

// A tap stands between the service and the module, and keeps what passes.
type tap struct {
	mu   sync.Mutex
	seen bytes.Buffer // both directions
}

func (p *tap) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.seen.Write(b)
}

// take returns what has passed since the last call.
func (p *tap) take() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	b := bytes.Clone(p.seen.Bytes())
	p.seen.Reset()
	return b
}

// listen makes the tap's socket, behind which is the module's.
func (p *tap) listen(t *testing.T, module string) (socket string) {
	t.Helper()
	socket = filepath.Join(harness.SocketFolder(t), "tap")
	listener, err := net.Listen("unix", socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			service, err := listener.Accept()
			if err != nil {
				return
			}
			behind, err := net.Dial("unix", module)
			if err != nil {
				service.Close()
				continue
			}
			pass := func(to, from net.Conn) {
				io.Copy(io.MultiWriter(to, p), from)
				to.Close()
				from.Close()
			}
			go pass(behind, service)
			go pass(service, behind)
		}
	}()
	return socket
}

// TestFrames runs the module by itself, reads what passes between the two
// programs, and finds secrets there only where the service must see them.
func TestFrames(t *testing.T) {
	t.Parallel()
	var p tap
	s := harness.Start(t, "--hsm", p.listen(t, harness.StartModule(t)))
	from, _ := s.CreateKey(t, harness.Default)
	to, _ := s.CreateKey(t, harness.Default)
	secret := randomBytes(canarySize)
	list := needles("the plaintext", secret)

	p.take()
	sealed := s.Must(t, "Encrypt", object{"KeyId": from, "Plaintext": secret})["CiphertextBlob"]
	if !bytes.Contains(p.take(), secret) {
		t.Fatal("the plaintext of Encrypt does not pass: the tap is not in between")
	}
	moved := s.Must(t, "ReEncrypt", object{"CiphertextBlob": sealed, "DestinationKeyId": to})["CiphertextBlob"]
	frames := p.take()
	if found := leaks(frames, list); found != nil || len(frames) == 0 {
		t.Errorf("of ReEncrypt pass %d bytes, with %v", len(frames), found)
	}
	if got := s.Must(t, "Decrypt", object{"CiphertextBlob": moved})["Plaintext"]; got != base64.StdEncoding.EncodeToString(secret) {
		t.Errorf("what ReEncrypt gave decrypts to %v", got)
	}

	p.take()
	hidden := s.Must(t, "GenerateDataKeyWithoutPlaintext", object{"KeyId": from, "KeySpec": "AES_256"})["CiphertextBlob"]
	frames = p.take()
	dataKey, err := base64.StdEncoding.DecodeString(s.Must(t, "Decrypt", object{"CiphertextBlob": hidden})["Plaintext"].(string))
	if err != nil {
		t.Fatal(err)
	}
	if found := leaks(frames, needles("the data key", dataKey)); found != nil || len(frames) == 0 {
		t.Errorf("of GenerateDataKeyWithoutPlaintext pass %d bytes, with %v", len(frames), found)
	}
	if frames = p.take(); !bytes.Contains(frames, dataKey) {
		t.Errorf("the data key of Decrypt does not pass")
	}

	// A dry run checks the ciphertext, and still brings no plaintext.
	dryRun := s.Do(t, harness.Request{Operation: "Decrypt", Body: harness.Marshal(object{"CiphertextBlob": hidden, "DryRun": true})})
	if dryRun.Type != "DryRunOperationException" {
		t.Errorf("the dry run ends in %s", dryRun.Body)
	}
	if frames = p.take(); bytes.Contains(frames, dataKey) {
		t.Errorf("a dry run of Decrypt brings the plaintext to the service")
	}
}

// TestModuleOfItsOwn: a service that crashed finds the module that it did not
// start, and all its keys, again.
func TestModuleOfItsOwn(t *testing.T) {
	t.Parallel()
	socket := harness.StartModule(t)
	s := harness.Start(t, "--hsm", socket)
	key, _ := s.CreateKey(t, harness.Default)
	sealed := s.Must(t, "Encrypt", object{"KeyId": key, "Plaintext": "AA=="})["CiphertextBlob"]
	if s.Module() != 0 {
		t.Errorf("the service has started a module although it was given one")
	}
	s.Kill()
	s.Restart()
	if got := s.Must(t, "Decrypt", object{"CiphertextBlob": sealed})["Plaintext"]; got != "AA==" {
		t.Errorf("after a restart on the same module the plaintext is %v", got)
	}
}

// TestOnlyLoopback: with its well-known credentials, trent dev listens on
// addresses of this machine only.
func TestOnlyLoopback(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"0.0.0.0:0", "[::]:0", ":0"} {
		out, code := harness.Run(t, "dev", "--listen", address, "--data", t.TempDir(), "--hsm-binary", harness.Program("trent-hsm"))
		if code == 0 || strings.Contains(out, "http://") {
			t.Errorf("--listen %s: code %d, %s", address, code, out)
		}
	}
}
