package engine

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"trent/internal/hsm/domain"
	"trent/internal/hsm/kdf"
	"trent/internal/hsm/proto"
	"trent/internal/hsm/selftest"
)

// everyCommand runs each command with good input and returns its status.
func everyCommand(e *Engine, key proto.KeyRef, domainToken []byte) map[string]proto.Status {
	statuses := map[string]proto.Status{}
	run := func(name string, out []byte, status proto.Status) {
		if len(out) != 0 && status != proto.StatusOK {
			name += " with an answer"
		}
		statuses[name] = status
	}
	for cmd, use := range uses(e, key, key, make([]byte, 80)) {
		out, status := use()
		run(string(rune(cmd)), out, status)
	}
	out, status := e.CreateDomain(&proto.CreateDomainRequest{Region: "new"}, nil)
	run("create domain", out, status)
	out, status = e.MoveClock(&proto.MoveClockRequest{AheadSeconds: 1}, nil)
	run("move clock", out, status)
	out, status = e.LoadDomain(&proto.LoadDomainRequest{Token: domainToken}, nil)
	run("load domain", out, status)
	out, status = e.RotateDomain(&proto.RotateDomainRequest{Region: region}, nil)
	run("rotate domain", out, status)
	out, status = e.AddReplicationKey(&proto.RotateDomainRequest{Region: region}, nil)
	run("add replication key", out, status)
	out, status = e.ReplicationKey(&proto.RotateDomainRequest{Region: region}, nil)
	run("replication key", out, status)
	out, status = e.OfferReplica(&proto.OfferReplicaRequest{Bind: key.Bind, SenderRegion: region2}, nil)
	run("offer replica", out, status)
	out, status = e.Rewrap(&proto.RewrapRequest{Kind: 1, Key: key}, nil)
	run("rewrap", out, status)
	out, status = e.CreateServiceKey(&proto.CreateServiceKeyRequest{Region: region, Name: "n"}, nil)
	run("create service key", out, status)
	out, status = e.CreateAuditKey(&proto.CreateAuditKeyRequest{Name: "n", Spec: 6}, nil)
	run("create audit key", out, status)
	out, status = e.SealAccessKeySecret(&proto.SealSecretRequest{Account: account, AccessKeyID: "A", Secret: []byte("test-test-test")}, nil)
	run("seal secret", out, status)
	out, status = e.CreateAccessKeySecret(&proto.CreateSecretRequest{Account: account, AccessKeyID: "A"}, nil)
	run("create secret", out, status)
	out, status = e.CreateKey(&proto.CreateKeyRequest{Bind: key.Bind, Spec: 1, Usage: 1}, nil)
	run("create key", out, status)
	out, status = e.ImportParameters(&proto.ImportParametersRequest{Bind: key.Bind, Spec: 20, Algorithm: 5}, nil)
	run("import parameters", out, status)
	out, status = e.GenerateRandom(&proto.GenerateRandomRequest{Bytes: 32}, nil)
	run("generate random", out, status)
	return statuses
}

// isMute fails the test unless the engine is mute in every respect.
func isMute(t *testing.T, e *Engine, key proto.KeyRef, domainToken []byte, reason string) {
	t.Helper()
	if !e.Muted() || !strings.Contains(e.MuteReason(), reason) {
		t.Fatalf("mute %v, because %q; want %q", e.Muted(), e.MuteReason(), reason)
	}
	statuses := everyCommand(e, key, domainToken)
	if want := len(commands(t)) - 2; len(statuses) != want { // hello and status are answered with Info
		t.Errorf("%d commands tried, want %d", len(statuses), want)
	}
	for name, status := range statuses {
		if status != proto.StatusMute {
			t.Errorf("%q: %v", name, status)
		}
	}
	info := e.Info()
	if !info.Mute || len(info.Domains) != 0 {
		t.Errorf("info says mute %v, with %d domains", info.Mute, len(info.Domains))
	}
	if _, _, err := e.cfg.Domains.Active(region, new([domain.KeySize]byte)); !errors.Is(err, domain.ErrUnknown) {
		t.Errorf("the domain keys are still there: %v", err)
	}
}

func domainToken(t *testing.T, e *Engine) []byte {
	t.Helper()
	tok, _ := framed(t, must(t)(e.RotateDomain(&proto.RotateDomainRequest{Region: region}, nil)))
	return tok
}

func TestMute(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	e := newEngine(t, func(c *Config) { c.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	key, tok := defaultKey(t, e), domainToken(t, e)
	if e.Muted() || e.MuteReason() != "" || e.Info().Mute {
		t.Fatal("mute from the start")
	}
	e.Mute("first reason")
	e.Mute("second reason")
	isMute(t, e, key, tok, "first reason")
	if n := strings.Count(log.String(), "level=ERROR"); n != 1 || !strings.Contains(log.String(), "first reason") {
		t.Errorf("logged %q", log.String())
	}
}

// TestSelfTestFails: each self-test, when it fails at the start or on demand,
// makes the engine mute, and is named.
func TestSelfTestFails(t *testing.T) {
	t.Parallel()
	for _, name := range selftest.Names() {
		var corrupt atomic.Bool
		hook := func(test string, computed []byte) {
			if corrupt.Load() && test == name {
				computed[0] ^= 1
			}
		}
		e := newEngine(t, func(c *Config) { c.Corrupt = hook })
		key, tok := defaultKey(t, e), domainToken(t, e)
		if err := e.SelfTest(); err != nil || e.Muted() {
			t.Fatalf("%s: %v", name, err)
		}
		corrupt.Store(true)
		var failure *selftest.Failure
		if err := e.SelfTest(); !errors.As(err, &failure) || failure.Test != name {
			t.Fatalf("%s: %v", name, err)
		}
		isMute(t, e, key, tok, name)
		fresh := New(Config{Domains: newSet(t, false), Now: func() time.Time { return testTime }, Corrupt: hook})
		isMute(t, fresh, key, tok, name)
	}
	if e := New(Config{}); !e.Muted() {
		t.Error("an engine without domains serves")
	} else if info := e.Info(); !info.Mute {
		t.Error("info says that it is not mute")
	}
}

// switchable is crypto/rand until it is broken; then it yields zeros, to reads
// of that size if one is set.
type switchable struct {
	broken atomic.Bool
	size   int
}

func (s *switchable) Read(p []byte) (int, error) {
	if s.broken.Load() && (s.size == 0 || s.size == len(p)) {
		clear(p)
		return len(p), nil
	}
	return rand.Read(p)
}

func TestRandomSourceFails(t *testing.T) {
	t.Parallel()
	source := &switchable{}
	e := newEngine(t, func(c *Config) { c.Rand = source })
	key, tok := defaultKey(t, e), domainToken(t, e)
	source.broken.Store(true)
	in := &proto.EncryptRequest{Key: key, Plaintext: []byte("p")}
	e.Encrypt(in, nil) // the first zeros might be chance
	refused(t, proto.StatusMute)(e.Encrypt(in, nil))
	isMute(t, e, key, tok, "random source")

	// Broken from the start.
	fresh := New(Config{Domains: newSet(t, false), Now: func() time.Time { return testTime }, Rand: source})
	isMute(t, fresh, key, tok, "random source")
}

// TestRandomSourceFailsInEachCommand breaks the source just before a command
// that draws secrets: nothing of its zeros comes out.
func TestRandomSourceFailsInEachCommand(t *testing.T) {
	t.Parallel()
	for name, run := range map[string]func(*Engine, proto.KeyRef) ([]byte, proto.Status){
		"create domain": func(e *Engine, _ proto.KeyRef) ([]byte, proto.Status) {
			return e.CreateDomain(&proto.CreateDomainRequest{Region: "new"}, nil)
		},
		"rotate domain": func(e *Engine, _ proto.KeyRef) ([]byte, proto.Status) {
			return e.RotateDomain(&proto.RotateDomainRequest{Region: region}, nil)
		},
		"create key": func(e *Engine, k proto.KeyRef) ([]byte, proto.Status) {
			return e.CreateKey(&proto.CreateKeyRequest{Bind: k.Bind, Spec: 1, Usage: 1}, nil)
		},
		"create service key": func(e *Engine, _ proto.KeyRef) ([]byte, proto.Status) {
			return e.CreateServiceKey(&proto.CreateServiceKeyRequest{Region: region, Name: "n"}, nil)
		},
		"generate data key": func(e *Engine, k proto.KeyRef) ([]byte, proto.Status) {
			return e.GenerateDataKey(&proto.GenerateDataKeyRequest{Key: k, Bytes: 32}, nil)
		},
		"generate random": func(e *Engine, _ proto.KeyRef) ([]byte, proto.Status) {
			return e.GenerateRandom(&proto.GenerateRandomRequest{Bytes: 32}, nil)
		},
	} {
		source := &switchable{}
		e := newEngine(t, func(c *Config) { c.Rand = source })
		key := defaultKey(t, e)
		source.broken.Store(true)
		out, status := run(e, key)
		if status != proto.StatusMute || len(out) != 0 || !e.Muted() {
			t.Errorf("%s: %v with %d bytes", name, status, len(out))
		}
	}
}

// readFunc makes an io.Reader of a function.
type readFunc func(p []byte) (int, error)

func (f readFunc) Read(p []byte) (int, error) { return f(p) }

// TestNothingStaysInAnAnswer: a data key is in the answer already when the
// command finds that the engine has gone mute; it is overwritten there.
func TestNothingStaysInAnAnswer(t *testing.T) {
	t.Parallel()
	const size = 256
	var e *Engine
	e = newEngine(t, func(c *Config) {
		c.Rand = readFunc(func(p []byte) (int, error) {
			if len(p) == kdf.NonceSize+size {
				e.Mute("during a command")
			}
			return rand.Read(p)
		})
	})
	dst := make([]byte, 0, 1024)
	refused(t, proto.StatusMute)(e.GenerateDataKey(&proto.GenerateDataKeyRequest{Key: defaultKey(t, e), Bytes: size}, dst))
	if got := dst[:cap(dst)]; !bytes.Equal(got, make([]byte, len(got))) {
		t.Errorf("%x stays", got)
	}
}

// TestMuteDuringCommand: the engine goes mute while a command is at work; the
// command's answer does not leave any more.
func TestMuteDuringCommand(t *testing.T) {
	t.Parallel()
	var e *Engine
	e = newEngine(t, func(c *Config) {
		c.Rand = readFunc(func(p []byte) (int, error) {
			if len(p) == 100 {
				e.Mute("during a command")
			}
			return rand.Read(p)
		})
	})
	refused(t, proto.StatusMute)(e.GenerateRandom(&proto.GenerateRandomRequest{Bytes: 100}, nil))
}

func TestRandomSourceErr(t *testing.T) {
	t.Parallel()
	e := New(Config{Domains: newSet(t, false), Rand: io.LimitReader(rand.Reader, 40), Now: func() time.Time { return testTime }})
	if e.Muted() {
		t.Fatal(e.MuteReason())
	}
	refused(t, proto.StatusMute)(e.GenerateRandom(&proto.GenerateRandomRequest{Bytes: 32}, nil))
}

// TestMuteUnderLoad mutes the engine while commands run: each answers rightly
// or not at all, and none answers once Mute has returned.
func TestMuteUnderLoad(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	key := defaultKey(t, e)
	blob := encrypt(t, e, key, [32]byte{}, []byte("plaintext"))
	var muted atomic.Bool
	var wg sync.WaitGroup
	started := make(chan struct{}, 8)
	for range 8 {
		wg.Go(func() {
			started <- struct{}{}
			for {
				after := muted.Load()
				out, status := e.Decrypt(&proto.DecryptRequest{Key: key, Blob: blob}, nil)
				switch {
				case status == proto.StatusOK && !after && string(out) == "plaintext":
				case status == proto.StatusMute && len(out) == 0:
					return
				default:
					t.Errorf("%v with %q, after Mute %v", status, out, after)
					return
				}
			}
		})
	}
	for range 8 {
		<-started
	}
	e.Mute("test")
	muted.Store(true)
	wg.Wait()
}

// TestWiped runs every command and looks at the working memory it leaves.
func TestWiped(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	s := new(scratch)
	e.pool.New = func() any { return s }
	e.pool = sync.Pool{New: e.pool.New}
	key := defaultKey(t, e)
	for name, status := range everyCommand(e, key, nil) {
		if s.domainKey != [32]byte{} || s.secret != [proto.MaxToken]byte{} || [proto.MaxPlaintext]byte(s.plaintext()) != [proto.MaxPlaintext]byte{} {
			t.Fatalf("after %q (%v) a secret stays in the working memory", name, status)
		}
	}
	blob := encrypt(t, e, key, [32]byte{}, bytes.Repeat([]byte{1}, 4096))
	must(t)(e.Decrypt(&proto.DecryptRequest{Key: key, Blob: blob}, nil))
	must(t)(e.ReEncrypt(&proto.ReEncryptRequest{Source: key, Destination: key, Blob: blob}, nil))
	if s.domainKey != [32]byte{} || s.secret != [proto.MaxToken]byte{} || [proto.MaxPlaintext]byte(s.plaintext()) != [proto.MaxPlaintext]byte{} {
		t.Fatal("a secret stays in the working memory")
	}
}
