// Package selftest owns the module's own self-tests: known answers for what
// is Trent's (key derivation, exported key token, ciphertext blob) and for the
// algorithms that are not Go's, a consistency test with a fresh key, and the
// continuous health test of random output. Go's FIPS 140-3 module tests its own
// algorithms.
//
// It must never report what a test computed, only which test failed. Only
// internal/hsm/engine and tests may import it.
package selftest

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"

	"trent/internal/hsm/alg"
	"trent/internal/hsm/blob"
	"trent/internal/hsm/kdf"
	"trent/internal/hsm/token"
)

// Failure says which self-test failed.
type Failure struct {
	Test string
	err  error
}

// Error names the test.
func (f *Failure) Error() string { return fmt.Sprintf("selftest: %s: %v", f.Test, f.err) }

// Unwrap returns the cause.
func (f *Failure) Unwrap() error { return f.err }

// Corrupt is a test's hook: it may change what the named self-test has just
// computed, before it is compared. Production passes nil.
type Corrupt func(test string, computed []byte)

// test computes something and the answer that it must equal.
type test struct {
	name string
	run  func() (computed, want []byte, err error)
}

var (
	errAnswer   = errors.New("wrong answer")
	errAccepted = errors.New("altered input was accepted")
)

// tests lists the self-tests in their order.
func tests() []test {
	list := []test{
		{"kdf-known-answer", kdfKnownAnswer},
		{"agreed-key-known-answer", agreedKnownAnswer},
		{"material-id-known-answer", materialKnownAnswer},
		{"ekt-known-answer", tokenKnownAnswer},
		{"ekt-altered", tokenAltered},
		{"blob-known-answer", blobKnownAnswer},
		{"blob-altered", blobAltered},
		{"pairwise-consistency", pairwise},
	}
	for _, k := range alg.KnownAnswers() {
		list = append(list, test{k.Name, k.Run})
	}
	return list
}

// Names returns the names of the self-tests in their order.
func Names() []string {
	var names []string
	for _, t := range tests() {
		names = append(names, t.name)
	}
	return names
}

// Run runs all self-tests. The error is a *Failure that names the first that
// failed.
func Run(corrupt Corrupt) error {
	for _, t := range tests() {
		if err := t.check(corrupt); err != nil {
			return &Failure{t.name, err}
		}
	}
	return nil
}

// check runs one self-test.
func (t *test) check(corrupt Corrupt) error {
	computed, want, err := t.run()
	if err != nil {
		return err
	}
	if corrupt != nil {
		corrupt(t.name, computed)
	}
	if len(want) == 0 || !bytes.Equal(computed, want) {
		return errAnswer
	}
	return nil
}

func sequence(first byte, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = first + byte(i)
	}
	return b
}

func kdfKnownAnswer() (computed, want []byte, err error) {
	var d kdf.Deriver
	nonce := [kdf.NonceSize]byte(sequence(0x40, kdf.NonceSize))
	computed = d.Append(nil, sequence(0, 32), kdf.LabelBlob, sequence(0x80, blob.HeaderSize), &nonce, 80)
	want, err = hex.DecodeString(kdfAnswer)
	return computed, want, err
}

func agreedKnownAnswer() (computed, want []byte, err error) {
	key := kdf.Agreed(sequence(0, 48), kdf.LabelReplication, sequence(0x40, 64))
	want, err = hex.DecodeString(agreedAnswer)
	return key[:], want, err
}

func materialKnownAnswer() (computed, want []byte, err error) {
	var d kdf.Deriver
	id := d.MaterialID(sequence(0, 32), "1234abcd-12ab-34cd-56ef-1234567890ab")
	want, err = hex.DecodeString(materialAnswer)
	return id[:], want, err
}

func tokenKnownAnswer() (computed, want []byte, err error) {
	tok, err := hex.DecodeString(tokenVector)
	if err != nil {
		return nil, nil, err
	}
	var b token.Box
	computed, err = b.Open(nil, tok, sequence(0x20, 32))
	return computed, sequence(0, 32), err
}

func blobKnownAnswer() (computed, want []byte, err error) {
	ct, err := hex.DecodeString(blobVector)
	if err != nil {
		return nil, nil, err
	}
	id, hash := [32]byte(sequence(0x60, 32)), [32]byte(sequence(0xa0, 32))
	var b blob.Box
	computed, err = b.Open(nil, sequence(0, 32), &id, &hash, ct)
	return computed, []byte("known answer"), err
}

// refused turns a refusal into a computed answer, so that the hook reaches it.
func refused(err, want error) (computed, wanted []byte, _ error) {
	if err == nil {
		return nil, nil, errAccepted
	}
	return []byte(err.Error()), []byte(want.Error()), nil
}

func tokenAltered() (computed, want []byte, err error) {
	tok, err := hex.DecodeString(tokenVector)
	if err != nil {
		return nil, nil, err
	}
	tok[len(tok)-1] ^= 1
	var b token.Box
	_, err = b.Open(nil, tok, sequence(0x20, 32))
	return refused(err, token.ErrInvalid)
}

func blobAltered() (computed, want []byte, err error) {
	ct, err := hex.DecodeString(blobVector)
	if err != nil {
		return nil, nil, err
	}
	ct[len(ct)-1] ^= 1
	id, hash := [32]byte(sequence(0x60, 32)), [32]byte(sequence(0xa0, 32))
	var b blob.Box
	_, err = b.Open(nil, sequence(0, 32), &id, &hash, ct)
	return refused(err, blob.ErrInvalid)
}

// pairwise wraps a fresh key in a token under another, opens it, encrypts
// under what came out and decrypts that.
func pairwise() (computed, want []byte, err error) {
	var r [3*32 + 16]byte
	defer clear(r[:])
	rand.Read(r[:])
	domainKey, key, nonce := r[:32], r[32:64], (*[16]byte)(r[96:])
	var d kdf.Deriver
	h := &token.Header{
		Kind: token.KindKey, Generation: 1, Spec: token.SpecSymmetricDefault, Usage: token.UsageEncryptDecrypt,
		Origin: token.OriginGenerated, MaterialID: d.MaterialID(key, "pairwise"),
	}
	h.DomainID[0] = token.DomainProduction
	var tb token.Box
	tok, err := tb.Seal(nil, h, domainKey, nonce, key)
	if err != nil {
		return nil, nil, err
	}
	opened, err := tb.Open(make([]byte, 0, 64), tok, domainKey)
	if err != nil {
		return nil, nil, err
	}
	defer clear(opened)
	want = []byte("pairwise consistency")
	hash := (*[32]byte)(r[64:96])
	var bb blob.Box
	ct, err := bb.Seal(nil, opened, &h.MaterialID, hash, nonce, want)
	if err != nil {
		return nil, nil, err
	}
	computed, err = bb.Open(nil, key, &h.MaterialID, hash, ct)
	return computed, want, err
}
