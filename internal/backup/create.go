package backup

import (
	"context"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"time"

	"trent/internal/audit"
	"trent/internal/awsjson"
	"trent/internal/identity"
	"trent/internal/record"
	"trent/internal/store"
)

// Names of the audit events.
const (
	eventStart   = "StartBackup"
	eventCreate  = "CreateBackup"
	eventRestore = "RestoreBackup"
)

// Source is a running service, as far as a backup needs it.
type Source struct {
	Store store.Store
	// Records is the sealer of "global".
	Records *record.Sealer
	// Drain moves every event that is committed into the trail.
	Drain   func(ctx context.Context) error
	Trail   *audit.Trail
	Release string
	Now     func() time.Time
}

// Create writes a backup of the store as it is now; requests go on meanwhile.
// The writer should not be slower than a disk: while the store is read, keys
// that are deleted are not yet erased from its files. The operator has two audit
// records: one before the first byte, since whoever gets all but the last has
// what a backup holds, and one before the manifest, with what the backup is.
func Create(ctx context.Context, s Source, by identity.Operator, w io.Writer) (*Manifest, error) {
	if err := s.Trail.Append(ctx, event(eventStart, by, nil, s.Now())); err != nil {
		return nil, fmt.Errorf("record the start of the backup: %w", err)
	}
	out, err := newWriter(w)
	if err != nil {
		return nil, err
	}
	snapshot, err := surveyed(func(read io.Writer) error {
		_, err := s.Store.Snapshot(ctx, io.MultiWriter(out, read))
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("back up the store: %w", err)
	}
	m := &Manifest{
		Contents: snapshot.contents, Release: s.Release, CreatedMs: s.Now().UnixMilli(),
		Bytes: snapshot.bytes, SHA256: snapshot.sum,
	}
	// What the snapshot holds was committed before this: so is its event.
	if err := s.Drain(ctx); err != nil {
		return nil, fmt.Errorf("bring the audit trail to the backup's revision: %w", err)
	}
	head := s.Trail.Head()
	m.Head = Head{Epoch: head.Epoch, Sequence: head.Sequence, Hash: head.Hash[:]}
	if err := s.Trail.Append(ctx, event(eventCreate, by, m, s.Now())); err != nil {
		return nil, fmt.Errorf("record the backup: %w", err)
	}
	manifest, err := m.marshal()
	if err != nil {
		return nil, err
	}
	return m, out.finish(manifest, s.Records.MAC(macLabel, manifest))
}

// RestoredEvent is the audit record with which the trail of a restored store
// begins.
func RestoredEvent(by identity.Operator, m *Manifest, now time.Time) []byte {
	return event(eventRestore, by, m, now)
}

// event is the record of what an operator did with a backup; m is nil before
// there is one.
func event(name string, by identity.Operator, m *Manifest, now time.Time) []byte {
	var ids audit.IDs
	e := by.Event(name, "", now)
	e.EventID = ids.New()
	e.ReadOnly = name != eventRestore
	if m == nil {
		return e.AppendJSON(nil)
	}
	e.RequestParameters = object(
		"storeId", hex.EncodeToString(m.Contents.StoreID),
		"revision", strconv.FormatInt(m.Contents.Revision, 10),
		"created", m.Created().Format(time.RFC3339),
		"sha256", hex.EncodeToString(m.SHA256),
		"auditNode", hex.EncodeToString(m.Contents.Node),
		"auditEpoch", strconv.FormatUint(m.Head.Epoch, 10),
		"auditSequence", strconv.FormatUint(m.Head.Sequence, 10),
		"auditHash", hex.EncodeToString(m.Head.Hash),
	)
	return e.AppendJSON(nil)
}

// object is a JSON object of names, which need no escaping, and values.
func object(pairs ...string) []byte {
	b := []byte{'{'}
	for i := 0; i < len(pairs); i += 2 {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(awsjson.AppendString(b, pairs[i]), ':')
		b = awsjson.AppendString(b, pairs[i+1])
	}
	return append(b, '}')
}
