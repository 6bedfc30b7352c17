package main

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"trent/internal/hsm/alg"
	"trent/internal/keyspec"
)

// A primitiveJob asks for the cost of one case without a server.
type primitiveJob struct {
	Case    algorithmCase
	Seconds float64
}

// A primitives is this program once more, as `load primitives`: in FIPS mode,
// as the crypto module is, and on one processor. It answers jobs in turn.
type primitives struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out *json.Decoder
}

func startPrimitives() (*primitives, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "primitives")
	cmd.Env = append(os.Environ(), "GODEBUG=fips140=on", "GOMAXPROCS=1")
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	return &primitives{cmd: cmd, in: in, out: json.NewDecoder(out)}, cmd.Start()
}

func (p *primitives) stop() {
	p.in.Close()
	p.cmd.Wait()
}

// cost is the CPU time of one operation, in µs, measured for that long.
func (p *primitives) cost(c algorithmCase, d time.Duration) (us float64, err error) {
	if err := json.NewEncoder(p.in).Encode(primitiveJob{c, d.Seconds()}); err != nil {
		return 0, err
	}
	return us, p.out.Decode(&us)
}

// servePrimitives is that program.
func servePrimitives([]string) error {
	keys := map[keyspec.Spec]*primitiveKey{}
	jobs, answers := json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout)
	for {
		var j primitiveJob
		if err := jobs.Decode(&j); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		us, err := j.measure(keys)
		if err != nil {
			return fmt.Errorf("%v: %w", j.Case, err)
		}
		if err := answers.Encode(us); err != nil {
			return err
		}
	}
}

func (j *primitiveJob) measure(keys map[keyspec.Spec]*primitiveKey) (us float64, err error) {
	k := keys[j.Case.Spec]
	if k == nil {
		if k, err = newPrimitiveKey(j.Case.Spec); err != nil {
			return 0, err
		}
		keys[j.Case.Spec] = k
	}
	operation, err := k.operation(j.Case)
	if err != nil || operation == nil {
		return 0, err
	}
	const batch = 8 // operations between two looks at the clock
	n := 0
	cpu := cpuTime(os.Getpid())
	for end := time.Now().Add(time.Duration(j.Seconds * float64(time.Second))); time.Now().Before(end); n += batch {
		for range batch {
			if err := operation(); err != nil {
				return 0, err
			}
		}
	}
	return micros(cpuTime(os.Getpid())-cpu) / float64(n), nil
}

// A primitiveKey is a key as the module has it: its stored form and its SPKI.
type primitiveKey struct {
	scheme        alg.Scheme
	private, spki []byte
}

func newPrimitiveKey(s keyspec.Spec) (*primitiveKey, error) {
	k := &primitiveKey{scheme: alg.Of(keyspec.Of(s))}
	var err error
	if k.private, err = k.scheme.Generate(rand.Reader); err != nil {
		return nil, err
	}
	k.spki, err = k.scheme.Public(k.private)
	return k, err
}

// operation is what a case costs without a server, from the stored private key
// or the SPKI; nil if that is nothing.
func (k *primitiveKey) operation(c algorithmCase) (func() error, error) {
	switch c.Operation {
	case "Sign", "Verify":
		return k.signature(c)
	case "Encrypt", "Decrypt":
		return k.encryption(c)
	case "GenerateMac":
		return func() error { _, err := k.scheme.(alg.Authenticator).MAC(k.private, message()); return err }, nil
	case "VerifyMac":
		mac, err := k.scheme.(alg.Authenticator).MAC(k.private, message())
		return func() error { return k.scheme.(alg.Authenticator).Check(k.private, message(), mac) }, err
	case "DeriveSharedSecret":
		peer, err := newPrimitiveKey(c.Spec)
		return func() error { _, err := k.scheme.(alg.Agreer).Agree(k.private, peer.spki); return err }, err
	case "Encapsulate":
		return func() error { _, _, err := k.scheme.(alg.Encapsulator).Encapsulate(k.spki); return err }, nil
	case "Decapsulate":
		_, ciphertext, err := k.scheme.(alg.Encapsulator).Encapsulate(k.spki)
		return func() error { _, err := k.scheme.(alg.Encapsulator).Decapsulate(k.private, ciphertext); return err }, err
	case "GenerateDataKeyPair":
		return func() error {
			pair, err := newPrimitiveKey(c.Spec)
			if err == nil {
				_, err = pair.scheme.(alg.Exporter).PKCS8(pair.private)
			}
			return err
		}, nil
	case "GetPublicKey":
		return nil, nil
	}
	return nil, fmt.Errorf("unknown operation %q", c.Operation)
}

func (k *primitiveKey) signature(c algorithmCase) (func() error, error) {
	s, a, t := k.scheme.(alg.Signer), c.alg(), alg.Raw
	if a.RawRefused {
		t = alg.Digest
	}
	signature, err := s.Sign(k.private, a, t, message())
	if c.Operation == "Sign" {
		return func() error { _, err := s.Sign(k.private, a, t, message()); return err }, err
	}
	return func() error { return s.Verify(k.spki, a, t, message(), signature) }, err
}

func (k *primitiveKey) encryption(c algorithmCase) (func() error, error) {
	s, a := k.scheme.(alg.Cipher), c.alg()
	plaintext := message()[:plaintextSize]
	ciphertext, err := s.Encrypt(k.spki, a, plaintext)
	if c.Operation == "Encrypt" {
		return func() error { _, err := s.Encrypt(k.spki, a, plaintext); return err }, err
	}
	return func() error { _, err := s.Decrypt(k.private, a, ciphertext); return err }, err
}
