// Package engine owns the module's commands: what each one checks, opens,
// computes and wipes. It is the module between its frames
// (internal/hsm/server) and its formats (token, blob, domain).
//
// It must never cache anything that is derived from a key: each command
// unwraps the token that it carries and wipes what came out. It must never
// say why a ciphertext does not decrypt, nor put secrets into an error. Only
// internal/hsm/server, cmd/trent-hsm and tests may import it.
//
// Every command takes its request message and appends the complete answer
// message of docs/formats.md, "Frames", to dst; when its status is not
// StatusOK, it returns dst as it was. The engine keeps no part of a request.
package engine

import (
	"crypto/fips140"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"trent/internal/hsm/alg"
	"trent/internal/hsm/blob"
	"trent/internal/hsm/domain"
	"trent/internal/hsm/kdf"
	"trent/internal/hsm/proto"
	"trent/internal/hsm/replica"
	"trent/internal/hsm/selftest"
	"trent/internal/hsm/token"
)

// Config is what an Engine needs.
type Config struct {
	// Domains is required. The engine erases it when it goes mute.
	Domains *domain.Set
	// Rand is the random source; nil means crypto/rand.
	Rand io.Reader
	// Now is the module's clock; nil means time.Now.
	Now func() time.Time
	// Elapsed is how long the engine has run, by a clock that nobody can set;
	// nil means by the monotonic reading of Now's times.
	Elapsed func() time.Duration
	// Services for which day keys are derived; nil means kms, iam, sts and cloudtrail.
	Services []string
	// ApprovedOnly refuses, with StatusUnsupported, every algorithm that FIPS
	// 140-3 does not approve or that is not part of Go's certified module. It is
	// for a process in which the libraries enforce that (fips140=only).
	ApprovedOnly bool
	// Certified says that the process was built with Go's certified module and
	// for ApprovedOnly: without it, Info does not claim to be approved only.
	Certified bool
	// AheadFromStart has MakeAhead make RSA keys of every size from the start,
	// and not only of sizes that somebody asked for.
	AheadFromStart bool
	// Build names the program's build in Info.
	Build string
	// Log receives one record when the engine goes mute; nil means none.
	Log *slog.Logger
	// Corrupt lets a test make self-tests fail. It is nil in production.
	Corrupt selftest.Corrupt
}

// Engine carries out commands. It is safe for concurrent use.
type Engine struct {
	cfg    Config
	random *selftest.Health
	pool   sync.Pool // of *scratch
	start  time.Time
	belief belief
	ahead  atomic.Uint32 // seconds by which the time stands ahead of the clock; development only
	mute   atomic.Pointer[string]
	keys   *readyKeys // RSA keys made ahead
}

// scratch is the working memory of one command. It is wiped after each.
type scratch struct {
	now       int64 // the module's time, Unix seconds
	clock     int64 // its clock's, which in development may stand behind
	header    token.Header
	domainKey [domain.KeySize]byte
	tokens    token.Box
	blobs     blob.Box
	ids       kdf.Deriver
	bind      [256]byte            // input of a bind hash
	key       []byte               // what secret holds of it
	secret    [proto.MaxToken]byte // what a token held
	plain     []byte               // what plaintext() holds of it

	// A KDF nonce, and behind it a plaintext: one read of the random source
	// makes both.
	salted [kdf.NonceSize + proto.MaxPlaintext]byte
}

func (s *scratch) nonce() *[kdf.NonceSize]byte { return (*[kdf.NonceSize]byte)(s.salted[:]) }

func (s *scratch) plaintext() []byte { return s.salted[kdf.NonceSize:] }

// wipe overwrites whatever was secret.
func (s *scratch) wipe() {
	clear(s.domainKey[:])
	clear(s.key)
	clear(s.plain)
	s.key, s.plain = nil, nil
}

// New returns an engine after it has run the self-tests. If one of them or
// the clock fails, the engine is mute from the start.
func New(cfg Config) *Engine {
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Services == nil {
		cfg.Services = []string{"kms", "iam", "sts", "cloudtrail"}
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	e := &Engine{cfg: cfg, random: selftest.NewHealth(cfg.Rand), keys: newReadyKeys(cfg.AheadFromStart)}
	e.pool.New = func() any { return new(scratch) }
	e.start = cfg.Now()
	if cfg.Domains == nil {
		e.Mute("no domain set")
		return e
	}
	e.clock()
	// The error is the reason for which the engine is mute now.
	_ = e.SelfTest()
	return e
}

// SelfTest runs the self-tests. The error is a *selftest.Failure; the engine
// is mute then.
func (e *Engine) SelfTest() error {
	err := selftest.Run(e.cfg.Corrupt)
	if err == nil {
		// Two blocks give the health test something to compare.
		var probe [32]byte
		err = e.random.Public(probe[:])
	}
	if err != nil {
		e.Mute(err.Error())
	}
	return err
}

// Mute ends the engine's service: the domain keys are erased, and every
// command but Info answers StatusMute until the process is started again. The
// first reason stays; it is not secret.
func (e *Engine) Mute(reason string) {
	first := e.mute.CompareAndSwap(nil, &reason)
	if e.cfg.Domains != nil {
		e.cfg.Domains.Erase()
	}
	e.keys.close()
	if first {
		e.cfg.Log.Error("crypto module is mute", "reason", reason)
	}
}

// MuteReason returns why the engine is mute; empty if it is not.
func (e *Engine) MuteReason() string {
	if reason := e.mute.Load(); reason != nil {
		return *reason
	}
	return ""
}

// Muted says whether the engine is mute.
func (e *Engine) Muted() bool { return e.mute.Load() != nil }

// Info describes the module; its counters are the server's to fill in.
func (e *Engine) Info() proto.Info {
	info := proto.Info{
		Version: proto.Version, Mute: e.Muted(), FIPS: fips140.Enabled(), FIPSOnly: e.cfg.ApprovedOnly && e.cfg.Certified, FIPSVersion: fips140.Version(), Build: e.cfg.Build,
	}
	if e.cfg.Domains == nil {
		return info
	}
	info.Dev = e.cfg.Domains.Dev()
	for _, d := range e.cfg.Domains.List() {
		info.Domains = append(info.Domains, proto.DomainInfo{
			Region: d.Name, ID: d.ID, Epoch: d.Epoch, Active: d.Active, Generations: uint32(d.Generations),
		})
	}
	return info
}

// command carries out one command: it lends f working memory, wipes it
// afterwards, and lets nothing out that f wrote when f failed or the engine
// went mute.
func (e *Engine) command(dst []byte, f func(s *scratch, dst []byte) ([]byte, proto.Status)) ([]byte, proto.Status) {
	if e.Muted() {
		return dst, proto.StatusMute
	}
	now, ok := e.clock()
	if !ok {
		return dst, proto.StatusMute
	}
	s := e.pool.Get().(*scratch)
	defer e.pool.Put(s)
	defer s.wipe()
	s.now, s.clock = now+int64(e.ahead.Load()), now
	out, status := f(s, dst)
	if e.Muted() {
		status = proto.StatusMute
	}
	if status != proto.StatusOK {
		clear(out[min(len(dst), len(out)):])
		return dst, status
	}
	return out, proto.StatusOK
}

// status turns an error of the packages below into a status. A random source
// that fails makes the engine mute.
func (e *Engine) status(err error) proto.Status {
	switch {
	case err == nil:
		return proto.StatusOK
	case errors.Is(err, selftest.ErrHealth):
		e.Mute(err.Error())
		return proto.StatusMute
	case errors.Is(err, errNoneReady):
		return proto.StatusBusy
	case errors.Is(err, token.ErrInvalid):
		return proto.StatusInvalidToken
	case errors.Is(err, token.ErrRefused):
		return proto.StatusTokenRefused
	case errors.Is(err, blob.ErrInvalid):
		return proto.StatusInvalidCiphertext
	case errors.Is(err, alg.ErrKey):
		return proto.StatusTokenRefused
	case errors.Is(err, alg.ErrPublicKey):
		return proto.StatusInvalidPublicKey
	case errors.Is(err, alg.ErrInput):
		return proto.StatusInputRefused
	case errors.Is(err, alg.ErrCiphertext):
		return proto.StatusInvalidCiphertext
	case errors.Is(err, alg.ErrSignature):
		return proto.StatusInvalidSignature
	case errors.Is(err, alg.ErrUnsupported):
		return proto.StatusUnsupported
	case errors.Is(err, domain.ErrUnknown):
		return proto.StatusUnknownDomain
	case errors.Is(err, replica.ErrInvalid):
		return proto.StatusReplicaRefused
	case errors.Is(err, domain.ErrRefused):
		return proto.StatusDomainRefused
	}
	return proto.StatusInternal
}
