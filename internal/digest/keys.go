package digest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/sha512"
	"crypto/x509"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"filippo.io/mldsa"

	"trent/internal/audit"
)

// The algorithms of signatures, by AWS's names.
const (
	ECDSA = "ECDSA_SHA_384"    // ECC_NIST_P384
	MLDSA = "ML_DSA_SHAKE_256" // ML_DSA_65
)

// ReadKey reads a public key off a PEM file, and returns its SPKI.
func ReadKey(file []byte) ([]byte, error) {
	block, rest := pem.Decode(file)
	if block == nil || block.Type != "PUBLIC KEY" || strings.TrimSpace(string(rest)) != "" {
		return nil, errors.New("not one public key in PEM")
	}
	return block.Bytes, nil
}

// trusted returns the keys that signatures are checked with, by key id: the
// ones given, else those in the folder.
func trusted(folder string, given [][]byte) (map[string][]byte, error) {
	keys := map[string][]byte{}
	for _, k := range given {
		keys[KeyID(k)] = k
	}
	if len(given) > 0 {
		return keys, nil
	}
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return keys, nil
	}
	if err != nil {
		return nil, fmt.Errorf("digest: %w", err)
	}
	for _, e := range entries {
		if !strings.HasSuffix(e.Name(), ".pem") || strings.HasPrefix(e.Name(), ".") {
			continue
		}
		file, err := audit.ReadRegular(filepath.Join(folder, e.Name()), maxFile)
		if errors.Is(err, audit.ErrNotRegular) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if k, err := ReadKey(file); err == nil {
			keys[KeyID(k)] = k
		}
	}
	return keys, nil
}

// verify returns what is wrong with a digest's signatures; "" if all that a
// trusted key made are valid, and there is one of every algorithm that trusted
// keys have: whoever can forge one algorithm must not get by with leaving out
// the other. With approvedOnly ECDSA's is enough, as fips: strict has no other, and
// there must be one.
func (d *Digest) verify(keys map[string][]byte, approvedOnly bool) string {
	valid := map[string]bool{}
	for _, s := range d.Signatures {
		spki := keys[s.KeyID]
		if spki == nil {
			continue
		}
		if err := verify(spki, s.Algorithm, d.Signed, s.Bytes); err != nil {
			return fmt.Sprintf("the signature of key %s does not verify: %v", s.KeyID, err)
		}
		valid[s.Algorithm] = true
	}
	if len(keys) == 0 {
		return "no public key is known"
	}
	for _, spki := range keys {
		switch a := algorithmOf(spki); {
		case a == "" || valid[a]:
		case a == MLDSA && !approvedOnly && valid[ECDSA]:
			return "it has no " + a + " signature; if fips: strict was on when it was made, say so"
		case a == ECDSA || !approvedOnly:
			return "it has no " + a + " signature of a key that is known"
		}
	}
	switch {
	case approvedOnly && !valid[ECDSA]:
		return "it has no " + ECDSA + " signature of a key that is known"
	case len(valid) == 0: // no key is one that signs digests
		return "it has no signature of a key that is known"
	}
	return ""
}

// CheckSigned returns what is wrong with the signatures of another statement that
// the keys of digests sign; "" if nothing is.
func CheckSigned(statement []byte, signatures []Signature, public [][]byte, approvedOnly bool) string {
	keys := map[string][]byte{}
	for _, spki := range public {
		keys[KeyID(spki)] = spki
	}
	d := Digest{Signed: statement, Signatures: signatures}
	return d.verify(keys, approvedOnly)
}

// TrustedKeys returns the keys that a verification goes by: the given ones, else
// those beside the trails in the folder.
func TrustedKeys(folder string, given [][]byte) (keys [][]byte, err error) {
	if len(given) > 0 {
		return given, nil
	}
	nodes, err := os.ReadDir(folder)
	if err != nil {
		return nil, fmt.Errorf("digest: %w", err)
	}
	for _, node := range nodes {
		if !node.IsDir() {
			continue
		}
		beside, err := trusted(filepath.Join(folder, node.Name(), keysName), nil)
		if err != nil {
			return nil, err
		}
		for _, k := range beside {
			keys = append(keys, k)
		}
	}
	return keys, nil
}

// Verifies reports whether a public key (SPKI) is one that digests are signed
// with.
func Verifies(spki []byte) bool { return algorithmOf(spki) != "" }

// algorithmOf is the algorithm of a public key; "" if digests are not signed
// with such.
func algorithmOf(spki []byte) string {
	if _, err := mldsaKey(spki); err == nil {
		return MLDSA
	}
	if public, err := x509.ParsePKIXPublicKey(spki); err == nil {
		if k, ok := public.(*ecdsa.PublicKey); ok && k.Curve == elliptic.P384() {
			return ECDSA
		}
	}
	return ""
}

// mldsaKey reads the SPKI of an ML-DSA-65 key (RFC 9881): the object identifier
// and the bare key.
func mldsaKey(spki []byte) (*mldsa.PublicKey, error) {
	var info struct {
		Algorithm struct{ ID asn1.ObjectIdentifier }
		Key       asn1.BitString
	}
	rest, err := asn1.Unmarshal(spki, &info)
	if err != nil || len(rest) > 0 || info.Key.BitLength%8 != 0 || !info.Algorithm.ID.Equal(asn1.ObjectIdentifier{2, 16, 840, 1, 101, 3, 4, 3, 18}) {
		return nil, errors.New("not an ML-DSA-65 public key")
	}
	return mldsa.NewPublicKey(mldsa.MLDSA65(), info.Key.Bytes)
}

// errSignature: not the key's signature of that statement.
var errSignature = errors.New("the statement or the signature was changed")

func verify(spki []byte, algorithm string, statement, signature []byte) error {
	ok := false
	switch algorithm {
	case ECDSA:
		public, err := x509.ParsePKIXPublicKey(spki)
		if err != nil {
			return err
		}
		key, is := public.(*ecdsa.PublicKey)
		h := sha512.Sum384(statement)
		ok = is && key.Curve == elliptic.P384() && ecdsa.VerifyASN1(key, h[:], signature)
	case MLDSA:
		key, err := mldsaKey(spki)
		if err != nil {
			return err
		}
		ok = mldsa.Verify(key, statement, signature, nil) == nil
	default:
		return fmt.Errorf("no such algorithm: %q", algorithm)
	}
	if !ok {
		return errSignature
	}
	return nil
}

// Algorithm is the algorithm that a public key (SPKI) signs digests with; "" if it
// signs none.
func Algorithm(spki []byte) string { return algorithmOf(spki) }
