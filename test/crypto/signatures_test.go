package crypto

import (
	"bytes"
	"crypto"
	"encoding/asn1"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"testing"

	"trent/internal/hsm/alg"
	"trent/internal/keyspec"
)

// accepted are vectors, by flag or comment, that AWS accepts and their file
// does not.
var accepted = map[string]string{
	"SignatureMalleabilityBitcoin":         "AWS signs with a high S too, so it verifies it; Bitcoin alone forbids it",
	"edge case for signature malleability": "as above: the least S that is high",
}

// wants says whether AWS accepts a vector whose file has AWS's parameters, or
// others.
func (v *vector) wants(ours bool) bool {
	for _, mark := range slices.Concat(v.Flags, []string{v.Comment}) {
		if accepted[mark] != "" {
			return true
		}
	}
	return ours && v.Result == "valid"
}

// verify returns nil if a signature is accepted. It asks for the message and,
// where the algorithm takes it, for its digest: both must say the same.
func (s *subject) verify(t *testing.T, spki, message, signature []byte) error {
	t.Helper()
	err := s.signer().Verify(spki, s.alg, alg.Raw, message, signature)
	if s.alg.DigestBytes > 0 && s.row.Family != keyspec.SM2 {
		h := map[int]crypto.Hash{32: crypto.SHA256, 48: crypto.SHA384, 64: crypto.SHA512}[s.alg.DigestBytes].New()
		h.Write(message)
		if again := s.signer().Verify(spki, s.alg, alg.Digest, h.Sum(nil), signature); !errors.Is(again, err) {
			t.Errorf("the message: %v, its digest: %v", err, again)
		}
	}
	if err != nil && !errors.Is(err, alg.ErrSignature) && !errors.Is(err, alg.ErrPublicKey) {
		t.Errorf("an error that is not Verify's: %v", err)
	}
	return err
}

// signatures: valid ones are accepted, all others are not.
func signatures(t *testing.T, s *subject, f *vectorFile) {
	for _, g := range f.TestGroups {
		for _, v := range g.Tests {
			err := s.verify(t, g.PublicKeyDer, v.message(), v.Sig)
			v.check(t, err == nil, err, v.wants(true))
		}
	}
}

// signaturesPSS accepts AWS's parameters only: the salt as long as the hash,
// and the same hash in MGF1.
func signaturesPSS(t *testing.T, s *subject, f *vectorFile) {
	for _, g := range f.TestGroups {
		ours := g.Sha == g.MgfSha && g.SLen == s.alg.DigestBytes
		for _, v := range g.Tests {
			err := s.verify(t, g.PublicKeyDer, v.message(), v.Sig)
			v.check(t, err == nil, err, v.wants(ours))
		}
	}
}

// foreignSPKI: a key whose SPKI is for PSS alone is none of AWS's.
func foreignSPKI(t *testing.T, s *subject, f *vectorFile) {
	for _, g := range f.TestGroups {
		for _, v := range g.Tests {
			if err := s.verify(t, g.PublicKeyDer, v.message(), v.Sig); !errors.Is(err, alg.ErrPublicKey) {
				t.Fatal(err)
			}
		}
	}
}

// unwrap returns the octets of a PKCS #8 key.
func unwrap(t *testing.T, pkcs8 []byte) []byte {
	t.Helper()
	var info struct {
		Version   int
		Algorithm asn1.RawValue
		Key       []byte
	}
	if rest, err := asn1.Unmarshal(pkcs8, &info); err != nil || len(rest) > 0 {
		t.Fatalf("PKCS #8: %v", err)
	}
	return info.Key
}

// signing: PKCS #1 v1.5 has one signature for each message.
func signing(t *testing.T, s *subject, f *vectorFile) {
	tried := 0
	for _, g := range f.TestGroups {
		name := keyspec.Algorithm("RSASSA_PKCS1_V1_5_" + strings.ReplaceAll(g.Sha, "-", "_"))
		a := s.row.Algorithm(keyspec.SignVerify, name)
		if a == nil {
			continue // a hash that AWS lacks
		}
		stored := unwrap(t, g.PrivateKeyPkcs8)
		for _, v := range g.Tests {
			got, err := s.signer().Sign(stored, a, alg.Raw, v.message())
			v.check(t, bytes.Equal(got, v.Sig), err, v.Result != "invalid")
			tried++
		}
	}
	if tried == 0 {
		t.Error("no vector was tried")
	}
}

// keyText is a public key that is a string of hex digits.
func keyText(t *testing.T, text json.RawMessage) []byte {
	t.Helper()
	var b bytesHex
	if err := json.Unmarshal(text, &b); err != nil {
		t.Fatal(err)
	}
	return b
}

// signaturesMLDSA: AWS has no contexts, so a signature with one is refused.
func signaturesMLDSA(t *testing.T, s *subject, f *vectorFile) {
	for _, g := range f.TestGroups {
		spki := []byte(g.PublicKeyDer)
		if len(spki) == 0 {
			spki = wrap(t, s, keyText(t, g.PublicKey))
		}
		for _, v := range g.Tests {
			err := s.verify(t, spki, v.message(), v.Sig)
			v.check(t, err == nil, err, v.Result == "valid" && len(v.Ctx) == 0)
		}
	}
}

// signingMLDSA: ours are hedged, so they differ from the file's: the seed has
// the file's public key, the file's signature verifies, and so do ours of the
// message and of mu.
func signingMLDSA(t *testing.T, s *subject, f *vectorFile) {
	for _, g := range f.TestGroups {
		spki, err := s.scheme.Public(g.PrivateSeed)
		for _, v := range g.Tests {
			if v.has("IncorrectPrivateKeyLength") {
				v.check(t, err == nil, err, false)
				continue
			}
			if err != nil || !bytes.Equal(spki, wrap(t, s, keyText(t, g.PublicKey))) {
				t.Fatalf("vector %d: another public key: %v", v.TcID, err)
			}
			if v.Msg == nil || len(v.Ctx) > 0 {
				continue // mu alone, or a context: nothing that AWS verifies
			}
			err := s.verify(t, spki, v.message(), v.Sig)
			v.check(t, err == nil, err, v.Result == "valid")
			for m, text := range map[alg.MessageType][]byte{alg.Raw: v.message(), alg.ExternalMu: v.Mu} {
				signature, err := s.signer().Sign(g.PrivateSeed, s.alg, m, text)
				if err == nil {
					err = s.verify(t, spki, v.message(), signature)
				}
				v.check(t, err == nil, err, true)
				err = s.signer().Verify(spki, s.alg, m, text, v.Sig)
				v.check(t, err == nil, err, v.Result == "valid")
			}
		}
	}
}
