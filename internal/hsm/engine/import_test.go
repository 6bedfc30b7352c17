package engine

import (
	"bytes"
	"crypto/aes"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/x509"
	"encoding/binary"
	"hash"
	"slices"
	"sync"
	"testing"
	"time"

	"trent/internal/hsm/alg"
	"trent/internal/hsm/proto"
	"trent/internal/hsm/token"
	"trent/internal/keyspec"
)

// sm2Pair is a wrapping key that is made once.
var sm2Pair = sync.OnceValues(func() (private, spki []byte) {
	scheme := alg.Of(keyspec.Of("SM2"))
	private, err := scheme.Generate(rand.Reader)
	if err != nil {
		panic(err)
	}
	if spki, err = scheme.Public(private); err != nil {
		panic(err)
	}
	return private, spki
})

// importToken is a token of sm2Pair, good for an hour after testTime.
func importToken(t *testing.T, e *Engine, bind proto.Bind) proto.KeyRef {
	t.Helper()
	private, _ := sm2Pair()
	return forge(t, e, token.KindImport, bind, private, func(h *token.Header) {
		h.Spec, h.Usage, h.NotAfter = token.Spec(keyspec.Of("SM2").Number), token.Usage(keyspec.WrappingNamed("SM2PKE").Number), testTime.Add(time.Hour).Unix()
	})
}

// wrappedKey is a symmetric key wrapped for sm2Pair.
func wrappedKey() []byte {
	_, spki := sm2Pair()
	return wrapSM2(spki, bytes.Repeat([]byte{9}, 32))
}

func wrapSM2(spki, material []byte) []byte {
	row := keyspec.Of("SM2")
	a := *keyspec.WrappingNamed("SM2PKE").Algorithm(row)
	a.MaxPlaintextBytes = len(material) // the limit is one of the API's Encrypt
	wrapped, err := alg.Of(row).(alg.Cipher).Encrypt(spki, &a, material)
	if err != nil {
		panic(err)
	}
	return wrapped
}

// wrapKWP is RFC 5649's wrapping, for the other side of what the module opens.
func wrapKWP(t *testing.T, kek, material []byte) []byte {
	t.Helper()
	block, err := aes.NewCipher(kek)
	if err != nil {
		t.Fatal(err)
	}
	a := binary.BigEndian.AppendUint32([]byte{0xa6, 0x59, 0x59, 0xa6}, uint32(len(material)))
	r := append(slices.Clone(material), make([]byte, (8-len(material)%8)%8)...)
	if len(r) == 8 {
		out := append(a, r...)
		block.Encrypt(out, out)
		return out
	}
	n := len(r) / 8
	for j := range 6 {
		for i := range n {
			b := append(slices.Clone(a), r[8*i:8*i+8]...)
			block.Encrypt(b, b)
			a = binary.BigEndian.AppendUint64(nil, binary.BigEndian.Uint64(b)^uint64(n*j+i+1))
			copy(r[8*i:], b[8:])
		}
	}
	return append(a, r...)
}

// wrap wraps material as its owner would.
func wrap(t *testing.T, w *keyspec.Wrapping, spki, material []byte) []byte {
	t.Helper()
	if w.Family == keyspec.SM2 {
		return wrapSM2(spki, material)
	}
	public, err := x509.ParsePKIXPublicKey(spki)
	if err != nil {
		t.Fatal(err)
	}
	h := func() hash.Hash { return sha256.New() }
	if w.SHA1 {
		h = sha1.New
	}
	oaep := func(b []byte) []byte {
		out, err := rsa.EncryptOAEP(h(), rand.Reader, public.(*rsa.PublicKey), b, nil)
		if err != nil {
			t.Fatal(err)
		}
		return out
	}
	if !w.Envelope {
		return oaep(material)
	}
	kek := bytes.Repeat([]byte{3}, 32)
	return append(oaep(kek), wrapKWP(t, kek, material)...)
}

// parameters asks for a wrapping key.
func parameters(t *testing.T, e *Engine, bind proto.Bind, spec keyspec.Spec, w *keyspec.Wrapping) (p proto.ImportParametersResponse) {
	t.Helper()
	in := proto.ImportParametersRequest{Bind: bind, Spec: keyspec.Of(spec).Number, Algorithm: w.Number}
	if err := p.Decode(must(t)(e.ImportParameters(&in, nil))); err != nil {
		t.Fatal(err)
	}
	return p
}

// materialOf is new key material of a spec as its owner brings it.
func materialOf(t *testing.T, row *keyspec.Row) []byte {
	t.Helper()
	scheme := alg.Of(row)
	if scheme == nil {
		return bytes.Repeat([]byte{5}, 32)
	}
	private, err := scheme.Generate(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if row.Type == keyspec.HMAC {
		return private
	}
	der, err := scheme.(alg.Exporter).PKCS8(private)
	if err != nil {
		t.Fatal(err)
	}
	return der
}

// TestImport brings material for every spec with every wrapping algorithm and
// wrapping key that there is for it: the same material has the same id, and its
// token is one of imported material.
func TestImport(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	bind := proto.Bind{Region: region, Account: account, ID: keyID}
	pairs := map[string]proto.ImportParametersResponse{}
	for _, w := range keyspec.Wrappings() {
		for _, spec := range []keyspec.Spec{"RSA_2048", "RSA_3072", "SM2"} {
			if w.Algorithm(keyspec.Of(spec)) != nil && (spec != "RSA_3072" || w.Name == "RSAES_OAEP_SHA_256") { // P-521 needs it
				pairs[w.Name+" "+string(spec)] = parameters(t, e, bind, spec, &w)
			}
		}
	}
	for _, row := range keyspec.All() {
		if !row.Importable() || row.Family == keyspec.RSA && row.Parameter > 2048 { // the same code, and seconds to make
			continue
		}
		material := materialOf(t, &row)
		var id [32]byte
		done := 0
		for _, w := range keyspec.Wrappings() {
			for _, wrapping := range []keyspec.Spec{"RSA_2048", "RSA_3072", "SM2"} {
				p, ok := pairs[w.Name+" "+string(wrapping)]
				in := proto.ImportKeyRequest{Key: proto.KeyRef{Bind: bind, Token: p.Token}, Spec: row.Number, Usage: row.Uses[0].Usage.Number()}
				if !ok {
					continue
				}
				if !w.Wraps(&row, keyspec.Of(wrapping)) {
					in.Wrapped = make([]byte, 256)
					refused(t, proto.StatusTokenRefused)(e.ImportKey(&in, nil))
					continue
				}
				in.Wrapped = wrap(t, &w, p.PublicKey, material)
				var made proto.CreateKeyResponse
				out, status := e.ImportKey(&in, nil)
				if err := made.Decode(out); err != nil || status != proto.StatusOK {
					t.Fatalf("%s by %s with %s: %v, %v", row.Spec, w.Name, wrapping, status, err)
				}
				var h token.Header
				if err := h.Parse(made.Token); err != nil || h.Origin != token.OriginImported || h.Kind != token.KindKey {
					t.Errorf("%s by %s: token %+v, %v", row.Spec, w.Name, h, err)
				}
				if done++; done > 1 && id != made.MaterialID {
					t.Errorf("%s by %s: another id", row.Spec, w.Name)
				}
				id = made.MaterialID
			}
		}
		if done < 2 {
			t.Errorf("%s: nothing wraps it", row.Spec)
		}
	}
}

// TestImportTokens: an import token is good for its key and for 24 hours, and no
// other token is one.
func TestImportTokens(t *testing.T) {
	t.Parallel()
	now := testTime
	e := newEngine(t, func(c *Config) { c.Now = func() time.Time { return now } })
	bind, w := proto.Bind{Region: region, Account: account, ID: keyID}, keyspec.WrappingNamed("RSAES_OAEP_SHA_256")
	p := parameters(t, e, bind, "RSA_2048", w)
	if p.NotAfter != uint64(testTime.Add(24*time.Hour).Unix()) {
		t.Errorf("good until %v", time.Unix(int64(p.NotAfter), 0))
	}
	in := proto.ImportKeyRequest{
		Key: proto.KeyRef{Bind: bind, Token: p.Token}, Spec: 1, Usage: 1, Wrapped: wrap(t, w, p.PublicKey, make([]byte, 32)),
	}
	with := func(change func(*proto.ImportKeyRequest)) ([]byte, proto.Status) {
		other := in
		other.Key.Token, other.Wrapped = slices.Clone(in.Key.Token), slices.Clone(in.Wrapped)
		change(&other)
		return e.ImportKey(&other, nil)
	}
	must(t)(with(func(*proto.ImportKeyRequest) {}))
	refused(t, proto.StatusTokenRefused)(with(func(m *proto.ImportKeyRequest) { m.Key.Bind.ID = "99999999-12ab-34cd-56ef-1234567890ab" }))
	refused(t, proto.StatusTokenRefused)(with(func(m *proto.ImportKeyRequest) { m.Key.Bind.Account = "444455556666" }))
	refused(t, proto.StatusTokenRefused)(with(func(m *proto.ImportKeyRequest) { m.Key.Bind.Region = region2 }))
	refused(t, proto.StatusTokenRefused)(with(func(m *proto.ImportKeyRequest) { m.Key.Token = defaultKey(t, e).Token }))
	refused(t, proto.StatusTokenRefused)(with(func(m *proto.ImportKeyRequest) { m.Spec, m.Usage = 2, 1 })) // RSA by OAEP alone
	for i := range in.Key.Token {
		out, status := with(func(m *proto.ImportKeyRequest) { m.Key.Token[i] ^= 1 })
		if status == proto.StatusOK || len(out) > 0 {
			t.Fatalf("byte %d of the token changed: %v", i, status)
		}
	}
	for i := range in.Wrapped {
		refused(t, proto.StatusInvalidCiphertext)(with(func(m *proto.ImportKeyRequest) { m.Wrapped[i] ^= 1 }))
	}
	for _, n := range []int{0, 1, 16, 31, 33, 64} {
		refused(t, proto.StatusInvalidCiphertext)(with(func(m *proto.ImportKeyRequest) { m.Wrapped = wrap(t, w, p.PublicKey, make([]byte, n)) }))
	}
	now = testTime.Add(24 * time.Hour)
	must(t)(with(func(*proto.ImportKeyRequest) {}))
	now = now.Add(time.Second)
	refused(t, proto.StatusTokenExpired)(with(func(*proto.ImportKeyRequest) {}))
}
