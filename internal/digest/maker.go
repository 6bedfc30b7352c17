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
	"sync/atomic"
	"time"

	"trent/internal/audit"
)

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
	Every  time.Duration   // between digests; default five minutes
	Wake   <-chan struct{} // asks Run for a digest now, as at a segment's end; nil: nobody does
	Made   func()          // is called after each digest, and must not block; nil: nobody asks
	Now    func() time.Time
	Log    *slog.Logger
}

// defaultEvery is the interval of CloudTrail's promise, five minutes.
const defaultEvery = 5 * time.Minute

// Maker makes a node's digests, one after the other.
type Maker struct {
	Config

	making sync.Mutex
	last   atomic.Pointer[Digest] // nil before the first
	failed atomic.Pointer[string] // why the last try made none; nil if it did
	fails  atomic.Uint64
}

// makeTimeout bounds the making of a digest: a module that hangs, or a disk,
// must not keep the next try waiting.
const makeTimeout = 30 * time.Second

// Open goes on behind the node's last digest, of which the trail was opened with
// what Covered says.
func Open(ctx context.Context, c Config) (*Maker, error) {
	if c.Every == 0 {
		c.Every = defaultEvery
	}
	m := &Maker{Config: c}
	for _, name := range []string{folderName, keysName} {
		if err := os.Mkdir(filepath.Join(m.folder(), name), 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, fmt.Errorf("digest: %w", err)
		}
	}
	if err := syncFolder(m.folder()); err != nil {
		return nil, err
	}
	last, err := lastValid(ctx, c.Dir, c.Node, c.Signer, c.Log)
	m.last.Store(last)
	return m, err
}

// Covered is the record that the last digest of a node covers: the trail is not
// whole without it. Its Sequence is 0 if there is none.
func Covered(ctx context.Context, dir string, node [16]byte, s Signer, log *slog.Logger) (h audit.Head, err error) {
	d, err := lastValid(ctx, dir, node, s, log)
	if err != nil || d == nil {
		return h, err
	}
	h.Epoch, h.Sequence = d.Epoch, d.Sequence
	_, err = hex.Decode(h.Hash[:], []byte(d.Hash))
	return h, err
}

// lastValid is the last digest of a node that the signer's own keys have signed,
// nil if there is none. What is no digest, or another's, is passed over and
// logged: it proves nothing, and must neither stop a start nor be gone on from.
func lastValid(ctx context.Context, dir string, node [16]byte, s Signer, log *slog.Logger) (*Digest, error) {
	folder := filepath.Join(nodeFolder(dir, node), folderName)
	numbers, err := list(folder)
	if err != nil || len(numbers) == 0 {
		return nil, err
	}
	own, err := s.Keys(ctx)
	if err != nil {
		return nil, fmt.Errorf("digest: %w", err)
	}
	keys := map[string][]byte{}
	for _, k := range own {
		keys[k.ID] = k.PublicKey
	}
	for _, number := range slices.Backward(numbers) {
		d, err := readDigest(folder, number)
		if err == nil && d.Node == hex.EncodeToString(node[:]) && d.verify(keys, true) == "" {
			return d, nil
		}
		log.Error("a digest of the audit trail is damaged, or is not this service's: it is passed over", "folder", folder, "number", number)
	}
	return nil, nil
}

func (m *Maker) folder() string { return nodeFolder(m.Dir, m.Node) }

// Last is the last digest, nil if there is none.
func (m *Maker) Last() *Digest { return m.last.Load() }

// Failure is why the last try made no digest; "" if it did.
func (m *Maker) Failure() string {
	if text := m.failed.Load(); text != nil {
		return *text
	}
	return ""
}

// Failures is how many tries have made no digest.
func (m *Maker) Failures() uint64 { return m.fails.Load() }

// Run makes a digest at once, then one each Every and after each wake, and a last
// one when the context has ended. One that fails is tried again a minute later.
func (m *Maker) Run(ctx context.Context) {
	const retry = time.Minute
	defer m.makeLast(ctx)
	for ctx.Err() == nil {
		next := m.Every
		if _, err := m.Make(ctx); err != nil && ctx.Err() == nil {
			m.Log.Error("no audit digest could be made", "error", err)
			next = min(next, retry)
		}
		timer := time.NewTimer(next)
		select {
		case <-ctx.Done():
		case <-m.Wake:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// makeLast covers what a stop leaves behind, if that is done soon.
func (m *Maker) makeLast(ctx context.Context) {
	const limit = 3 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	defer cancel()
	if last := m.Last(); last != nil && last.Sequence == m.Trail.Head().Sequence {
		return
	}
	if _, err := m.Make(ctx); err != nil {
		m.Log.Warn("no audit digest could be made at the stop: the trail's end is not signed before the next start", "error", err)
	}
}

// Make makes a digest of everything that the trail holds.
func (m *Maker) Make(ctx context.Context) (*Digest, error) { return m.makeNaming(ctx, nil) }

// makeNaming is Make, naming segments that are sealed.
func (m *Maker) makeNaming(ctx context.Context, sealed []audit.Sealed) (*Digest, error) {
	m.making.Lock()
	defer m.making.Unlock()
	ctx, cancel := context.WithTimeout(ctx, makeTimeout)
	defer cancel()
	d, err := m.make(ctx, sealed)
	if err != nil {
		text := err.Error()
		m.failed.Store(&text)
		m.fails.Add(1)
		return nil, err
	}
	m.failed.Store(nil)
	m.last.Store(d)
	if m.Made != nil {
		m.Made()
	}
	return d, nil
}

func (m *Maker) make(ctx context.Context, sealed []audit.Sealed) (*Digest, error) {
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
	if last := m.Last(); last != nil {
		s.Number, s.Previous, s.After = last.Number+1, hashOf(last.Signed), last.Sequence
		s.Time = max(s.Time, last.Time) // clocks are set back; the order of digests is not
	}
	for i := range sealed {
		s.Sealed = append(s.Sealed, statement(&sealed[i]))
	}
	signed, err := s.encode()
	if err != nil {
		return nil, err
	}
	signatures, err := m.Signer.Sign(ctx, signed)
	if err != nil {
		return nil, fmt.Errorf("sign digest: %w", err)
	}
	if err := write(filepath.Join(m.folder(), folderName), fileName(s.Number), encodeFile(signed, signatures)); err != nil {
		return nil, err
	}
	return &Digest{Statement: s, Signed: signed, Signatures: signatures}, nil
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
