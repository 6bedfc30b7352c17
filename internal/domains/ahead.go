package domains

import (
	"context"
	"time"

	"trent/internal/record"
)

// Ahead is how far the time of trent dev was moved ahead of the system's.
func (m *Manager) Ahead() time.Duration {
	m.making.Lock()
	defer m.making.Unlock()
	return time.Duration(m.meta.AheadSeconds) * time.Second
}

// SetAhead keeps that in the store's record, in whole seconds.
func (m *Manager) SetAhead(ctx context.Context, ahead time.Duration) error {
	return m.update(ctx, func(meta *record.Store) { meta.AheadSeconds = int64(ahead / time.Second) })
}
