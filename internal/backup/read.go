package backup

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"trent/internal/record"
	"trent/internal/store"
)

// Sealed is the manifest of a backup that is whole. Whether it is authentic
// shows once the crypto module has unsealed what the backup holds.
type Sealed struct {
	Manifest
	bytes []byte
	mac   [macBytes]byte
}

// Authenticate returns ErrForged unless the manifest was made with the keys of
// that sealer, which is the one of "global".
func (s *Sealed) Authenticate(records *record.Sealer) error {
	if want := records.MAC(macLabel, s.bytes); !hmac.Equal(want[:], s.mac[:]) {
		return ErrForged
	}
	return nil
}

// Verify reads a backup to its end and checks everything that can be checked
// without keys: hashes, order, counts, and that the manifest fits what it comes
// with. The error wraps ErrNotValid, or is the reader's.
func Verify(r io.Reader) (*Sealed, error) {
	return read(r, func(snapshot io.Reader, survey io.Writer) error {
		_, err := io.Copy(survey, snapshot)
		return err
	})
}

// Restore puts a backup into an empty store. After an error, which is one of
// Verify's or of the store's, the store must not be used.
func Restore(ctx context.Context, r io.Reader, s store.Store) (*Sealed, error) {
	sealed, err := read(r, func(snapshot io.Reader, survey io.Writer) error {
		return notValid(s.Restore(ctx, io.TeeReader(snapshot, survey)))
	})
	if err != nil {
		return nil, err
	}
	return sealed, renameNode(ctx, s)
}

// read reads a backup; take consumes the snapshot and copies it to the survey.
func read(r io.Reader, take func(snapshot io.Reader, survey io.Writer) error) (*Sealed, error) {
	in, err := newReader(r)
	if err != nil {
		return nil, err
	}
	found, err := surveyed(func(survey io.Writer) error { return take(in, survey) })
	if err != nil {
		return nil, err
	}
	sealed := new(Sealed)
	if sealed.bytes, sealed.mac, err = in.finish(); err != nil {
		return nil, err
	}
	m := &sealed.Manifest
	if err := m.unmarshal(sealed.bytes); err != nil {
		return nil, fmt.Errorf("%w: its manifest: %w", ErrNotValid, err)
	}
	if m.Bytes != found.bytes || !bytes.Equal(m.SHA256, found.sum) || !m.Contents.equal(&found.contents) {
		return nil, fmt.Errorf("%w: its manifest is of another snapshot", ErrNotValid)
	}
	return sealed, nil
}

// renameNode gives a restored store another node id: the service that it was
// taken from may run, and goes on with the trail of that one.
func renameNode(ctx context.Context, s store.Store) error {
	path := record.StorePath()
	kv, _, err := s.Get(ctx, path)
	if err != nil {
		return err
	}
	var own record.Store
	version, err := record.Decode(kv.Value, record.TypeStore, &own)
	if err != nil {
		return err
	}
	own.Node, own.Epoch = make([]byte, len(own.Node)), 0
	if _, err := rand.Read(own.Node); err != nil {
		return err
	}
	value, err := record.Encode(record.TypeStore, version+1, &own)
	if err != nil {
		return err
	}
	ok, _, err := s.Txn(ctx, []store.Cmp{{Key: path, Mod: kv.Mod}}, []store.Op{{Key: path, Value: value}})
	if err == nil && !ok {
		err = errors.New("backup: somebody else writes to the store that is being restored")
	}
	return err
}
