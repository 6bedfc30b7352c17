package audit

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"trent/internal/record"
	"trent/internal/store"
)

// outboxRow is a row with the sealer that opens it.
type outboxRow struct {
	store.KV
	records *record.Sealer
}

// outboxRegionRows reads a Region's rows.
type outboxRegionRows struct {
	region    string
	records   *record.Sealer
	from, end []byte
}

// flush moves the rows of Regions, one batch after the other, and returns those that
// have some left. What was committed first is appended first: who reads the trail can
// tell which of two changes came later. Event ids are random, and so is the order of
// the rows' keys. Of a Region with more than MaxOps rows only each MaxOps are in order.
// moving is held.
func (b *Outbox) flush(ctx context.Context, regions []string) (left []string, err error) {
	if err := b.finishMove(ctx); err != nil {
		return regions, err
	}
	var reading []*outboxRegionRows
	var failed error
	for _, region := range regions {
		records, err := b.open(ctx, region)
		if err != nil {
			failed, left = errors.Join(failed, err), append(left, region)
			continue
		}
		prefix := record.OutboxPrefix(region)
		reading = append(reading, &outboxRegionRows{region, records, prefix, record.PrefixEnd(prefix)})
	}
	var until store.Rev // what is committed later may be seen in one Region, and its predecessor not in another: it waits
	for len(reading) > 0 {
		var rows []outboxRow
		reading = slices.DeleteFunc(reading, func(r *outboxRegionRows) bool {
			got, more, now, err := b.store.Range(ctx, r.from, r.end, store.MaxOps)
			if err != nil {
				failed, left = errors.Join(failed, err), append(left, r.region)
				return true
			}
			until = cmp.Or(until, now)
			for _, kv := range got {
				if r.from = append(slices.Clip(kv.Key), 0); kv.Mod > until {
					left = append(left, r.region)
					continue
				}
				rows = append(rows, outboxRow{kv, r.records})
			}
			return !more || len(got) == 0
		})
		slices.SortStableFunc(rows, func(x, y outboxRow) int { return cmp.Compare(x.Mod, y.Mod) })
		for batch := range slices.Chunk(rows, store.MaxOps) {
			if err := b.move(ctx, batch); err != nil {
				return regions, errors.Join(failed, err)
			}
		}
	}
	return left, failed
}

// move appends a batch of rows, at most MaxOps, and deletes them.
func (b *Outbox) move(ctx context.Context, rows []outboxRow) error {
	var events, keys [][]byte
	for _, row := range rows {
		var r record.Outbox
		_, err := row.records.Open(row.Key, row.Value, record.TypeOutbox, &r)
		if err == nil && (len(r.Event) == 0 || len(r.Event) > MaxRecordBytes) {
			err = ErrRecordSize
		}
		if err != nil {
			if !b.refused[string(row.Key)] {
				b.refused[string(row.Key)] = true
				b.opts.Logger.Error("audit: somebody has written to the outbox; the row is left where it is", "row", string(row.Key), "error", err)
			}
			continue
		}
		events, keys = append(events, r.Event), append(keys, row.Key)
	}
	if len(events) == 0 {
		return nil
	}
	pinned, err := b.trail.enqueuePinned(events)
	if err != nil {
		return err
	}
	b.batch, b.keys = pinned, keys
	return b.finishMove(ctx)
}
