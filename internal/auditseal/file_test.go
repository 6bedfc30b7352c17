package auditseal

import (
	"bytes"
	"encoding/pem"
	"errors"
	"os"
	"strings"
	"testing"

	"trent/internal/audit"
)

const name = "01020304/00000001/00000002.log"

// sealedFile is a file under name, and what opens it.
func sealedFile(t testing.TB, plain []byte) (sealed []byte, k *keys, recovery *PrivateKey) {
	t.Helper()
	k = newKeys(t)
	recovery, public := recoveryPair(t)
	sealed, err := (&Writer{Keys: k, Key: kmsKey, Recovery: public}).Seal(t.Context(), name, plain)
	if err != nil {
		t.Fatal(err)
	}
	return sealed, k, recovery
}

// TestFile: each of the two keys opens a file of any length, under its name alone.
func TestFile(t *testing.T) {
	t.Parallel()
	for _, n := range []int{0, 1, 15, 16, 17, 100_000} {
		plain := bytes.Repeat([]byte("r"), n)
		sealed, k, recovery := sealedFile(t, plain)
		other, _ := recoveryPair(t)
		for what, o := range map[string]audit.Opener{"the KMS key": &Reader{t.Context(), k}, "the recovery key": recovery} {
			got, err := o.Open(name, sealed)
			if err != nil || !bytes.Equal(got, plain) {
				t.Errorf("%d bytes, %s: %d bytes, %v", n, what, len(got), err)
			}
			for _, wrong := range []string{"", "01020304/00000001/00000003.log", name + "x"} {
				if got, err := o.Open(wrong, sealed); got != nil || !errors.Is(err, audit.ErrSealed) {
					t.Errorf("%s under the name %q: %d bytes, %v", what, wrong, len(got), err)
				}
			}
		}
		for what, o := range map[string]audit.Opener{"another KMS key": &Reader{t.Context(), newKeys(t)}, "another recovery key": other} {
			if got, err := o.Open(name, sealed); got != nil || !errors.Is(err, audit.ErrSealed) {
				t.Errorf("%s: %d bytes, %v", what, len(got), err)
			}
		}
		if of, kms, err := Name(sealed); of != name || kms != kmsKey || err != nil {
			t.Errorf("%q, %q, %v", of, kms, err)
		}
	}
}

// TestChangedFiles: every byte is authenticated: none can be changed, none taken
// away at the end or added. (The blob and the wrapped key are not both needed, but
// both stand in what is authenticated.)
func TestChangedFiles(t *testing.T) {
	t.Parallel()
	sealed, k, recovery := sealedFile(t, []byte("plain"))
	for what, o := range map[string]audit.Opener{"the KMS key": &Reader{t.Context(), k}, "the recovery key": recovery} {
		step := 1
		if o == audit.Opener(recovery) {
			step = 11 // HPKE takes a millisecond
		}
		for i := 0; i < len(sealed); i += step {
			changed := bytes.Clone(sealed)
			changed[i] ^= 1
			for _, b := range [][]byte{changed, sealed[:i]} {
				if got, err := o.Open(name, b); got != nil || !errors.Is(err, audit.ErrSealed) {
					t.Fatalf("%s opens a file that is changed at byte %d, or has only %d: %q, %v", what, i, len(b), got, err)
				}
			}
		}
		if got, err := o.Open(name, append(bytes.Clone(sealed), 0)); got != nil || err == nil {
			t.Errorf("%s opens a file with one byte more", what)
		}
	}
}

// TestAnotherImplementation: a file that testdata/sealed.py made, with
// pyca/cryptography 48.0.0 and OpenSSL.
func TestAnotherImplementation(t *testing.T) {
	t.Parallel()
	read := func(path string) []byte {
		b, err := os.ReadFile("testdata/" + path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	k, err := ReadPrivateKey(read("python.key"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := k.Open(name, read("python.sealed"))
	if want := "{\"eventName\":\"Decrypt\"}\n"; err != nil || string(got) != want {
		t.Errorf("%q, %v, want %q", got, err, want)
	}
	if id := k.Public().String(); id != "33cc7de14fe90b86ae67234d41379016" {
		t.Error(id)
	}
}

// TestKeyFiles: what is no recovery key of its kind is refused, and the private
// one in the public one's place with its own words.
func TestKeyFiles(t *testing.T) {
	t.Parallel()
	private, public, err := NewRecoveryKey()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ReadPublicKey(private.Expose()); !errors.Is(err, ErrPrivate) {
		t.Error(err)
	}
	short := func(kind string) []byte {
		return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: make([]byte, 31)})
	}
	for what, file := range map[string][]byte{
		"nothing": nil, "text": []byte("key"), "two": append(bytes.Clone(public), public...), "another kind": short("PUBLIC KEY"),
		"a short public one": short(publicBlock), "a short private one": short(privateBlock),
		"headers": pem.EncodeToMemory(&pem.Block{Type: privateBlock, Headers: map[string]string{"a": "b"}, Bytes: make([]byte, 32)}),
	} {
		if _, err := ReadPublicKey(file); err == nil {
			t.Errorf("%s is a public key", what)
		}
		if _, err := ReadPrivateKey(file); err == nil {
			t.Errorf("%s is a private key", what)
		}
	}
	if _, err := ReadPrivateKey(public); err == nil || strings.Contains(err.Error(), "BEGIN") {
		t.Error(err)
	}
}

// TestNamesAreBounded: what would not fit into a header is not sealed.
func TestNamesAreBounded(t *testing.T) {
	t.Parallel()
	_, public := recoveryPair(t)
	w := Writer{Keys: newKeys(t), Key: kmsKey, Recovery: public}
	for _, n := range []int{0, maxName + 1, 1 << 17} {
		if b, err := w.Seal(t.Context(), strings.Repeat("n", n), nil); err == nil {
			t.Errorf("a name of %d bytes: %d bytes", n, len(b))
		}
	}
	if _, err := w.Seal(t.Context(), strings.Repeat("n", maxName), nil); err != nil {
		t.Error(err)
	}
}

// FuzzParse: no bytes make the parser fail otherwise than with an error; what it
// takes is written back the same; and nothing opens but what was sealed.
func FuzzParse(f *testing.F) {
	sealed, _, recovery := sealedFile(f, []byte("plain"))
	vector, err := os.ReadFile("testdata/python.sealed")
	if err != nil {
		f.Fatal(err)
	}
	for _, b := range [][]byte{sealed, vector, sealed[:100], nil, []byte(audit.SealedMagic), append([]byte(audit.SealedMagic), bytes.Repeat([]byte{0xff}, 64)...)} {
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		h, body, err := parse(b)
		if err != nil {
			return
		}
		again, err := h.append(nil)
		if err != nil || !bytes.Equal(append(again, body...), b) {
			t.Fatalf("%x is written back as %x, %v", b, again, err)
		}
		if _, err := recovery.Open(h.name, b); err == nil && !bytes.Equal(b, sealed) {
			t.Fatalf("%x opens", b)
		}
	})
}

// TestKeysAreWiped: the data key does not outlive the file's sealing and opening.
func TestKeysAreWiped(t *testing.T) {
	t.Parallel()
	k := &kept{keys: newKeys(t)}
	_, public := recoveryPair(t)
	sealed, err := (&Writer{Keys: k, Key: kmsKey, Recovery: public}).Seal(t.Context(), name, []byte("plain"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (&Reader{t.Context(), k}).Open(name, sealed); err != nil {
		t.Fatal(err)
	}
	if len(k.all) != 2 {
		t.Fatalf("%d keys", len(k.all))
	}
	for _, key := range k.all {
		if !bytes.Equal(key.Expose(), make([]byte, keyBytes)) {
			t.Error("a data key is not wiped")
		}
	}
}
