// Package paging owns the lists that come in pages: a range of the store, or
// names in memory, that a sealed marker continues. A marker is the last store
// key (or name) of its page, so a list is stable while keys come and go; it is
// sealed, so its holder learns nothing from it and cannot use it for another
// account, Region or operation. It must never decide what may be listed. The
// operations import it.
package paging

import (
	"bytes"
	"context"
	"slices"

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
	from := prefix
	if marker != "" {
		last, err := open(s, c, prefix, marker)
		if err != nil {
			return nil, "", err
		}
		from = append(last, 0)
	}
	page, more, _, err := st.Range(ctx, from, record.PrefixEnd(prefix), limit)
	if err != nil || !more || len(page) == 0 {
		return page, "", err
	}
	return page, mark(s, c, page[len(page)-1].Key), nil
}

// maxFiltered bounds how many keys one page of Filter reads.
const maxFiltered = 10_000

// Filter is List for those keys that take accepts: it gives take one after the
// other until it has accepted limit of them. Of very many keys without one that
// it accepts, a page may have fewer although others follow, as AWS's may.
func Filter(ctx context.Context, st store.Store, s *seal.Sealer, c *call.Call, prefix []byte, marker string, limit int, take func(store.KV) (bool, error)) (next string, err error) {
	from := prefix
	if marker != "" {
		last, err := open(s, c, prefix, marker)
		if err != nil {
			return "", err
		}
		from = append(last, 0)
	}
	for read, taken := 0, 0; ; {
		rows, more, _, err := st.Range(ctx, from, record.PrefixEnd(prefix), max(limit, filterRows))
		if err != nil {
			return "", err
		}
		for i, kv := range rows {
			ok, err := take(kv)
			if err != nil {
				return "", err
			}
			if read++; ok {
				taken++
			}
			if (taken == limit || read >= maxFiltered) && (more || i+1 < len(rows)) {
				return mark(s, c, kv.Key), nil
			}
			from = append(bytes.Clone(kv.Key), 0)
		}
		if !more {
			return "", nil
		}
	}
}

// filterRows is how many keys Filter reads at once, at least.
const filterRows = 100

// Names is List for names that are in memory already, sorted. list is what
// they are the names of, a store key: a marker is for that list only.
func Names(s *seal.Sealer, c *call.Call, list []byte, marker string, limit int, names []string) (page []string, next string, err error) {
	prefix := append(bytes.Clone(list), '/')
	if marker != "" {
		last, err := open(s, c, prefix, marker)
		if err != nil {
			return nil, "", err
		}
		i, found := slices.BinarySearch(names, string(last[len(prefix):]))
		if found {
			i++
		}
		names = names[i:]
	}
	if len(names) <= limit {
		return names, "", nil
	}
	return names[:limit], mark(s, c, append(prefix, names[limit-1]...)), nil
}

func mark(s *seal.Sealer, c *call.Call, last []byte) string {
	return s.Seal(purpose, c.Caller.Account, c.Region, c.Op.String(), last)
}

// open returns what mark has sealed for the list with that prefix.
func open(s *seal.Sealer, c *call.Call, prefix []byte, marker string) ([]byte, error) {
	last, err := s.Open(purpose, c.Caller.Account, c.Region, c.Op.String(), marker)
	if err != nil || !bytes.HasPrefix(last, prefix) {
		return nil, &apierr.Error{Code: apierr.InvalidMarker, Message: "The marker is not valid for this request.", Err: err}
	}
	return last, nil
}
