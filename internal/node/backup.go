package node

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"trent/internal/admin"
	"trent/internal/audit"
	"trent/internal/backup"
	"trent/internal/domains"
	hsmjobs "trent/internal/hsm/client/jobs"
	"trent/internal/identity"
	"trent/internal/store/sqlite"
)

// ErrNotUnsealed: the crypto module does not open what a backup holds.
var ErrNotUnsealed = errors.New("the crypto module cannot unseal this backup: its key file is another one than that of the service that was backed up (or the module is at a socket and holds a later state of the same domains: restart trent-hsm)")

// restoreTimeout is how long a restore waits for the crypto module.
const restoreTimeout = 30 * time.Second

// Backup writes a backup for an operator while requests go on, one at a time.
// The errors are those of backup.Create and, before anything is written,
// operators' own.
func (n *Node) Backup(ctx context.Context, by identity.Operator, w io.Writer) error {
	if err := n.errStarting(); err != nil {
		return err
	}
	if !n.backingUp.TryLock() {
		return admin.Errorf(admin.NotPossible, "another backup is being made")
	}
	defer n.backingUp.Unlock()
	records, err := n.records(ctx, domains.Global)
	if err != nil {
		return err
	}
	m, err := backup.Create(ctx, backup.Source{
		Store: n.store, Records: records, Trail: n.trail, Release: Version(), Now: n.Now,
		Drain: func(ctx context.Context) error {
			regions, err := n.Domains.Stored(ctx)
			if err != nil {
				return err
			}
			return n.outbox.Drain(ctx, regions)
		},
	}, by, w)
	if err == nil {
		n.Log.Info("backup made", "revision", m.Contents.Revision, "rows", m.Contents.Rows, "bytes", m.Bytes, "user", by.UID)
	}
	return err
}

// Restore fills a new data folder, Config.Data, from a backup: the store, checked
// with the crypto module that is going to serve it, and an audit trail that
// begins with the restore. It serves nothing. Errors: those of backup.Restore,
// backup.ErrForged, ErrNotUnsealed, domains.ErrWrongMode, domains.ErrPartition; the folder is then of
// no use.
func Restore(ctx context.Context, c Config, by identity.Operator, r io.Reader) (m *backup.Manifest, err error) {
	sealed, err := restoreStore(ctx, c, r)
	if err != nil {
		return nil, err
	}
	m = &sealed.Manifest
	c.Regions = m.Contents.RegionNames() // the configuration's are compared at the next start
	n := newNode(c)
	defer func() { err = errors.Join(err, n.Close()) }()
	if err := n.openStore(ctx); err != nil {
		return nil, err
	}
	if err := n.findModule(ctx); err != nil {
		return nil, err
	}
	if err := n.unseal(ctx); err != nil {
		return nil, err
	}
	records, err := n.records(ctx, domains.Global)
	if err != nil {
		return nil, err
	}
	if err := sealed.Authenticate(records); err != nil {
		return nil, err
	}
	n.Audit = audit.Strict
	if err := n.beginEpoch(ctx); err != nil {
		return nil, err
	}
	return m, n.trail.Append(ctx, backup.RestoredEvent(by, m, n.Now()))
}

// unseal starts or reaches the crypto module. It does not wait for ever for one
// that an operator has to start.
func (n *Node) unseal(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, restoreTimeout)
	defer cancel()
	err := n.startModule(ctx)
	switch {
	case errors.Is(err, hsmjobs.DomainRefused):
		return fmt.Errorf("%w: %w", ErrNotUnsealed, err)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("no crypto module answers within %v: start trent-hsm, and restore again: %w", restoreTimeout, err)
	}
	return err
}

// restoreStore makes the store of a backup.
func restoreStore(ctx context.Context, c Config, r io.Reader) (sealed *backup.Sealed, err error) {
	if err := ownFolder(c.Data); err != nil {
		return nil, err
	}
	s, err := sqlite.Open(ctx, filepath.Join(c.Data, storeFolder), sqlite.Options{Logger: c.Log})
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	return backup.Restore(ctx, r, s)
}
