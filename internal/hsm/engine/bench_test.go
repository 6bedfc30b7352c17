package engine

import (
	"fmt"
	"testing"

	"trent/internal/hsm/proto"
	"trent/internal/keyspec"
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

// BenchmarkSpec measures every command that takes a key of more specs than one,
// with each spec and usage: what isSlow goes by. Encrypt and Decrypt are beside
// them to compare with. Making RSA keys takes seconds and is left out.
func BenchmarkSpec(b *testing.B) {
	e := newEngine(b)
	data := defaultKey(b, e)
	rows := keyspec.All()
	for i := range rows {
		row := &rows[i]
		for j := range row.Uses {
			u := &row.Uses[j]
			m := newMaterial(b, e, row, u)
			run := func(name string, do func() ([]byte, proto.Status)) {
				b.Run(fmt.Sprint(row.Spec, "/", u.Usage, "/", name), func(b *testing.B) {
					for b.Loop() {
						must(b)(do())
					}
				})
			}
			all := asymmetricUses(e, m, data)
			for _, cmd := range takers[u.Usage] {
				if row.Type != keyspec.Symmetric {
					run(cmd.String(), all[cmd])
				}
			}
			if row.Type == keyspec.Symmetric {
				run("encrypt", func() ([]byte, proto.Status) {
					return e.Encrypt(&proto.EncryptRequest{Key: m.ref, Plaintext: m.message}, nil)
				})
				run("decrypt", func() ([]byte, proto.Status) { return e.Decrypt(&proto.DecryptRequest{Key: m.ref, Blob: m.in}, nil) })
			}
			if row.Family == keyspec.RSA {
				continue
			}
			create := &proto.CreateKeyRequest{Bind: m.ref.Bind, Spec: row.Number, Usage: u.Usage.Number()}
			run("create key", func() ([]byte, proto.Status) { return e.CreateKey(create, nil) })
			if row.DataKeyPair {
				pair := &proto.DataKeyPairRequest{Key: data, Spec: row.Number}
				run("generate data key pair", func() ([]byte, proto.Status) { return e.GenerateDataKeyPair(pair, nil) })
			}
		}
	}
}
