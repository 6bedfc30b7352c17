package clients

import (
	"bytes"
	"crypto"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"io"
	"math/big"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"trent/test/harness"
)

const opensslProgram = "/usr/bin/openssl"

// An openSSL is somebody who has Debian's OpenSSL, a folder of files, and none
// of Trent's private keys.
type openSSL struct {
	t      *testing.T
	folder string
}

func newOpenSSL(t *testing.T) openSSL {
	needs(t, opensslProgram)
	return openSSL{t, t.TempDir()}
}

func (o openSSL) file(name string, content []byte) string {
	o.t.Helper()
	path := filepath.Join(o.folder, name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		o.t.Fatal(err)
	}
	return path
}

// pem writes DER as a PEM file.
func (o openSSL) pem(name, kind string, der []byte) string {
	o.t.Helper()
	return o.file(name, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

// run returns what OpenSSL prints, and whether it succeeded.
func (o openSSL) run(args ...string) (stdout []byte, ok bool) {
	o.t.Helper()
	cmd := exec.CommandContext(o.t.Context(), opensslProgram, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		o.t.Logf("openssl %s: %v\n%s", strings.Join(args, " "), err, &stderr)
	}
	return out, err == nil
}

// TestPublicKeyAlone: who has a public key of Trent's and OpenSSL encrypts to
// Trent, and verifies what Trent signed.
func TestPublicKeyAlone(t *testing.T) {
	t.Parallel()
	o, s := newOpenSSL(t), harness.Start(t)
	c := connectGoSDK(t, s, harness.Default)

	encrypting := aKey(t, c, "RSA_3072", "ENCRYPT_DECRYPT")
	public, plaintext := o.pem("rsa.pem", "PUBLIC KEY", publicKey(t, c, encrypting)), []byte("a diagnosis")
	for algorithm, hash := range map[string]string{"RSAES_OAEP_SHA_1": "sha1", "RSAES_OAEP_SHA_256": "sha256"} {
		ciphertext, ok := o.run("pkeyutl", "-encrypt", "-pubin", "-inkey", public, "-in", o.file("plain", plaintext),
			"-pkeyopt", "rsa_padding_mode:oaep", "-pkeyopt", "rsa_oaep_md:"+hash, "-pkeyopt", "rsa_mgf1_md:"+hash)
		if !ok {
			t.Fatal("OpenSSL does not encrypt")
		}
		out := must(t, c, "Decrypt", object{"KeyId": encrypting, "EncryptionAlgorithm": algorithm, "CiphertextBlob": b64(ciphertext)})
		if out["Plaintext"] != b64(plaintext) {
			t.Errorf("%s: what OpenSSL encrypted decrypts to %v", algorithm, out)
		}
	}

	message := []byte("a discharge letter")
	for _, row := range []struct {
		spec, algorithm, digest string
		options                 []string
	}{
		{"RSA_2048", "RSASSA_PKCS1_V1_5_SHA_512", "-sha512", nil},
		{"RSA_2048", "RSASSA_PSS_SHA_384", "-sha384", []string{"-sigopt", "rsa_padding_mode:pss", "-sigopt", "rsa_pss_saltlen:digest"}},
		{"ECC_NIST_P384", "ECDSA_SHA_384", "-sha384", nil},
		{"ECC_NIST_P521", "ECDSA_SHA_512", "-sha512", nil},
		{"ECC_SECG_P256K1", "ECDSA_SHA_256", "-sha256", nil},
	} {
		key := aKey(t, c, row.spec, "SIGN_VERIFY")
		signed := must(t, c, "Sign", object{"KeyId": key, "SigningAlgorithm": row.algorithm, "Message": b64(message)})
		args := append([]string{"dgst", row.digest, "-verify", o.pem("signer.pem", "PUBLIC KEY", publicKey(t, c, key)),
			"-signature", o.file("signature", decoded(t, signed, "Signature"))}, row.options...)
		if _, ok := o.run(append(args, o.file("message", message))...); !ok {
			t.Errorf("OpenSSL does not verify %s", row.algorithm)
		}
		if _, ok := o.run(append(args, o.file("message", message[1:]))...); ok {
			t.Errorf("OpenSSL verifies %s of another message", row.algorithm)
		}
	}
}

// A kmsSigner signs with a key in Trent, as programs that make certificates
// want it.
type kmsSigner struct {
	t              *testing.T
	c              caller
	key, algorithm string
}

func (k kmsSigner) Public() crypto.PublicKey {
	return parsed[crypto.PublicKey](k.t, publicKey(k.t, k.c, k.key))
}

func (k kmsSigner) Sign(_ io.Reader, digest []byte, _ crypto.SignerOpts) ([]byte, error) {
	out, err := k.c.call(k.t, "Sign", object{"KeyId": k.key, "SigningAlgorithm": k.algorithm, "MessageType": "DIGEST", "Message": b64(digest)})
	if err != nil {
		return nil, err
	}
	return base64.StdEncoding.DecodeString(text(k.t, out, "Signature"))
}

// TestCertificates makes a root, a request for a certificate and the
// certificate with keys in Trent; OpenSSL verifies all three.
func TestCertificates(t *testing.T) {
	t.Parallel()
	o, s := newOpenSSL(t), harness.Start(t)
	c := connectGoSDK(t, s, harness.Default)
	signer := func(spec, algorithm string) kmsSigner {
		return kmsSigner{t, c, aKey(t, c, spec, "SIGN_VERIFY"), algorithm}
	}
	for name, root := range map[string]kmsSigner{
		"RSA": signer("RSA_2048", "RSASSA_PKCS1_V1_5_SHA_256"), "ECDSA": signer("ECC_NIST_P384", "ECDSA_SHA_384"),
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Now()
			authority := &x509.Certificate{
				SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Hospital root"}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(time.Hour),
				IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
			}
			rootDER, err := x509.CreateCertificate(rand.Reader, authority, authority, root.Public(), root)
			if err != nil {
				t.Fatal(err)
			}
			issuer, err := x509.ParseCertificate(rootDER)
			if err != nil {
				t.Fatal(err)
			}
			leaf := signer("ECC_NIST_P256", "ECDSA_SHA_256")
			requestDER, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{Subject: pkix.Name{CommonName: "ward7.example"}}, leaf)
			if err != nil {
				t.Fatal(err)
			}
			request, err := x509.ParseCertificateRequest(requestDER)
			if err != nil {
				t.Fatal(err)
			}
			leafDER, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{
				SerialNumber: big.NewInt(2), Subject: request.Subject, DNSNames: []string{"ward7.example"}, NotBefore: authority.NotBefore, NotAfter: authority.NotAfter,
			}, issuer, request.PublicKey, root)
			if err != nil {
				t.Fatal(err)
			}
			rootFile, leafFile := o.pem("root.pem", "CERTIFICATE", rootDER), o.pem("leaf.pem", "CERTIFICATE", leafDER)
			if _, ok := o.run("req", "-in", o.pem("request.pem", "CERTIFICATE REQUEST", requestDER), "-verify", "-noout"); !ok {
				t.Errorf("OpenSSL does not verify the request")
			}
			if out, ok := o.run("verify", "-x509_strict", "-no-CApath", "-no-CAstore", "-CAfile", rootFile, leafFile); !ok {
				t.Errorf("OpenSSL does not verify the certificate: %s", out)
			}
			leafDER[len(leafDER)-1] ^= 1
			if _, ok := o.run("verify", "-no-CApath", "-no-CAstore", "-CAfile", rootFile, o.pem("leaf.pem", "CERTIFICATE", leafDER)); ok {
				t.Errorf("OpenSSL verifies a certificate that was changed")
			}
		})
	}
}

// TestDataKeyPairElsewhere: OpenSSL signs with the private key of a data key
// pair that was decrypted later, and another verifies with the public one.
func TestDataKeyPairElsewhere(t *testing.T) {
	t.Parallel()
	o, s := newOpenSSL(t), harness.Start(t)
	c := connectGoSDK(t, s, harness.Default)
	key, _ := s.CreateKey(t, harness.Default)
	message := o.file("message", []byte("a discharge letter"))
	for _, spec := range []string{"RSA_2048", "ECC_NIST_P521", "ECC_NIST_EDWARDS25519", "ECC_SECG_P256K1"} {
		pair := must(t, c, "GenerateDataKeyPairWithoutPlaintext", object{"KeyId": key, "KeyPairSpec": spec})
		private := decoded(t, must(t, c, "Decrypt", object{"CiphertextBlob": pair["PrivateKeyCiphertextBlob"]}), "Plaintext")
		signature, ok := o.run("pkeyutl", "-sign", "-rawin", "-inkey", o.pem("private.pem", "PRIVATE KEY", private), "-in", message)
		if !ok {
			t.Errorf("OpenSSL does not sign with %s", spec)
			continue
		}
		if _, ok := o.run("pkeyutl", "-verify", "-rawin", "-pubin", "-inkey", o.pem("public.pem", "PUBLIC KEY", decoded(t, pair, "PublicKey")),
			"-in", message, "-sigfile", o.file("signature", signature)); !ok {
			t.Errorf("OpenSSL does not verify with %s", spec)
		}
	}
}
