package engine

import (
	"bytes"
	"fmt"
	"testing"

	"trent/internal/hsm/alg"
	"trent/internal/hsm/kdf"
	"trent/internal/hsm/proto"
	"trent/internal/hsm/token"
	"trent/internal/keyspec"
)

// asymmetricOnly lists the commands that take no symmetric encryption key.
var asymmetricOnly = map[proto.Command]bool{
	proto.CmdSign: true, proto.CmdVerify: true, proto.CmdGenerateMac: true, proto.CmdVerifyMac: true, proto.CmdDeriveSharedSecret: true,
	proto.CmdEncapsulate: true, proto.CmdDecapsulate: true, proto.CmdPublicEncrypt: true, proto.CmdPrivateDecrypt: true,
	proto.CmdCheckPrivateCiphertext: true,
}

// material is a key with what its commands take.
type material struct {
	ref           proto.KeyRef
	spki, peer    []byte
	usage         keyspec.Usage
	algorithm     uint8
	messageType   uint8
	message       []byte
	in, signature []byte // a ciphertext, and a signature or MAC of message
}

// newMaterial makes a key of a spec and usage, for its first algorithm.
func newMaterial(t testing.TB, e *Engine, row *keyspec.Row, u *keyspec.Use) *material {
	t.Helper()
	m := &material{usage: u.Usage, algorithm: u.Algorithms[0].Number, messageType: 1, message: []byte("message")}
	create := func(id string) (proto.KeyRef, []byte) {
		bind := proto.Bind{Region: region, Account: account, ID: id}
		var resp proto.CreateKeyResponse
		if err := resp.Decode(must(t)(e.CreateKey(&proto.CreateKeyRequest{Bind: bind, Spec: row.Number, Usage: u.Usage.Number()}, nil))); err != nil {
			t.Fatal(err)
		}
		if row.Type == keyspec.Asymmetric && resp.MaterialID != kdf.PublicMaterialID(resp.PublicKey, id) || (row.Type == keyspec.Asymmetric) != (len(resp.PublicKey) > 0) {
			t.Errorf("%s: the material id does not commit to the public key", row.Spec)
		}
		return proto.KeyRef{Bind: bind, Origin: proto.OriginGenerated, Token: bytes.Clone(resp.Token)}, bytes.Clone(resp.PublicKey)
	}
	m.ref, m.spki = create(keyID)
	switch u.Usage {
	case keyspec.SignVerify:
		m.signature = must(t)(e.Sign(&proto.SignRequest{Key: m.ref, Algorithm: m.algorithm, MessageType: 1, Message: m.message}, nil))
	case keyspec.GenerateVerifyMAC:
		m.signature = must(t)(e.GenerateMac(&proto.SignRequest{Key: m.ref, Algorithm: m.algorithm, MessageType: 1, Message: m.message}, nil))
	case keyspec.KeyAgreement:
		_, m.peer = create("peer")
	case keyspec.EncapsulateDecapsulate:
		_, m.in = framed(t, must(t)(e.Encapsulate(&proto.EncapsulateRequest{Key: m.ref, PublicKey: m.spki}, nil)))
	case keyspec.EncryptDecrypt:
		if row.Type == keyspec.Symmetric {
			m.in = encrypt(t, e, m.ref, [32]byte{}, m.message)
		} else {
			m.in = must(t)(e.PublicEncrypt(&proto.PublicEncryptRequest{Key: m.ref, PublicKey: m.spki, Algorithm: m.algorithm, Plaintext: m.message}, nil))
		}
	}
	return m
}

// asymmetricUses returns the commands that came with asymmetric keys.
func asymmetricUses(e *Engine, m *material, good proto.KeyRef) map[proto.Command]func() ([]byte, proto.Status) {
	sign := &proto.SignRequest{Key: m.ref, Algorithm: m.algorithm, MessageType: 1, Message: []byte("message")}
	decrypt := &proto.PrivateDecryptRequest{Key: m.ref, Algorithm: m.algorithm, Ciphertext: m.in}
	return map[proto.Command]func() ([]byte, proto.Status){
		proto.CmdSign: func() ([]byte, proto.Status) { return e.Sign(sign, nil) },
		proto.CmdVerify: func() ([]byte, proto.Status) {
			return e.Verify(&proto.VerifyRequest{Key: m.ref, PublicKey: m.spki, Algorithm: m.algorithm, MessageType: 1, Message: sign.Message, Signature: m.signature}, nil)
		},
		proto.CmdGenerateMac: func() ([]byte, proto.Status) { return e.GenerateMac(sign, nil) },
		proto.CmdVerifyMac: func() ([]byte, proto.Status) {
			return e.VerifyMac(&proto.VerifyRequest{Key: m.ref, Algorithm: m.algorithm, MessageType: 1, Message: sign.Message, Signature: m.signature}, nil)
		},
		proto.CmdDeriveSharedSecret: func() ([]byte, proto.Status) {
			return e.DeriveSharedSecret(&proto.AgreeRequest{Key: m.ref, PeerPublicKey: m.peer}, nil)
		},
		proto.CmdEncapsulate: func() ([]byte, proto.Status) {
			return e.Encapsulate(&proto.EncapsulateRequest{Key: m.ref, PublicKey: m.spki}, nil)
		},
		proto.CmdDecapsulate: func() ([]byte, proto.Status) {
			return e.Decapsulate(&proto.DecapsulateRequest{Key: m.ref, Ciphertext: m.in}, nil)
		},
		proto.CmdPublicEncrypt: func() ([]byte, proto.Status) {
			return e.PublicEncrypt(&proto.PublicEncryptRequest{Key: m.ref, PublicKey: m.spki, Algorithm: m.algorithm, Plaintext: sign.Message}, nil)
		},
		proto.CmdPrivateDecrypt:         func() ([]byte, proto.Status) { return e.PrivateDecrypt(decrypt, nil) },
		proto.CmdCheckPrivateCiphertext: func() ([]byte, proto.Status) { return e.CheckPrivateCiphertext(decrypt, nil) },
		proto.CmdReEncryptAny: func() ([]byte, proto.Status) {
			return e.ReEncryptAny(&proto.ReEncryptAnyRequest{
				Source:      proto.Side{Key: m.ref, Algorithm: m.algorithm},
				Destination: proto.Side{Key: good, Algorithm: symmetric}, Blob: m.in,
			}, nil)
		},
		proto.CmdGenerateDataKeyPair: func() ([]byte, proto.Status) {
			return e.GenerateDataKeyPair(&proto.DataKeyPairRequest{Key: m.ref, Spec: 5, Plaintext: true}, nil)
		},
	}
}

// takers lists the commands that take a key, by its usage; symmetric keys
// have a list of their own.
var takers = map[keyspec.Usage][]proto.Command{
	keyspec.SignVerify:             {proto.CmdSign, proto.CmdVerify},
	keyspec.GenerateVerifyMAC:      {proto.CmdGenerateMac, proto.CmdVerifyMac},
	keyspec.KeyAgreement:           {proto.CmdDeriveSharedSecret},
	keyspec.EncapsulateDecapsulate: {proto.CmdEncapsulate, proto.CmdDecapsulate},
	keyspec.EncryptDecrypt:         {proto.CmdPublicEncrypt, proto.CmdPrivateDecrypt, proto.CmdCheckPrivateCiphertext, proto.CmdReEncryptAny},
}

// TestEverySpecMeetsEveryCommand: a key of each spec and usage works in the
// commands of its usage, and is refused in all others, however well they are
// put.
func TestEverySpecMeetsEveryCommand(t *testing.T) {
	t.Parallel()
	rows := keyspec.All()
	for i := range rows {
		row := &rows[i]
		for j := range row.Uses {
			u := &row.Uses[j]
			t.Run(fmt.Sprint(row.Spec, " ", u.Usage), func(t *testing.T) {
				t.Parallel()
				e := newEngine(t)
				good := newKey(t, e, proto.Bind{Region: region, Account: account, ID: "good"})
				m := newMaterial(t, e, row, u)
				all := asymmetricUses(e, m, good)
				for cmd, run := range symmetricUses(e, m.ref, good, m.in) {
					if kind, _ := tokenKind(cmd); kind == token.KindKey && len(m.in) > 0 {
						all[cmd] = run
					}
				}
				for cmd, run := range all {
					want := proto.StatusTokenRefused
					if row.Type == keyspec.Symmetric && !asymmetricOnly[cmd] && cmd != proto.CmdSendReplica { // which wants a multi-Region key
						want = proto.StatusOK
					}
					for _, taker := range takers[u.Usage] {
						if taker == cmd && row.Type != keyspec.Symmetric {
							want = proto.StatusOK
						}
					}
					if out, status := run(); status != want || status != proto.StatusOK && len(out) != 0 {
						t.Errorf("%v: %v, want %v", cmd, status, want)
					}
				}
			})
		}
	}
}

// TestForeignPublicKey: a public key that is not the token's is refused,
// although it is one of the same spec.
func TestForeignPublicKey(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	for _, spec := range []keyspec.Spec{"ECC_NIST_P256", "ML_KEM_768", "SM2"} {
		row := keyspec.Of(spec)
		m, other := newMaterial(t, e, row, &row.Uses[0]), newMaterial(t, e, row, &row.Uses[0])
		m.spki = other.spki
		for cmd, run := range asymmetricUses(e, m, m.ref) {
			if cmd == proto.CmdVerify || cmd == proto.CmdEncapsulate || cmd == proto.CmdPublicEncrypt {
				refused(t, proto.StatusTokenRefused)(run())
			}
		}
	}
}

// TestAlgorithmsOfOtherSpecs: a key takes the algorithms of its spec and usage
// and no others, by number.
func TestAlgorithmsOfOtherSpecs(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	for _, spec := range []keyspec.Spec{"ECC_NIST_P256", "HMAC_256", "SM2", "ECC_NIST_EDWARDS25519"} {
		row := keyspec.Of(spec)
		for i := range row.Uses {
			u := &row.Uses[i]
			if u.Usage == keyspec.KeyAgreement || u.Usage == keyspec.EncapsulateDecapsulate {
				continue // no algorithm in the frame
			}
			m := newMaterial(t, e, row, u)
			for number := range 256 {
				m.algorithm = uint8(number)
				if row.AlgorithmNumbered(u.Usage.Number(), m.algorithm) != nil {
					continue
				}
				for cmd, run := range asymmetricUses(e, m, m.ref) {
					if cmd == proto.CmdReEncryptAny && number == symmetric {
						continue
					}
					for _, taker := range takers[u.Usage] {
						if taker == cmd {
							refused(t, proto.StatusMalformed)(run())
						}
					}
				}
			}
		}
	}
}

// TestDataKeyPairs: the private key comes in the clear if it was asked for,
// and as a blob that holds the same bytes.
func TestDataKeyPairs(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	key := defaultKey(t, e)
	rows := keyspec.All()
	for i := range rows {
		row := &rows[i]
		in := &proto.DataKeyPairRequest{Key: key, ContextHash: [32]byte{1}, Spec: row.Number, Plaintext: true}
		if !row.DataKeyPair {
			refused(t, proto.StatusMalformed)(e.GenerateDataKeyPair(in, nil))
			continue
		}
		if row.Parameter > 2048 {
			continue // seconds
		}
		var pair proto.DataKeyPairResponse
		if err := pair.Decode(must(t)(e.GenerateDataKeyPair(in, nil))); err != nil {
			t.Fatal(err)
		}
		got := must(t)(e.Decrypt(&proto.DecryptRequest{Key: key, ContextHash: [32]byte{1}, Blob: pair.Blob}, nil))
		if !bytes.Equal(got, pair.PrivateKey) || len(got) == 0 {
			t.Errorf("%s: the blob holds %d bytes, the answer %d", row.Spec, len(got), len(pair.PrivateKey))
		}
		in.Plaintext = false
		if err := pair.Decode(must(t)(e.GenerateDataKeyPair(in, nil))); err != nil || len(pair.PrivateKey) != 0 || len(pair.PublicKey) == 0 {
			t.Errorf("%s without plaintext: %d bytes, %v", row.Spec, len(pair.PrivateKey), err)
		}
	}
}

// TestTooLongForSM2: SM2PKE's limit holds for ciphertexts that were made
// elsewhere too, however long.
func TestTooLongForSM2(t *testing.T) {
	t.Parallel()
	e, row := newEngine(t), keyspec.Of("SM2")
	m := newMaterial(t, e, row, &row.Uses[0])
	sm2pke := row.AlgorithmNumbered(keyspec.EncryptDecrypt.Number(), m.algorithm)
	elsewhere := *sm2pke
	elsewhere.MaxPlaintextBytes = proto.MaxBlob
	for _, size := range []int{sm2pke.MaxPlaintextBytes, sm2pke.MaxPlaintextBytes + 1, proto.MaxPlaintext, proto.MaxPlaintext + 1, 5900} {
		ciphertext, err := alg.Of(row).(alg.Cipher).Encrypt(m.spki, &elsewhere, bytes.Repeat([]byte{7}, size))
		if err != nil {
			t.Fatal(err)
		}
		want := proto.StatusOK
		if size > sm2pke.MaxPlaintextBytes {
			want = proto.StatusInvalidCiphertext
		}
		m.in = ciphertext
		uses := asymmetricUses(e, m, newMaterial(t, e, keyspec.Of("SYMMETRIC_DEFAULT"), &keyspec.Of("SYMMETRIC_DEFAULT").Uses[0]).ref)
		for _, cmd := range []proto.Command{proto.CmdPrivateDecrypt, proto.CmdCheckPrivateCiphertext, proto.CmdReEncryptAny} {
			if _, status := uses[cmd](); status != want {
				t.Errorf("%v of %d bytes: %v, want %v", cmd, size, status, want)
			}
		}
	}
}

// TestReEncryptAny goes from each kind of key to each, and never where the
// plaintext is too long.
func TestReEncryptAny(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	sm2, rsa := keyspec.Of("SM2"), keyspec.Of("RSA_2048")
	sides := map[string]*material{
		"symmetric": newMaterial(t, e, keyspec.Of("SYMMETRIC_DEFAULT"), &keyspec.Of("SYMMETRIC_DEFAULT").Uses[0]),
		"SM2":       newMaterial(t, e, sm2, &sm2.Uses[0]),
		"RSA":       newMaterial(t, e, rsa, &rsa.Uses[0]),
	}
	side := func(m *material) proto.Side {
		return proto.Side{Key: m.ref, Algorithm: m.algorithm, PublicKey: m.spki}
	}
	for from, source := range sides {
		for to, destination := range sides {
			out := must(t)(e.ReEncryptAny(&proto.ReEncryptAnyRequest{Source: side(source), Destination: side(destination), Blob: source.in}, nil))
			var plain []byte
			if to == "symmetric" {
				plain = must(t)(e.Decrypt(&proto.DecryptRequest{Key: destination.ref, Blob: out}, nil))
			} else {
				plain = must(t)(e.PrivateDecrypt(&proto.PrivateDecryptRequest{Key: destination.ref, Algorithm: destination.algorithm, Ciphertext: out}, nil))
			}
			if !bytes.Equal(plain, source.message) {
				t.Errorf("from %s to %s: %q", from, to, plain)
			}
		}
	}
	empty := must(t)(e.PublicEncrypt(&proto.PublicEncryptRequest{Key: sides["RSA"].ref, PublicKey: sides["RSA"].spki, Algorithm: sides["RSA"].algorithm}, nil))
	for _, to := range sides {
		refused(t, proto.StatusInvalidCiphertext)(e.ReEncryptAny(&proto.ReEncryptAnyRequest{Source: side(sides["RSA"]), Destination: side(to), Blob: empty}, nil))
	}
	long := encrypt(t, e, sides["symmetric"].ref, [32]byte{}, make([]byte, 1025))
	for _, to := range []string{"SM2", "RSA"} {
		refused(t, proto.StatusInputRefused)(e.ReEncryptAny(&proto.ReEncryptAnyRequest{Source: side(sides["symmetric"]), Destination: side(sides[to]), Blob: long}, nil))
	}
}

// TestWeigh: making and using an asymmetric key is slow, in its account's turn;
// nothing else is.
func TestWeigh(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	data := defaultKey(t, e)
	rows := keyspec.All()
	for i := range rows {
		row := &rows[i]
		create := &proto.CreateKeyRequest{Bind: proto.Bind{Region: region, Account: account, ID: keyID}, Spec: row.Number, Usage: 1}
		ref := forge(t, e, token.KindKey, create.Bind, []byte("x"), func(h *token.Header) { h.Spec = token.Spec(row.Number) })
		want := row.Type == keyspec.Asymmetric
		for cmd, message := range map[proto.Command][]byte{
			proto.CmdCreateKey:           create.Append(nil),
			proto.CmdGenerateDataKeyPair: (&proto.DataKeyPairRequest{Key: data, Spec: row.Number}).Append(nil),
			proto.CmdSign:                (&proto.SignRequest{Key: ref, Message: []byte("m")}).Append(nil),
		} {
			by, spec, got := e.Weigh(cmd, message)
			if got != want || by != account || got != (spec == row.Number) {
				t.Errorf("%v of %s: slow %v, in the turn of %q, spec %d", cmd, row.Spec, got, by, spec)
			}
		}
	}
	for _, cmd := range []proto.Command{proto.CmdSign, proto.CmdCreateKey, proto.CmdGenerateDataKeyPair} {
		if _, _, got := e.Weigh(cmd, []byte("garbage")); got {
			t.Errorf("garbage in %v waits", cmd)
		}
	}
}
