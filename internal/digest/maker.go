package digest

import (
	"context"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"trent/internal/audit"
)

// ErrBehind: the trail ends before what its last digest covers, or another
// record stands there: its end was cut off, or written anew.
var ErrBehind = errors.New("digest: the audit trail is not what its last digest says")

// Key is a signing key's public half.
type Key struct {
	ID        string // KeyID
	Algorithm string
	PublicKey []byte // SPKI
}

// Signer signs statements with every key that there is.
type Signer interface {
	// Keys returns the keys that Sign signs with.
	Keys(ctx context.Context) ([]Key, error)
	Sign(ctx context.Context, statement []byte) ([]Signature, error)
}

// Config is what a Maker is made of.
type Config struct {
	Dir    string // the audit trail's, of all nodes
	Node   [16]byte
	Trail  *audit.Trail
	Signer Signer
	// Settle moves the events that are committed into the trail, and returns the
	// store's revision as of before.
	Settle func(ctx context.Context) (revision int64, err error)
	Every  time.Duration // between digests; default five minutes
	Now    func() time.Time
	Log    *slog.Logger
}

// defaultEvery is the interval of CloudTrail's promise, five minutes.
const defaultEvery = 5 * time.Minute

// Maker makes a node's digests, one after the other.
type Maker struct {
	Config
	wake chan struct{} // capacity 1

	mu   sync.Mutex
	last *Digest // nil before the first
}

// Open reads the node's last digest and holds the trail against it: ErrBehind,
// if the trail lacks what it covers.
func Open(c Config) (*Maker, error) {
	if c.Every == 0 {
		c.Every = defaultEvery
	}
	m := &Maker{Config: c, wake: make(chan struct{}, 1)}
	for _, name := range []string{folderName, keysName} {
		if err := os.Mkdir(filepath.Join(m.folder(), name), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("digest: %w", err)
		}
	}
	if err := syncFolder(m.folder()); err != nil {
		return nil, err
	}
	names, err := list(filepath.Join(m.folder(), folderName))
	if err != nil || len(names) == 0 {
		return m, err
	}
	last := names[len(names)-1]
	file, err := os.ReadFile(filepath.Join(m.folder(), folderName, fileName(last)))
	if err != nil {
		return nil, fmt.Errorf("digest: %w", err)
	}
	if m.last, err = Parse(file); err != nil {
		return nil, fmt.Errorf("digest %d: %w", last, err)
	}
	head := c.Trail.Head()
	if m.last.Number != last || m.last.Node != hex.EncodeToString(c.Node[:]) || head.Sequence < m.last.Sequence ||
		head.Sequence == m.last.Sequence && hex.EncodeToString(head.Hash[:]) != m.last.Hash {
		return nil, fmt.Errorf("%w: it ends with record %d, digest %d covers record %d", ErrBehind, head.Sequence, last, m.last.Sequence)
	}
	return m, nil
}

func (m *Maker) folder() string { return nodeFolder(m.Dir, m.Node) }

// Last is the last digest, nil if there is none.
func (m *Maker) Last() *Digest {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.last
}

// Wake has Run make a digest now: a segment has ended.
func (m *Maker) Wake() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// Run makes a digest at once, then one each Every and after each Wake, until the
// context ends. One that fails is tried again a minute later.
func (m *Maker) Run(ctx context.Context) {
	const retry = time.Minute
	for ctx.Err() == nil {
		next := m.Every
		if _, err := m.Make(ctx); err != nil && ctx.Err() == nil {
			m.Log.Error("no audit digest could be made", "error", err)
			next = min(next, retry)
		}
		timer := time.NewTimer(next)
		select {
		case <-ctx.Done():
		case <-m.wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// Make makes a digest of everything that the trail holds.
func (m *Maker) Make(ctx context.Context) (*Digest, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	revision, err := m.Settle(ctx)
	if err != nil {
		return nil, fmt.Errorf("digest: %w", err)
	}
	head, err := m.Trail.Durable(ctx)
	if err != nil {
		return nil, fmt.Errorf("digest: %w", err)
	}
	if err := m.publish(ctx); err != nil {
		return nil, err
	}
	s := Statement{
		Type: statementType, Node: hex.EncodeToString(m.Node[:]), Number: 1, Time: m.Now().UTC().Format(timeLayout),
		Epoch: head.Epoch, Sequence: head.Sequence, Hash: hex.EncodeToString(head.Hash[:]), Revision: revision,
	}
	if m.last != nil {
		s.Number, s.Previous, s.After = m.last.Number+1, hashOf(m.last.Signed), m.last.Sequence
	}
	statement, err := s.encode()
	if err != nil {
		return nil, err
	}
	signatures, err := m.Signer.Sign(ctx, statement)
	if err != nil {
		return nil, fmt.Errorf("sign digest: %w", err)
	}
	if err := write(filepath.Join(m.folder(), folderName), fileName(s.Number), encodeFile(statement, signatures)); err != nil {
		return nil, err
	}
	m.last = &Digest{Statement: s, Signed: statement, Signatures: signatures}
	return m.last, nil
}

// publish puts the public keys beside the digests: for convenience, since
// whoever can edit the digests can edit them.
func (m *Maker) publish(ctx context.Context) error {
	keys, err := m.Signer.Keys(ctx)
	if err != nil {
		return fmt.Errorf("digest: %w", err)
	}
	for _, k := range keys {
		name := k.ID + ".pem"
		folder := filepath.Join(m.folder(), keysName)
		if _, err := os.Stat(filepath.Join(folder, name)); err == nil {
			continue
		}
		if err := write(folder, name, PEM(k.PublicKey)); err != nil {
			return err
		}
	}
	return nil
}

// PEM is a public key's PEM file.
func PEM(spki []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: spki})
}

// write makes a file that is whole and durable under its name, or not there.
func write(folder, name string, content []byte) error {
	temporary := filepath.Join(folder, "."+name)
	f, err := os.OpenFile(temporary, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("digest: %w", err)
	}
	_, err = f.Write(content)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(temporary, filepath.Join(folder, name))
	}
	if err != nil {
		return fmt.Errorf("digest: %w", err)
	}
	return syncFolder(folder)
}

func syncFolder(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return fmt.Errorf("digest: %w", err)
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("digest: %w", err)
	}
	return nil
}

// list returns the numbers of the digests in a folder, in order.
func list(folder string) ([]uint64, error) {
	entries, err := os.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("digest: %w", err)
	}
	var numbers []uint64
	for _, e := range entries {
		if n, ok := parseName(e.Name()); ok {
			numbers = append(numbers, n)
		}
	}
	slices.Sort(numbers)
	return numbers, nil
}
