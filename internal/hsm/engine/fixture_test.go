package engine

import (
	"bytes"
	"encoding/binary"
	"path/filepath"
	"testing"
	"time"

	"trent/internal/hsm/domain"
	"trent/internal/hsm/proto"
	"trent/internal/hsm/unseal"
)

const (
	region  = "eu-west-1"
	region2 = "us-west-2"
	account = "111122223333"
	keyID   = "1234abcd-12ab-34cd-56ef-1234567890ab"
)

// testTime is the clock of most tests.
var testTime = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func newSet(tb testing.TB, dev bool) *domain.Set {
	tb.Helper()
	file, err := unseal.CreateFile(filepath.Join(tb.TempDir(), "key"))
	if err != nil {
		tb.Fatal(err)
	}
	set, err := domain.NewSet(domain.Config{Dev: dev, Providers: []unseal.Provider{file}})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := set.Close(); err != nil {
			tb.Error(err)
		}
		if err := file.Close(); err != nil {
			tb.Error(err)
		}
	})
	return set
}

// newEngine returns an engine with the domains region, region2 and global.
func newEngine(tb testing.TB, adjust ...func(*Config)) *Engine {
	tb.Helper()
	cfg := Config{Domains: newSet(tb, false), Now: func() time.Time { return testTime }}
	for _, f := range adjust {
		f(&cfg)
	}
	e := New(cfg)
	for _, name := range []string{region, region2, proto.GlobalRegion} {
		tok := must(tb)(e.CreateDomain(&proto.CreateDomainRequest{Region: name, Dev: cfg.Domains.Dev()}, nil))
		must(tb)(e.LoadDomain(&proto.LoadDomainRequest{Token: tok[4:]}, nil))
	}
	return e
}

// must fails the test unless a command succeeded.
func must(tb testing.TB) func([]byte, proto.Status) []byte {
	return func(out []byte, status proto.Status) []byte {
		tb.Helper()
		if status != proto.StatusOK {
			tb.Fatalf("status %v", status)
		}
		return out
	}
}

// refused fails the test unless a command failed so, and left dst alone.
func refused(tb testing.TB, want proto.Status) func([]byte, proto.Status) {
	return func(out []byte, status proto.Status) {
		tb.Helper()
		if status != want {
			tb.Fatalf("status %v, want %v", status, want)
		}
		if len(out) != 0 {
			tb.Fatalf("%d bytes in the answer of a failed command", len(out))
		}
	}
}

// framed takes a bytes32 from an answer.
func framed(tb testing.TB, b []byte) (part, rest []byte) {
	tb.Helper()
	n := int(binary.BigEndian.Uint32(b))
	return b[4 : 4+n], b[4+n:]
}

func newKey(tb testing.TB, e *Engine, bind proto.Bind) proto.KeyRef {
	tb.Helper()
	out := must(tb)(e.CreateKey(&proto.CreateKeyRequest{Bind: bind, Spec: 1, Usage: 1}, nil))
	var resp proto.CreateKeyResponse
	if err := resp.Decode(out); err != nil {
		tb.Fatal(err)
	}
	return proto.KeyRef{Bind: bind, Origin: proto.OriginGenerated, Token: bytes.Clone(resp.Token)}
}

func defaultKey(tb testing.TB, e *Engine) proto.KeyRef {
	return newKey(tb, e, proto.Bind{Region: region, Account: account, ID: keyID})
}
