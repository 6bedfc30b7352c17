package engine

import (
	"testing"

	"trent/internal/hsm/proto"
)

// BenchmarkCommand measures each command alone; run it with GODEBUG=fips140=on.
func BenchmarkCommand(b *testing.B) {
	e := newEngine(b)
	key := defaultKey(b, e)
	encrypt := &proto.EncryptRequest{Key: key, Plaintext: make([]byte, 32)}
	encrypt4k := &proto.EncryptRequest{Key: key, Plaintext: make([]byte, 4096)}
	blob := must(b)(e.Encrypt(encrypt, nil))
	decrypt := &proto.DecryptRequest{Key: key, Blob: blob}
	dataKey := &proto.GenerateDataKeyRequest{Key: key, Bytes: 32}
	secretToken, _ := framed(b, must(b)(e.SealAccessKeySecret(&proto.SealSecretRequest{Account: account, AccessKeyID: "AKIA", Secret: []byte("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")}, nil)))
	secret := proto.KeyRef{Bind: accessKeyBind(account, "AKIA"), Token: secretToken}
	for _, c := range []struct {
		name string
		run  func(dst []byte) ([]byte, proto.Status)
	}{
		{"Encrypt32", func(dst []byte) ([]byte, proto.Status) { return e.Encrypt(encrypt, dst) }},
		{"Encrypt4096", func(dst []byte) ([]byte, proto.Status) { return e.Encrypt(encrypt4k, dst) }},
		{"Decrypt32", func(dst []byte) ([]byte, proto.Status) { return e.Decrypt(decrypt, dst) }},
		{"CheckCiphertext32", func(dst []byte) ([]byte, proto.Status) { return e.CheckCiphertext(decrypt, dst) }},
		{"ReEncrypt32", func(dst []byte) ([]byte, proto.Status) {
			return e.ReEncrypt(&proto.ReEncryptRequest{Source: key, Destination: key, Blob: blob}, dst)
		}},
		{"GenerateDataKey32", func(dst []byte) ([]byte, proto.Status) { return e.GenerateDataKey(dataKey, dst) }},
		{"GenerateDataKeyWithoutPlaintext32", func(dst []byte) ([]byte, proto.Status) {
			return e.GenerateDataKeyWithoutPlaintext(dataKey, dst)
		}},
		{"GenerateRandom32", func(dst []byte) ([]byte, proto.Status) {
			return e.GenerateRandom(&proto.GenerateRandomRequest{Bytes: 32}, dst)
		}},
		{"CreateKey", func(dst []byte) ([]byte, proto.Status) {
			return e.CreateKey(&proto.CreateKeyRequest{Bind: key.Bind, Spec: 1, Usage: 1}, dst)
		}},
		{"Rewrap", func(dst []byte) ([]byte, proto.Status) {
			return e.Rewrap(&proto.RewrapRequest{Kind: 1, Key: key}, dst)
		}},
		{"DeriveDayKey", func(dst []byte) ([]byte, proto.Status) {
			return e.DeriveDayKey(&proto.DayKeyRequest{Key: secret, Date: "20260301", Region: region, Service: "kms"}, dst)
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			dst := make([]byte, 0, 8192)
			b.ReportAllocs()
			for b.Loop() {
				if _, status := c.run(dst); status != proto.StatusOK {
					b.Fatal(status)
				}
			}
		})
	}
}
