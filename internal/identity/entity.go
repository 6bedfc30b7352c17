package identity

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base32"
	"errors"
	"fmt"
	"strings"

	"trent/internal/record"
	"trent/internal/store"
)

// ErrNoEntity: there is no user, group, role or managed policy of that name.
var ErrNoEntity = errors.New("identity: no such entity")

// An Entity is the record of a user, a group, a role or a managed policy as it
// was read, to be changed by a transaction that compares and swaps.
type Entity[R any] struct {
	Record R

	kind    record.Type
	path    []byte
	version uint64
	mod     store.Rev
}

// Unchanged is the condition that the record is as it was read, or, of one that
// is new, that there is none.
func (e *Entity[R]) Unchanged() store.Cmp { return store.Cmp{Key: e.path, Mod: e.mod} }

// Name is the last part of the record's store key: a name in lower case, or an
// access key's id.
func (e *Entity[R]) Name() string { return string(e.path[bytes.LastIndexByte(e.path, '/')+1:]) }

// Put is the write of the record's next version.
func (e *Entity[R]) Put(records *record.Sealer) (store.Op, error) {
	value, err := records.Seal(e.path, e.kind, e.version+1, &e.Record)
	return store.Op{Key: e.path, Value: value}, err
}

// Delete is the end of the record.
func (e *Entity[R]) Delete() store.Op { return store.Op{Key: e.path, Delete: true} }

// fresh is an entity that is not stored yet.
func fresh[R any](kind record.Type, path []byte, r R) *Entity[R] {
	return &Entity[R]{Record: r, kind: kind, path: path}
}

// read reads an entity, or returns ErrNoEntity.
func read[R any](ctx context.Context, d *Directory, kind record.Type, path []byte) (*Entity[R], error) {
	kv, _, err := d.Store.Get(ctx, path)
	if errors.Is(err, store.ErrNotFound) {
		return nil, ErrNoEntity
	}
	if err != nil {
		return nil, err
	}
	return open[R](d, kind, kv)
}

// open checks and decodes a row.
func open[R any](d *Directory, kind record.Type, kv store.KV) (*Entity[R], error) {
	records, err := d.Records()
	if err != nil {
		return nil, err
	}
	e := Entity[R]{kind: kind, path: kv.Key, mod: kv.Mod}
	if e.version, err = records.Open(kv.Key, kv.Value, kind, &e.Record); err != nil {
		return nil, fmt.Errorf("identity: record %s: %w", kv.Key, err)
	}
	return &e, nil
}

// Fold is a name as store keys have it: names of IAM are unique without regard
// to case.
func Fold(name string) string { return strings.ToLower(name) }

// UniqueID makes a unique id of AWS's form: a prefix of four letters, such as
// AIDA for users, and 17 characters of base32.
func UniqueID(prefix string) string {
	var b [11]byte
	rand.Read(b[:])
	return prefix + base32.StdEncoding.EncodeToString(b[:])[:17]
}
