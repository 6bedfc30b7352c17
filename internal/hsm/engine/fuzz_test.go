package engine

import (
	"testing"

	"trent/internal/hsm/proto"
)

// FuzzCommands gives every command any token, any blob and any bind: nothing
// panics, nothing but what was made here works, and no failed command answers.
func FuzzCommands(f *testing.F) {
	e := newEngine(f)
	good := defaultKey(f, e)
	blob := must(f)(e.Encrypt(&proto.EncryptRequest{Key: good, Plaintext: []byte("plaintext")}, nil))
	f.Add(good.Bind.Region, good.Bind.Account, good.Bind.ID, good.Token, blob, uint8(1), uint32(32))
	f.Add(region2, "", "record-mac", []byte{}, []byte{}, uint8(6), uint32(0))
	f.Add("global", account, "AKIA", make([]byte, 152), make([]byte, 80), uint8(2), uint32(1<<31))
	f.Fuzz(func(t *testing.T, region, account, id string, tok, ciphertext []byte, kind uint8, size uint32) {
		ref := proto.KeyRef{Bind: proto.Bind{Region: region, Account: account, ID: id}, Token: tok}
		genuine := ref.Bind == good.Bind && string(tok) == string(good.Token)
		for cmd, run := range uses(e, ref, good, ciphertext) {
			out, status := run()
			if status == proto.StatusOK && !genuine || status != proto.StatusOK && len(out) != 0 {
				t.Fatalf("command %#x: %v with %d bytes", uint8(cmd), status, len(out))
			}
		}
		m := &material{ref: ref, spki: ciphertext, peer: ciphertext, in: ciphertext, signature: ciphertext, algorithm: kind}
		for cmd, run := range asymmetricUses(e, m, good) {
			out, status := run()
			if status == proto.StatusOK && !genuine || status != proto.StatusOK && len(out) != 0 {
				t.Fatalf("command %#x: %v with %d bytes", uint8(cmd), status, len(out))
			}
			e.Weigh(cmd, ciphertext)
		}
		rewrapped, status := e.Rewrap(&proto.RewrapRequest{Kind: kind, Key: ref}, nil)
		if status == proto.StatusOK && !genuine || status != proto.StatusOK && len(rewrapped) != 0 {
			t.Fatalf("rewrap: %v", status)
		}
		plain, status := e.Decrypt(&proto.DecryptRequest{Key: good, Blob: ciphertext}, nil)
		if (status == proto.StatusOK) != (string(ciphertext) == string(blob)) {
			t.Fatalf("decrypt: %v", status)
		}
		if status != proto.StatusOK && (status != proto.StatusInvalidCiphertext && status != proto.StatusMalformed || len(plain) != 0) {
			t.Fatalf("decrypt: %v with %d bytes", status, len(plain))
		}
		_, status = e.GenerateDataKey(&proto.GenerateDataKeyRequest{Key: good, Bytes: size}, nil)
		if (status == proto.StatusOK) != (size >= 1 && size <= proto.MaxRandom) {
			t.Fatalf("data key of %d bytes: %v", size, status)
		}
		if _, status := e.LoadDomain(&proto.LoadDomainRequest{Token: tok}, nil); status != proto.StatusDomainRefused {
			t.Fatalf("load domain: %v", status)
		}
		e.CreateDomain(&proto.CreateDomainRequest{Region: region}, nil)
		if _, status := e.MoveClock(&proto.MoveClockRequest{AheadSeconds: size}, nil); status != proto.StatusClockRefused {
			t.Fatalf("move clock: %v", status)
		}
		e.SealAccessKeySecret(&proto.SealSecretRequest{Account: account, AccessKeyID: id, Secret: ciphertext}, nil)
		e.DeriveDayKey(&proto.DayKeyRequest{Key: ref, Date: account, Region: region, Service: id}, nil)
		if e.Muted() {
			t.Fatal(e.MuteReason())
		}
	})
}
