// Package certs makes the certificates of trent dev --tls: a server's, and the
// authority that has signed it and nothing else, whose key is never written
// anywhere. It must never be part of trent serve, whose certificates are the
// operator's. Only cmd/trent imports it.
package certs

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"time"
)

const (
	validity = 365 * 24 * time.Hour
	// renewal is how long before its end a certificate is not used any more.
	renewal = 30 * 24 * time.Hour
	// clockSkew is how far a client's clock may stand behind.
	clockSkew = time.Hour
)

// Files are PEM files.
type Files struct {
	Authority   string // for AWS_CA_BUNDLE
	Certificate string
	Key         string // mode 0600
}

// loopback are the names that every certificate is for.
var loopback = [...]string{"localhost", "127.0.0.1", "::1"}

// Ensure returns the certificates in a folder. It makes them anew, the
// authority too, if they are not there, are not for these names and the
// loopback's, or end within thirty days.
func Ensure(folder string, names []string, now time.Time) (Files, error) {
	names = append(loopback[:], names...)
	f := in(folder)
	if f.fit(names, now) {
		return f, nil
	}
	// A folder that is whole takes the place of one that is not.
	fresh := folder + ".new"
	if err := errors.Join(os.RemoveAll(fresh), os.MkdirAll(fresh, 0o700)); err != nil {
		return Files{}, err
	}
	if err := in(fresh).make(names, now); err != nil {
		return Files{}, fmt.Errorf("make certificates: %w", err)
	}
	return f, errors.Join(os.RemoveAll(folder), os.Rename(fresh, folder))
}

func in(folder string) Files {
	return Files{
		Authority:   filepath.Join(folder, "ca.pem"),
		Certificate: filepath.Join(folder, "server.pem"),
		Key:         filepath.Join(folder, "server-key.pem"),
	}
}

// fit reports whether the files can be used.
func (f Files) fit(names []string, now time.Time) bool {
	info, err := os.Stat(f.Key)
	if err != nil || info.Mode().Perm() != 0o600 {
		return false
	}
	pair, err := tls.LoadX509KeyPair(f.Certificate, f.Key)
	if err != nil {
		return false
	}
	authority, err := os.ReadFile(f.Authority)
	roots := x509.NewCertPool()
	if err != nil || !roots.AppendCertsFromPEM(authority) {
		return false
	}
	for _, name := range names {
		if pair.Leaf.VerifyHostname(name) != nil {
			return false
		}
	}
	for _, at := range []time.Time{now, now.Add(renewal)} {
		if _, err := pair.Leaf.Verify(x509.VerifyOptions{Roots: roots, CurrentTime: at}); err != nil {
			return false
		}
	}
	return true
}

// make writes new certificates.
func (f Files) make(names []string, now time.Time) error {
	authorityKey, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	authority := template("trent dev authority", now)
	authority.IsCA, authority.BasicConstraintsValid, authority.MaxPathLenZero = true, true, true
	authority.KeyUsage = x509.KeyUsageCertSign
	server := template("trent dev", now)
	server.KeyUsage, server.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			server.IPAddresses = append(server.IPAddresses, ip)
		} else {
			server.DNSNames = append(server.DNSNames, name)
		}
	}
	authorityDER, err := sign(authority, authority, authorityKey.Public(), authorityKey)
	if err != nil {
		return err
	}
	serverDER, err := sign(server, authority, key.Public(), authorityKey)
	if err != nil {
		return err
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	defer clear(keyDER)
	keyPEM := encode("PRIVATE KEY", keyDER)
	defer clear(keyPEM)
	return errors.Join(
		os.WriteFile(f.Authority, encode("CERTIFICATE", authorityDER), 0o644),
		os.WriteFile(f.Certificate, encode("CERTIFICATE", serverDER), 0o644),
		os.WriteFile(f.Key, keyPEM, 0o600))
}

func template(name string, now time.Time) *x509.Certificate {
	return &x509.Certificate{
		Subject: pkix.Name{CommonName: name}, NotBefore: now.Add(-clockSkew), NotAfter: now.Add(validity),
	}
}

// sign makes a certificate with a random serial number.
func sign(c, by *x509.Certificate, key crypto.PublicKey, signer crypto.Signer) ([]byte, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return nil, err
	}
	c.SerialNumber = serial
	return x509.CreateCertificate(rand.Reader, c, by, key, signer)
}

func encode(kind string, der []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})
}
