package engine

import (
	"bytes"
	"testing"
	"time"

	"trent/internal/hsm/kdf"
	"trent/internal/hsm/proto"
	"trent/internal/hsm/token"
)

func encrypt(t testing.TB, e *Engine, key proto.KeyRef, hash [32]byte, plaintext []byte) []byte {
	t.Helper()
	return must(t)(e.Encrypt(&proto.EncryptRequest{Key: key, ContextHash: hash, Plaintext: plaintext}, nil))
}

func TestEncryptDecrypt(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	key := defaultKey(t, e)
	hash := [32]byte{1, 2, 3}
	for _, size := range []int{1, 31, 32, 33, 1024, 4096} {
		plaintext := bytes.Repeat([]byte{7}, size)
		blob := encrypt(t, e, key, hash, plaintext)
		if len(blob) != size+80 {
			t.Errorf("blob of %d bytes has %d", size, len(blob))
		}
		out := must(t)(e.Decrypt(&proto.DecryptRequest{Key: key, ContextHash: hash, Blob: blob}, []byte("dst")))
		if string(out) != "dst"+string(plaintext) {
			t.Errorf("%d bytes decrypt to others", size)
		}
		if out := must(t)(e.CheckCiphertext(&proto.DecryptRequest{Key: key, ContextHash: hash, Blob: blob}, nil)); len(out) != 0 {
			t.Errorf("CheckCiphertext answers %d bytes", len(out))
		}
	}
	for _, size := range []int{0, 4097} {
		refused(t, proto.StatusMalformed)(e.Encrypt(&proto.EncryptRequest{Key: key, Plaintext: make([]byte, size)}, nil))
	}
	refused(t, proto.StatusMalformed)(e.Decrypt(&proto.DecryptRequest{Key: key, Blob: make([]byte, proto.MaxBlob+1)}, nil))
}

// TestInvalidCiphertext: whatever is wrong with a blob, the answer is one, of
// Decrypt, CheckCiphertext and ReEncrypt.
func TestInvalidCiphertext(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	key := defaultKey(t, e)
	hash := [32]byte{1}
	blob := encrypt(t, e, key, hash, []byte("plaintext"))
	other := newKey(t, e, proto.Bind{Region: region, Account: account, ID: "other"})
	try := func(key proto.KeyRef, hash [32]byte, blob []byte) {
		t.Helper()
		in := &proto.DecryptRequest{Key: key, ContextHash: hash, Blob: blob}
		refused(t, proto.StatusInvalidCiphertext)(e.Decrypt(in, nil))
		refused(t, proto.StatusInvalidCiphertext)(e.CheckCiphertext(in, nil))
		refused(t, proto.StatusInvalidCiphertext)(e.ReEncrypt(&proto.ReEncryptRequest{
			Source: key, Destination: key, SourceHash: hash, DestinationHash: hash, Blob: blob,
		}, nil))
	}
	for bit := range len(blob) * 8 {
		flipped := bytes.Clone(blob)
		flipped[bit/8] ^= 1 << (bit % 8)
		try(key, hash, flipped)
	}
	for n := range blob {
		try(key, hash, blob[:n])
	}
	try(key, hash, append(bytes.Clone(blob), 0))
	try(key, hash, make([]byte, proto.MaxBlob))
	try(key, [32]byte{2}, blob)
	try(key, [32]byte{}, blob)
	try(other, hash, blob)
}

func TestReEncrypt(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	source := defaultKey(t, e)
	destination := newKey(t, e, proto.Bind{Region: region2, Account: account, ID: "other"})
	from, to := [32]byte{1}, [32]byte{2}
	blob := encrypt(t, e, source, from, []byte("plaintext"))
	in := &proto.ReEncryptRequest{Source: source, Destination: destination, SourceHash: from, DestinationHash: to, Blob: blob}
	out := must(t)(e.ReEncrypt(in, nil))
	if bytes.Contains(out, []byte("plaintext")) {
		t.Fatal("the answer holds the plaintext")
	}
	got := must(t)(e.Decrypt(&proto.DecryptRequest{Key: destination, ContextHash: to, Blob: out}, nil))
	if string(got) != "plaintext" {
		t.Fatalf("%q", got)
	}
	wrong := *in
	wrong.Destination.Bind = source.Bind
	refused(t, proto.StatusTokenRefused)(e.ReEncrypt(&wrong, nil))
}

func TestGenerateDataKey(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	key := defaultKey(t, e)
	hash := [32]byte{1}
	seen := map[string]bool{}
	for _, size := range []uint32{1, 16, 32, 64, 1024} {
		in := &proto.GenerateDataKeyRequest{Key: key, ContextHash: hash, Bytes: size}
		var resp proto.GenerateDataKeyResponse
		if err := resp.Decode(must(t)(e.GenerateDataKey(in, nil))); err != nil {
			t.Fatal(err)
		}
		got := must(t)(e.Decrypt(&proto.DecryptRequest{Key: key, ContextHash: hash, Blob: resp.Blob}, nil))
		if !bytes.Equal(got, resp.DataKey) || len(got) != int(size) {
			t.Errorf("%d bytes: the blob holds another data key", size)
		}
		blob := must(t)(e.GenerateDataKeyWithoutPlaintext(in, nil))
		if len(blob) != int(size)+80 {
			t.Errorf("%d bytes: the answer without plaintext has %d", size, len(blob))
		}
		hidden := must(t)(e.Decrypt(&proto.DecryptRequest{Key: key, ContextHash: hash, Blob: blob}, nil))
		if size >= 16 {
			if seen[string(got)] || seen[string(hidden)] || bytes.Equal(got, hidden) || bytes.Equal(got, make([]byte, size)) {
				t.Errorf("%d bytes: a data key came twice", size)
			}
			seen[string(got)], seen[string(hidden)] = true, true
		}
	}
	for _, size := range []uint32{0, 1025, 1<<32 - 1} {
		in := &proto.GenerateDataKeyRequest{Key: key, Bytes: size}
		refused(t, proto.StatusMalformed)(e.GenerateDataKey(in, nil))
		refused(t, proto.StatusMalformed)(e.GenerateDataKeyWithoutPlaintext(in, nil))
		refused(t, proto.StatusMalformed)(e.GenerateRandom(&proto.GenerateRandomRequest{Bytes: size}, nil))
	}
}

func TestGenerateRandom(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	a := must(t)(e.GenerateRandom(&proto.GenerateRandomRequest{Bytes: 1024}, []byte("dst")))
	b := must(t)(e.GenerateRandom(&proto.GenerateRandomRequest{Bytes: 1024}, nil))
	if len(a) != 1027 || string(a[:3]) != "dst" || len(b) != 1024 || bytes.Equal(a[3:], b) {
		t.Errorf("%d and %d bytes", len(a), len(b))
	}
}

func TestCreateKey(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	bind := proto.Bind{Region: region, Account: account, ID: keyID}
	var resp proto.CreateKeyResponse
	if err := resp.Decode(must(t)(e.CreateKey(&proto.CreateKeyRequest{Bind: bind, Spec: 1, Usage: 1, Flags: 1}, nil))); err != nil {
		t.Fatal(err)
	}
	var h token.Header
	if err := h.Parse(resp.Token); err != nil {
		t.Fatal(err)
	}
	if h.Kind != token.KindKey || h.Spec != 1 || h.Usage != 1 || h.Origin != token.OriginGenerated ||
		h.Flags != token.FlagMultiRegion || h.MaterialID != resp.MaterialID || h.Generation != 1 || resp.Generation != 1 ||
		h.NotBefore != 0 || h.NotAfter != 0 || len(resp.Token) != 184 {
		t.Errorf("%+v", h)
	}
	// The material id is the KDF of what the token holds.
	var domainKey [kdf.KeySize]byte
	if _, err := e.cfg.Domains.Key(h.DomainID, 1, &domainKey); err != nil {
		t.Fatal(err)
	}
	var box token.Box
	hbk, err := box.Open(nil, resp.Token, domainKey[:])
	if err != nil {
		t.Fatal(err)
	}
	var d kdf.Deriver
	if d.MaterialID(hbk, keyID) != resp.MaterialID {
		t.Error("the material id is another")
	}
	for _, in := range []proto.CreateKeyRequest{
		{Bind: bind, Spec: 0, Usage: 1}, {Bind: bind, Spec: 21, Usage: 1}, {Bind: bind, Spec: 2, Usage: 3}, {Bind: bind, Spec: 257, Usage: 1},
		{Bind: bind, Spec: 1, Usage: 0}, {Bind: bind, Spec: 1, Usage: 2},
		{Bind: bind, Spec: 1, Usage: 1, Flags: 2}, {Bind: bind, Spec: 1, Usage: 1, Flags: 4},
		{Bind: proto.Bind{Region: region, ID: keyID}, Spec: 1, Usage: 1},
		{Bind: proto.Bind{Region: region, Account: account}, Spec: 1, Usage: 1},
		{Bind: proto.Bind{Account: account, ID: keyID}, Spec: 1, Usage: 1},
	} {
		refused(t, proto.StatusMalformed)(e.CreateKey(&in, nil))
	}
	refused(t, proto.StatusUnknownDomain)(e.CreateKey(&proto.CreateKeyRequest{
		Bind: proto.Bind{Region: "mars-1", Account: account, ID: keyID}, Spec: 1, Usage: 1,
	}, nil))
}

func TestDevelopmentDomain(t *testing.T) {
	t.Parallel()
	set := newSet(t, true)
	e := New(Config{Domains: set, Now: func() time.Time { return testTime }})
	refused(t, proto.StatusDomainRefused)(e.CreateDomain(&proto.CreateDomainRequest{Region: region}, nil))
	tok := must(t)(e.CreateDomain(&proto.CreateDomainRequest{Region: region, Dev: true}, nil))
	must(t)(e.LoadDomain(&proto.LoadDomainRequest{Token: tok[4:]}, nil))
	var h token.Header
	if err := h.Parse(defaultKey(t, e).Token); err != nil || h.Flags != token.FlagDev {
		t.Errorf("flags %d, %v", h.Flags, err)
	}
	if info := e.Info(); !info.Dev || len(info.Domains) != 1 || info.Domains[0].ID[0] != 2 {
		t.Errorf("%+v", info)
	}
	production := newEngine(t)
	refused(t, proto.StatusDomainRefused)(production.LoadDomain(&proto.LoadDomainRequest{Token: tok[4:]}, nil))
	refused(t, proto.StatusDomainRefused)(production.CreateDomain(&proto.CreateDomainRequest{Region: "x", Dev: true}, nil))
}
