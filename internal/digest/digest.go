// Package digest owns the signed digests of an audit trail: what they say, their
// files (docs/formats.md, "Audit digests"), making them, and verifying a trail
// by them.
//
// The records of a trail are chained by hashes, so that a change shows unless
// everything after it is written anew. A digest says what the chain's end was at
// a time, and is signed by keys that only the crypto module has: whoever edits
// what it covers cannot make it fit again.
//
// The package must never sign what is not on disk yet, and verification must
// never need anything but copied files and public keys. The wiring makes
// digests; the operator's command verifies.
package digest

import (
	"bytes"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"trent/internal/audit"
)

// statementType is the first member of every statement, so that no other thing
// that a key signs can be taken for one.
const statementType = "trent-audit-digest-1"

// Statement is what a digest says. It is one line of JSON with the members in
// this order and no white space; these bytes are signed.
type Statement struct {
	Type     string `json:"type"`
	Node     string `json:"node"`          // id in the trail, 32 hex digits
	Number   uint64 `json:"number"`        // of the digest, from 1 for each node
	Time     string `json:"time"`          // of its making, RFC 3339 with milliseconds, UTC
	Previous string `json:"previous"`      // SHA-256 of the statement before, hex; empty in the first
	After    uint64 `json:"after"`         // the last record that the one before covers
	Epoch    uint64 `json:"epoch"`         // of the last record that this one covers, or that has begun
	Sequence uint64 `json:"sequence"`      // the last record that this one covers; 0: none
	Hash     string `json:"hash"`          // of that record, hex
	Revision int64  `json:"storeRevision"` // of the store, whose changes up to it stand in the trail
	// Sealed are segments that were encrypted since the digest before.
	Sealed []SealedSegment `json:"sealed,omitempty"`
}

// timeLayout is that of Statement.Time.
const timeLayout = "2006-01-02T15:04:05.000Z"

// Made is when the digest was made; zero if the statement has no valid time.
func (s *Statement) Made() time.Time {
	t, _ := time.Parse(timeLayout, s.Time)
	return t
}

// encode is the statement's line, without its end.
func (s *Statement) encode() ([]byte, error) { return json.Marshal(s) }

// hash is what the next statement says of this one.
func hashOf(statement []byte) string {
	h := sha256.Sum256(statement)
	return hex.EncodeToString(h[:])
}

// Signature is one of a digest's.
type Signature struct {
	Algorithm string // of AWS KMS: ECDSA_SHA_384, ML_DSA_SHAKE_256
	KeyID     string // KeyID of the public key
	Bytes     []byte
}

// KeyID names a signing key: the first half of its SPKI's SHA-256, hex.
func KeyID(spki []byte) string {
	h := sha256.Sum256(spki)
	return hex.EncodeToString(h[:16])
}

// Digest is a digest as it stands in its file.
type Digest struct {
	Statement
	Signed     []byte // the statement's bytes
	Signatures []Signature
}

// errFormat: the file is no digest.
var errFormat = errors.New("digest: not in the form of a digest")

// maxFile bounds what is read of a file: two signatures have some 5 KB.
const maxFile = 64 << 10

// encodeFile is the bytes of a digest's file: the statement's line, and a line
// for each signature: algorithm, key id, base64.
func encodeFile(statement []byte, signatures []Signature) []byte {
	b := append(bytes.Clone(statement), '\n')
	for _, s := range signatures {
		b = fmt.Appendf(b, "%s %s %s\n", s.Algorithm, s.KeyID, base64.StdEncoding.EncodeToString(s.Bytes))
	}
	return b
}

// Parse reads a digest's file, strictly: there is one way to write a digest.
// It verifies no signature.
func Parse(file []byte) (*Digest, error) {
	if len(file) > maxFile {
		return nil, errFormat
	}
	lines := strings.Split(string(file), "\n")
	if len(lines) < 3 || lines[len(lines)-1] != "" {
		return nil, errFormat
	}
	d := &Digest{Signed: []byte(lines[0])}
	decoder := json.NewDecoder(strings.NewReader(lines[0]))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&d.Statement); err != nil {
		return nil, errFormat
	}
	again, err := d.encode()
	if err != nil || !bytes.Equal(again, d.Signed) || d.Type != statementType || d.Number == 0 || d.Number > maxNumber || d.Made().IsZero() || !isHex(d.Node, 16) || !isHex(d.Hash, 32) ||
		d.Previous != "" && !isHex(d.Previous, 32) {
		return nil, errFormat
	}
	for i := range d.Sealed {
		if !d.Sealed[i].valid(d.Sequence) {
			return nil, errFormat
		}
	}
	for _, line := range lines[1 : len(lines)-1] {
		fields := strings.Split(line, " ")
		if len(fields) != 3 || !isHex(fields[1], 16) {
			return nil, errFormat
		}
		signature, err := base64.StdEncoding.Strict().DecodeString(fields[2])
		if err != nil {
			return nil, errFormat
		}
		d.Signatures = append(d.Signatures, Signature{Algorithm: fields[0], KeyID: fields[1], Bytes: signature})
	}
	if !bytes.Equal(encodeFile(d.Signed, d.Signatures), file) {
		return nil, errFormat
	}
	return d, nil
}

// isHex reports whether s is n bytes in lower-case hex digits.
func isHex(s string, n int) bool {
	b, err := hex.DecodeString(s)
	return err == nil && len(b) == n && hex.EncodeToString(b) == s
}

// Places in a trail's folder.
const (
	folderName = "digests" // in the node's
	keysName   = "keys"    // in the node's: public keys, <key id>.pem
	suffix     = ".digest"
)

func nodeFolder(dir string, node [16]byte) string {
	return filepath.Join(dir, hex.EncodeToString(node[:]))
}

func fileName(number uint64) string { return fmt.Sprintf("%08d%s", number, suffix) }

// maxNumber is more than a digest a second makes in 300,000 years.
const maxNumber = 1 << 43

// Read reads a node's digest off a trail's folder. It verifies no signature.
func Read(dir, node string, number uint64) (*Digest, error) {
	return readDigest(filepath.Join(dir, node, folderName), number)
}

// Keys reads the public keys beside the trails of all nodes below dir, by key id.
func Keys(dir string) (map[string][]byte, error) {
	nodes, err := audit.Nodes(dir)
	if err != nil {
		return nil, err
	}
	all := map[string][]byte{}
	for _, node := range nodes {
		keys, err := trusted(filepath.Join(nodeFolder(dir, node), keysName), nil)
		if err != nil {
			return nil, err
		}
		maps.Copy(all, keys)
	}
	return all, nil
}

// readDigest reads the digest of a number.
func readDigest(folder string, number uint64) (*Digest, error) {
	file, err := audit.ReadRegular(filepath.Join(folder, fileName(number)), maxFile)
	if err != nil {
		return nil, err
	}
	d, err := Parse(file)
	if err == nil && d.Number != number {
		err = errFormat
	}
	return d, err
}

// parseName reads a digest's number off its file's name.
func parseName(name string) (number uint64, ok bool) {
	base, is := strings.CutSuffix(name, suffix)
	number, err := strconv.ParseUint(base, 10, 63)
	return number, is && err == nil && number > 0 && number <= maxNumber && name == fileName(number)
}
