package engine

import (
	"bytes"
	"fmt"
	"sync"
	"testing"

	"trent/internal/hsm/proto"
	"trent/internal/hsm/token"
)

// rotate gives a domain one more generation.
func rotate(tb testing.TB, e *Engine, name string) {
	tb.Helper()
	tok, rest := framed(tb, must(tb)(e.RotateDomain(&proto.RotateDomainRequest{Region: name}, nil)))
	if len(rest) != 0 {
		tb.Fatalf("%d bytes behind the domain token", len(rest))
	}
	must(tb)(e.LoadDomain(&proto.LoadDomainRequest{Token: tok}, nil))
}

func rewrapped(tb testing.TB, e *Engine, kind token.Kind, ref proto.KeyRef) (proto.KeyRef, uint32) {
	tb.Helper()
	var resp proto.TokenResponse
	if err := resp.Decode(must(tb)(e.Rewrap(&proto.RewrapRequest{Kind: uint8(kind), Key: ref}, nil))); err != nil {
		tb.Fatal(err)
	}
	return proto.KeyRef{Bind: ref.Bind, Origin: ref.Origin, Token: resp.Token}, resp.Generation
}

func TestRotateAndRewrap(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	old := defaultKey(t, e)
	blob := encrypt(t, e, old, [32]byte{1}, []byte("plaintext"))
	rotate(t, e, region)
	// The token under the old generation still opens; new ones use the new.
	if got := must(t)(e.Decrypt(&proto.DecryptRequest{Key: old, ContextHash: [32]byte{1}, Blob: blob}, nil)); string(got) != "plaintext" {
		t.Fatalf("%q", got)
	}
	var created token.Header
	if err := created.Parse(newKey(t, e, old.Bind).Token); err != nil || created.Generation != 2 {
		t.Errorf("a new key is wrapped under generation %d (%v)", created.Generation, err)
	}
	fresh, generation := rewrapped(t, e, token.KindKey, old)
	var before, after token.Header
	if err := before.Parse(old.Token); err != nil {
		t.Fatal(err)
	}
	if err := after.Parse(fresh.Token); err != nil {
		t.Fatal(err)
	}
	if generation != 2 || after.Generation != 2 {
		t.Errorf("rewrapped under generation %d, %d", generation, after.Generation)
	}
	after.Generation = before.Generation
	if after != before {
		t.Errorf("header %+v became %+v", before, after)
	}
	if bytes.Equal(old.Token[108:136], fresh.Token[108:136]) {
		t.Error("the nonces are the old ones")
	}
	if got := must(t)(e.Decrypt(&proto.DecryptRequest{Key: fresh, ContextHash: [32]byte{1}, Blob: blob}, nil)); string(got) != "plaintext" {
		t.Fatalf("%q", got)
	}
	for _, bind := range []proto.Bind{{Region: region, Account: account, ID: "other"}, {Region: region2, Account: account, ID: keyID}} {
		refused(t, proto.StatusTokenRefused)(e.Rewrap(&proto.RewrapRequest{Kind: 1, Key: proto.KeyRef{Bind: bind, Token: old.Token}}, nil))
	}
}

// TestRewrapKeepsValidity: an expired token is rewrapped and stays expired.
func TestRewrapKeepsValidity(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	bind := proto.Bind{Region: region, Account: account, ID: keyID}
	expired := forge(t, e, token.KindKey, bind, make([]byte, 32), func(h *token.Header) {
		h.NotAfter, h.Origin, h.Flags = 7, token.OriginImported, token.FlagMultiRegion
	})
	rotate(t, e, region)
	fresh, _ := rewrapped(t, e, token.KindKey, expired)
	var h token.Header
	if err := h.Parse(fresh.Token); err != nil || h.NotAfter != 7 || h.Origin != token.OriginImported || h.Flags != token.FlagMultiRegion {
		t.Errorf("%+v, %v", h, err)
	}
	refused(t, proto.StatusTokenRefused)(e.Encrypt(&proto.EncryptRequest{Key: fresh, Plaintext: []byte("p")}, nil))
}

// TestRotateUnderLoad encrypts, decrypts, rotates and rewraps at once.
func TestRotateUnderLoad(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	shared := defaultKey(t, e)
	blob := encrypt(t, e, shared, [32]byte{}, []byte("shared"))
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			key := newKey(t, e, proto.Bind{Region: region, Account: account, ID: fmt.Sprint("key-", i)})
			plaintext := fmt.Sprint("plaintext of ", i)
			dst := make([]byte, 0, 512)
			for range 100 {
				in := &proto.DecryptRequest{Key: key, Blob: encrypt(t, e, key, [32]byte{}, []byte(plaintext))}
				if got := must(t)(e.Decrypt(in, dst)); string(got) != plaintext {
					t.Errorf("%q decrypts to %q", plaintext, got)
				}
				if got := must(t)(e.Decrypt(&proto.DecryptRequest{Key: shared, Blob: blob}, dst)); string(got) != "shared" {
					t.Errorf("the shared blob decrypts to %q", got)
				}
				key, _ = rewrapped(t, e, token.KindKey, key)
			}
		})
	}
	wg.Go(func() {
		for range 20 {
			rotate(t, e, region)
		}
	})
	wg.Wait()
	if info := e.Info(); info.Domains[0].Region != region || info.Domains[0].Active != 21 || info.Domains[0].Generations != 21 {
		t.Errorf("%+v", info.Domains)
	}
}

func TestServiceKey(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	var resp proto.TokenResponse
	out := must(t)(e.CreateServiceKey(&proto.CreateServiceKeyRequest{Region: region, Name: "record-mac"}, nil))
	if err := resp.Decode(out); err != nil || resp.Generation != 1 {
		t.Fatalf("generation %d, %v", resp.Generation, err)
	}
	ref := proto.KeyRef{Bind: proto.Bind{Region: region, ID: "record-mac"}, Token: resp.Token}
	key := must(t)(e.ReleaseServiceKey(&ref, nil))
	if len(key) != 32 || bytes.Contains(resp.Token, key) {
		t.Fatalf("%d bytes", len(key))
	}
	rotate(t, e, region)
	fresh, _ := rewrapped(t, e, token.KindService, ref)
	if again := must(t)(e.ReleaseServiceKey(&fresh, []byte("dst"))); string(again) != "dst"+string(key) {
		t.Error("the rewrapped service key is another")
	}
	for _, bind := range []proto.Bind{{Region: region, ID: "seal"}, {Region: region2, ID: "record-mac"}, {Region: region, Account: account, ID: "record-mac"}} {
		refused(t, proto.StatusTokenRefused)(e.ReleaseServiceKey(&proto.KeyRef{Bind: bind, Token: resp.Token}, nil))
	}
	short := forge(t, e, token.KindService, ref.Bind, []byte("short"), nil)
	refused(t, proto.StatusTokenRefused)(e.ReleaseServiceKey(&short, nil))
	refused(t, proto.StatusMalformed)(e.CreateServiceKey(&proto.CreateServiceKeyRequest{Region: region}, nil))
	refused(t, proto.StatusUnknownDomain)(e.CreateServiceKey(&proto.CreateServiceKeyRequest{Region: "mars-1", Name: "n"}, nil))
}

func TestDomainCommandsRefuse(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	refused(t, proto.StatusDomainRefused)(e.CreateDomain(&proto.CreateDomainRequest{Region: region}, nil))
	refused(t, proto.StatusDomainRefused)(e.CreateDomain(&proto.CreateDomainRequest{Region: "No Region"}, nil))
	refused(t, proto.StatusDomainRefused)(e.LoadDomain(&proto.LoadDomainRequest{Token: []byte("TD\x00\x01")}, nil))
	refused(t, proto.StatusDomainRefused)(e.LoadDomain(&proto.LoadDomainRequest{}, nil))
	refused(t, proto.StatusUnknownDomain)(e.RotateDomain(&proto.RotateDomainRequest{Region: "mars-1"}, nil))
}
