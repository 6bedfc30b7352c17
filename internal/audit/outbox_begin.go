package audit

import (
	"context"
	"slices"

	"trent/internal/record"
	"trent/internal/store"
)

// begin moves the row with which a trail has to begin, if there is one. moving is
// held.
func (b *Outbox) begin(ctx context.Context) error {
	if err := b.finishMove(ctx); err != nil {
		return err
	}
	records, err := b.open(ctx, record.Global)
	if err != nil {
		return err
	}
	prefix := record.OutboxPrefix(record.Global)
	from, end := prefix, record.PrefixEnd(prefix)
	for more := true; more; {
		var rows []store.KV
		rows, more, _, err = b.store.Range(ctx, from, end, store.MaxOps)
		if err != nil || len(rows) == 0 {
			return err
		}
		from = append(slices.Clip(rows[len(rows)-1].Key), 0)
		for _, row := range rows {
			var r record.Outbox
			if _, err := records.Open(row.Key, row.Value, record.TypeOutbox, &r); err == nil && b.opts.First(r.Event) {
				return b.move(ctx, []outboxRow{{row, records}})
			}
		}
	}
	return nil
}
