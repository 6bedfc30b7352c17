// Package paging owns the lists that come in pages: a range of the store that
// a sealed marker continues. A marker is the last store key of its page, so a
// list is stable while keys come and go; it is sealed, so its holder learns
// nothing from it and cannot use it for another account, Region or operation.
// It must never decide what may be listed. The operations import it.
package paging

import (
	"bytes"
	"context"

	"trent/internal/apierr"
	"trent/internal/call"
	"trent/internal/record"
	"trent/internal/seal"
	"trent/internal/store"
)

const purpose = "marker"

// List reads the next limit keys with prefix after marker ("" for the first
// page). next is the marker of the page after, "" if this is the last. A
// marker that is not of this list is InvalidMarkerException.
func List(ctx context.Context, st store.Store, s *seal.Sealer, c *call.Call, prefix []byte, marker string, limit int) (page []store.KV, next string, err error) {
	op := c.Op.String()
	from := prefix
	if marker != "" {
		last, err := s.Open(purpose, c.Caller.Account, c.Region, op, marker)
		if err != nil || !bytes.HasPrefix(last, prefix) {
			return nil, "", &apierr.Error{Code: apierr.InvalidMarker, Message: "The marker is not valid for this request.", Err: err}
		}
		from = append(last, 0)
	}
	page, more, _, err := st.Range(ctx, from, record.PrefixEnd(prefix), limit)
	if err != nil || !more || len(page) == 0 {
		return page, "", err
	}
	return page, s.Seal(purpose, c.Caller.Account, c.Region, op, page[len(page)-1].Key), nil
}
