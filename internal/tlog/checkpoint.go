package tlog

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/mod/sumdb/note"
)

// Checkpoint is the head of a log at a size.
type Checkpoint struct {
	Origin string
	Size   uint64 // records in the tree
	Root   [32]byte
	// Signers are the given keys whose signatures it has; all of them are valid.
	Signers []*Key
	// Text is what was signed.
	Text string
}

// errCheckpoint: the file is none.
var errCheckpoint = errors.New("not in the form of a checkpoint")

// maxCheckpoint bounds a checkpoint with the cosignatures of many witnesses, of
// which those of ML-DSA-44 take some 3.3 KB.
const maxCheckpoint = 512 << 10

// IsCheckpoint reports whether a file may be a checkpoint: it has a text and
// signature lines.
func IsCheckpoint(file []byte) bool { return strings.Contains(string(file), "\n\n— ") }

// ParseCheckpoint reads a checkpoint and verifies the signatures of the keys that
// are known; others are passed over. An invalid signature of a known key is an
// error; that there is none is not.
func ParseCheckpoint(file []byte, known ...*Key) (*Checkpoint, error) {
	if len(file) > maxCheckpoint {
		return nil, errCheckpoint
	}
	n, err := note.Open(file, keyring(known))
	var unverified *note.UnverifiedNoteError
	var invalid *note.InvalidSignatureError
	switch {
	case errors.As(err, &unverified):
		n = unverified.Note
	case errors.As(err, &invalid):
		return nil, fmt.Errorf("the signature of %s does not verify: the checkpoint or the signature was changed", invalid.Name)
	case err != nil:
		return nil, errCheckpoint
	}
	c, err := parseText(n.Text)
	if err != nil {
		return nil, err
	}
	for _, s := range n.Sigs {
		if _, err := base64.StdEncoding.Strict().DecodeString(s.Base64); err != nil {
			return nil, errCheckpoint // there is one way to write a signature
		}
		k, _ := keyring(known).Verifier(s.Name, s.Hash) // it has just verified
		c.Signers = append(c.Signers, k.(*Key))
	}
	return c, nil
}

// keyring finds keys by name and id.
type keyring []*Key

// Verifier is note.Verifiers'.
func (r keyring) Verifier(name string, hash uint32) (note.Verifier, error) {
	for _, k := range r {
		if k.name == name && k.KeyHash() == hash {
			return k, nil
		}
	}
	return nil, &note.UnknownVerifierError{Name: name, KeyHash: hash}
}

// parseText reads what is signed of a checkpoint, strictly.
func parseText(text string) (*Checkpoint, error) {
	lines := strings.Split(text, "\n")
	if len(lines) < 4 || lines[len(lines)-1] != "" {
		return nil, errCheckpoint
	}
	for _, line := range lines[:len(lines)-1] {
		if line == "" {
			return nil, errCheckpoint
		}
	}
	c := &Checkpoint{Origin: lines[0], Text: text}
	size, err := strconv.ParseUint(lines[1], 10, 63)
	root, err2 := base64.StdEncoding.Strict().DecodeString(lines[2])
	if errors.Join(err, err2) != nil || strconv.FormatUint(size, 10) != lines[1] || len(root) != len(c.Root) {
		return nil, errCheckpoint
	}
	c.Size, c.Root = size, [32]byte(root)
	return c, nil
}

// textOf is what is signed of a checkpoint.
func textOf(origin string, size uint64, root [32]byte) string {
	return fmt.Sprintf("%s\n%d\n%s\n", origin, size, base64.StdEncoding.EncodeToString(root[:]))
}

// Witnessed returns an error unless at least so many witnesses have signed the
// checkpoint, each with one of the given keys. A witness is a name, however many
// keys it has, a key under two names is one witness, and the log is none of its own.
func (c *Checkpoint) Witnessed(witnesses []*Key, least int) error {
	keys, signed := map[string]bool{}, map[string]bool{}
	for _, s := range c.Signers {
		if s.name == c.Origin {
			keys[s.id()] = true
		}
	}
	for _, w := range witnesses {
		if !slices.Contains(c.Signers, w) || keys[w.id()] || w.name == c.Origin {
			continue
		}
		keys[w.id()], signed[w.name] = true, true
	}
	if len(signed) < least {
		return fmt.Errorf("%d of the given witnesses have signed the checkpoint, and not %d", len(signed), least)
	}
	return nil
}

// ErrUnsupported: a key that there is does not sign any more, as ML-DSA's under
// fips: strict.
var ErrUnsupported = errors.New("tlog: the crypto module does not offer a key's algorithm")

// Signer signs checkpoints.
type Signer interface {
	// Keys returns the public keys (SPKI), of Ed25519 and of ML-DSA-44, that there are.
	Keys(ctx context.Context) ([][]byte, error)
	// Sign signs a message with one of them. Errors: ErrUnsupported.
	Sign(ctx context.Context, spki, message []byte) ([]byte, error)
}

// sign makes a checkpoint's file.
func sign(ctx context.Context, s Signer, origin string, size uint64, root [32]byte, now time.Time) ([]byte, error) {
	public, err := s.Keys(ctx)
	if err != nil {
		return nil, err
	}
	at := uint64(min(max(now.Unix(), 0), math.MaxInt64))
	text := textOf(origin, size, root)
	var signers []note.Signer
	for _, spki := range public {
		k, err := LogKey(origin, spki)
		if err != nil {
			return nil, err
		}
		message, err := k.message(at, []byte(text))
		if err != nil {
			return nil, err
		}
		signature, err := s.Sign(ctx, spki, message)
		if errors.Is(err, ErrUnsupported) {
			continue
		}
		if err != nil {
			return nil, err
		}
		if k.kind != typeEd25519 {
			signature = append(binary.BigEndian.AppendUint64(nil, at), signature...)
		}
		signers = append(signers, noteSigner{k, signature})
	}
	if len(signers) == 0 {
		return nil, ErrUnsupported
	}
	return note.Sign(&note.Note{Text: text}, signers...)
}

// noteSigner is a note.Signer of a signature that is made.
type noteSigner struct {
	*Key
	signature []byte
}

// Sign is note.Signer's.
func (s noteSigner) Sign([]byte) ([]byte, error) { return s.signature, nil }
