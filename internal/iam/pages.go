package iam

import (
	"bytes"
	"context"
	"slices"

	"trent/internal/apierr"
	"trent/internal/call"
	"trent/internal/domains"
	"trent/internal/query"
	"trent/internal/record"
	"trent/internal/store"
)

// pages are the parameters of lists that come in pages. A marker is the last
// name of its page, sealed for one account, operation and list: so a list is
// stable while names come and go, and a marker tells its holder nothing.
type pages struct {
	marker string
	max    int
	next   string // marker of the page after this one, once it was read; "": this is the last
}

func (p *pages) decode(d *query.Decoder) {
	p.marker = d.String("Marker", markerRule)
	p.max = d.Int("MaxItems", 1, 1000, 100)
}

// write writes what follows a list's elements.
func (p *pages) write(out *query.XML) {
	out.Bool("IsTruncated", p.next != "")
	out.Optional("Marker", p.next)
}

// rows reads a page of the rows with a prefix. take says whether a row counts.
func (p *pages) rows(ctx context.Context, c *Config, q *call.Query, prefix []byte, take func(store.KV) (bool, error)) error {
	last, err := c.open(ctx, q, string(prefix), p.marker)
	if err != nil {
		return err
	}
	from, end := prefix, record.PrefixEnd(prefix)
	if p.marker != "" {
		from = append(append(bytes.Clone(prefix), last...), 0)
	}
	for taken := 0; ; {
		kvs, more, _, err := c.Identity.Store.Range(ctx, from, end, p.max)
		if err != nil {
			return err
		}
		for i, kv := range kvs {
			ok, err := take(kv)
			if err != nil {
				return err
			}
			if ok {
				taken++
			}
			if taken == p.max && (more || i+1 < len(kvs)) {
				p.next, err = c.seal(ctx, q, string(prefix), string(kv.Key[len(prefix):]))
				return err
			}
		}
		if !more || len(kvs) == 0 {
			return nil
		}
		from = append(kvs[len(kvs)-1].Key, 0)
	}
}

// names cuts a page out of sorted names that are in memory. list says of what.
func (p *pages) names(ctx context.Context, c *Config, q *call.Query, list string, names []string) ([]string, error) {
	last, err := c.open(ctx, q, list, p.marker)
	if err != nil {
		return nil, err
	}
	if p.marker != "" {
		i, found := slices.BinarySearch(names, string(last))
		if found {
			i++
		}
		names = names[i:]
	}
	if len(names) <= p.max {
		return names, nil
	}
	names = names[:p.max]
	p.next, err = c.seal(ctx, q, list, names[p.max-1])
	return names, err
}

const purpose = "marker"

func (c *Config) seal(ctx context.Context, q *call.Query, list, last string) (string, error) {
	global, err := c.Regions.Region(ctx, domains.Global)
	if err != nil {
		return "", err
	}
	return global.Seal.Seal(purpose, q.Caller.Account, domains.Global, q.Operation.Name+" "+list, []byte(last)), nil
}

// open returns what seal has sealed for a list; nothing for no marker.
func (c *Config) open(ctx context.Context, q *call.Query, list, marker string) ([]byte, error) {
	if marker == "" {
		return nil, nil
	}
	global, err := c.Regions.Region(ctx, domains.Global)
	if err != nil {
		return nil, err
	}
	last, err := global.Seal.Open(purpose, q.Caller.Account, domains.Global, q.Operation.Name+" "+list, marker)
	if err != nil {
		return nil, &apierr.Error{Code: apierr.Validation, Message: "Invalid Marker.", Err: err}
	}
	return last, nil
}
