package kdf

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
)

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func sequence(first byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

// TestCAVP checks the counter mode against NIST's CAVP vectors: KDFCTR_gen.rsp,
// CAVS 14.4, [PRF=HMAC_SHA256] [CTRLOCATION=BEFORE_FIXED] [RLEN=32_BITS],
// counts 0, 10, 20 and 30; the last has two blocks.
func TestCAVP(t *testing.T) {
	t.Parallel()
	for _, v := range []struct{ ki, fixed, ko string }{
		{
			"dd1d91b7d90b2bd3138533ce92b272fbf8a369316aefe242e659cc0ae238afe0",
			"01322b96b30acd197979444e468e1c5c6859bf1b1cf951b7e725303e237e46b864a145fab25e517b08f8683d0315bb2911d80a0e8aba17f3b413faac",
			"10621342bfb0fd40046c0e29f2cfdbf0",
		},
		{
			"e204d6d466aad507ffaf6d6dab0a5b26152c9e21e764370464e360c8fbc765c6",
			"7b03b98d9f94b899e591f3ef264b71b193fba7043c7e953cde23bc5384bc1a6293580115fae3495fd845dadbd02bd6455cf48d0f62b33e62364a3a80",
			"770dfab6a6a4a4bee0257ff335213f78d8287b4fd537d5c1fffa956910e7c779",
		},
		{
			"dc60338d884eecb72975c603c27b360605011756c697c4fc388f5176ef81efb1",
			"44d7aa08feba26093c14979c122c2437c3117b63b78841cd10a4bc5ed55c56586ad8986d55307dca1d198edcffbc516a8fbe6152aa428cdd800c062d",
			"29ac07dccf1f28d506cd623e6e3fc2fa255bd60b",
		},
		{
			"c4bedbddb66493e7c7259a3bbbc25f8c7e0ca7fe284d92d431d9cd99a0d214ac",
			"1c69c54766791e315c2cc5c47ecd3ffab87d0d273dd920e70955814c220eacace6a5946542da3dfe24ff626b4897898cafb7db83bdff3c14fa46fd4b",
			"1da47638d6c9c4d04d74d4640bbd42ab814d9e8cc22f4326695239f96b0693f12d0dd1152cf44430",
		},
	} {
		var d Deriver
		want := unhex(t, v.ko)
		if got := d.counter(nil, unhex(t, v.ki), unhex(t, v.fixed), len(want)); !bytes.Equal(got, want) {
			t.Errorf("key %s: %x, want %s", v.ki, got, v.ko)
		}
	}
}

// TestFrozen checks the whole derivation against an implementation in Python
// (hashlib, hmac), with which OpenSSL's KBKDF agrees.
func TestFrozen(t *testing.T) {
	t.Parallel()
	key, nonce := sequence(0, 32), [NonceSize]byte(sequence(0x40, NonceSize))
	for label, want := range map[Label]string{
		LabelBlob:       "b1023616af8ddcd828c45177c7b78892a239f4e4617c046550e4354c8ce0e939",
		LabelMaterial:   "fb700bad6b3f88ca2bcee55e81ae61521e259281bae9c66ade0ba13787cabccc",
		LabelEKTKey:     "21b32b8801a7eeecf9a56189009b2ef82fd7c882684e44cdd3aa70a49c3530fa",
		LabelEKTSecret:  "4f04fcfb7684e6e98c56a56dafc33622452b45c3f57696400f60ae9e394d81c4",
		LabelEKTImport:  "c8c91449484a3f077d289ed9ea92bfa8b98be7db561fc3f745637af301fc3cbf",
		LabelEKTSession: "20ded451492f29348d5f010f3853d91872242d4de04bbc18f0beee63b09a56b9",
		LabelEKTReplica: "a5fc7266fd8a20bfb496ba3469246e68fa8837e177971c680e58b3f120bee62f",
		LabelEKTService: "ca330c5cca8e143a580159128176dc692bba10a8d598e38ed83d5d0c5374ceef",
		LabelEKTAudit:   "514855c535f72c35cb6c22e791b705c3941000b80a7be6d5dd7f5e9abd3cabb7",
		LabelUnsealFile: "1fc91ba2b20d432e27f09a2205cc5cc73b6247974bb8a87241965f8f8ceb6750",
	} {
		var d Deriver
		if got := d.Append(nil, key, label, []byte("header"), &nonce, 32); hex.EncodeToString(got) != want {
			t.Errorf("%s: %x, want %s", label, got, want)
		}
	}
	var d Deriver
	got := d.Append([]byte("before"), key, LabelBlob, sequence(0x80, 36), &nonce, 80)
	if want := "before" + string(unhex(t, "abf14ad1b51524b308bb17614439af9c006278b2515f19ae5b9f13d9473b7cc2d38d01a20a0976cf45ebca6ca13d442a499b628115ce8c99bcee8fb235ad77952885858bb677c70be6e00b1aae6bb968")); string(got) != want {
		t.Errorf("80 bytes: %x, want %x", got, want)
	}
	id := d.MaterialID(key, "1234abcd-12ab-34cd-56ef-1234567890ab")
	if want := "5d428facac2218bed01fb12b3f99987265cc2d4c5620366e9abc86d903a1c829"; hex.EncodeToString(id[:]) != want {
		t.Errorf("material id %x, want %s", id, want)
	}
}

// labels reads all label constants from the source, so that a new one cannot
// be forgotten.
func labels(t *testing.T) []string {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), "kdf.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	ast.Inspect(f, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if ok && strings.HasPrefix(spec.Names[0].Name, "Label") {
			s, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, s)
		}
		return true
	})
	return found
}

func TestLabelsArePrefixFree(t *testing.T) {
	t.Parallel()
	all := labels(t)
	if len(all) != 11 {
		t.Fatalf("%d labels; docs/formats.md lists 11", len(all))
	}
	for i, a := range all {
		for j, b := range all {
			if i != j && strings.HasPrefix(a, b) {
				t.Errorf("%q is a prefix of %q", b, a)
			}
		}
	}
}

// TestInputsMatter changes each input in turn; the output must change.
func TestInputsMatter(t *testing.T) {
	t.Parallel()
	var d Deriver
	nonce := [NonceSize]byte{1}
	derive := func(key, label, header string, nonce [NonceSize]byte, size int) string {
		return string(d.Append(nil, []byte(key), Label(label), []byte(header), &nonce, size)[:16])
	}
	seen := map[string]string{}
	for name, out := range map[string]string{
		"base":   derive("key", "L", "header", nonce, 16),
		"key":    derive("kez", "L", "header", nonce, 16),
		"label":  derive("key", "M", "header", nonce, 16),
		"header": derive("key", "L", "headeR", nonce, 16),
		"nonce":  derive("key", "L", "header", [NonceSize]byte{2}, 16),
		"length": derive("key", "L", "header", nonce, 32),
	} {
		if other, ok := seen[out]; ok {
			t.Errorf("%s and %s derive the same", name, other)
		}
		seen[out] = name
	}
}

// TestWiped looks for what must not stay in a Deriver.
func TestWiped(t *testing.T) {
	t.Parallel()
	for _, size := range []int{16, 32, 64, 128, 1000} {
		var d Deriver
		key := sequence(7, size)
		nonce := [NonceSize]byte{1}
		d.Append(nil, key, LabelBlob, nil, &nonce, 80)
		if _, err := d.AEAD(key, LabelBlob, nil, &nonce); err != nil {
			t.Fatal(err)
		}
		if d.key != [32]byte{} {
			t.Errorf("key of %d bytes: the derived key stays in the working memory", size)
		}
		d.MaterialID(key, "id")
		if d.prf != [64]byte{} || d.sum != [32]byte{} || d.key != [32]byte{} {
			t.Errorf("key of %d bytes: a secret stays in the working memory", size)
		}
		for at := 0; at+8 <= size; at += 8 {
			if bytes.Contains(d.buf[:], key[at:at+8]) {
				t.Errorf("key of %d bytes: bytes %d to %d stay in the working memory", size, at, at+8)
			}
		}
	}
}

// TestHashesWiped: the two hashes of the PRF keep neither their chaining value
// nor the inner sum, with which and the outer one's the output is known.
func TestHashesWiped(t *testing.T) {
	t.Parallel()
	var d Deriver
	key := sequence(7, 32)
	d.Append(nil, key, LabelBlob, nil, &[NonceSize]byte{}, KeySize)

	prf := sha512.Sum512(append([]byte(LabelBlob+"\x00\x00\x00\x20"), key...))
	inner := sha256.New()
	for _, b := range prf {
		inner.Write([]byte{b ^ 0x36})
	}
	inner.Write([]byte("\x00\x00\x00\x01" + LabelBlob + "\x00"))
	inner.Write(make([]byte, NonceSize))
	inner.Write([]byte("\x00\x00\x01\x00"))
	sum := strings.Trim(fmt.Sprint(inner.Sum(nil)), "[]")

	chain, _, _ := strings.Cut(fmt.Sprint(sha256.New()), "]")
	used := sha256.New()
	used.Write(inner.Sum(nil))
	if !strings.Contains(fmt.Sprint(used), sum) {
		t.Fatal("a hash's buffer cannot be seen here")
	}
	for _, h := range d.hashes.both {
		if got := fmt.Sprint(h); !strings.HasPrefix(got, chain) || strings.Contains(got, sum) {
			t.Errorf("stays in the working memory: %s", got)
		}
	}
}

func TestAEAD(t *testing.T) {
	t.Parallel()
	var d Deriver
	nonce := [NonceSize]byte{1}
	a, err := d.AEAD(sequence(0, 32), LabelBlob, []byte("h"), &nonce)
	if err != nil {
		t.Fatal(err)
	}
	derived := d.Append(nil, sequence(0, 32), LabelBlob, []byte("h"), &nonce, KeySize)
	b, err := NewAEAD(derived)
	if err != nil {
		t.Fatal(err)
	}
	out, err := b.Open(nil, nil, a.Seal(nil, nil, []byte("text"), []byte("aad")), []byte("aad"))
	if err != nil || string(out) != "text" {
		t.Fatalf("%q, %v", out, err)
	}
	if _, err := NewAEAD(derived[:31]); err == nil {
		t.Fatal("a key of 31 bytes was taken")
	}
}

func BenchmarkAppend(b *testing.B) {
	var d Deriver
	key, header, nonce := sequence(0, 32), sequence(0, 108), [NonceSize]byte{}
	var out [32]byte
	b.ReportAllocs()
	for b.Loop() {
		d.Append(out[:0], key, LabelEKTKey, header, &nonce, 32)
	}
}
