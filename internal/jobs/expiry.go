package jobs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"trent/internal/record"
	"trent/internal/store"
)

// Expiry removes temporary credentials that have been over for some time.
// They authenticate nothing already: it makes room. It leaves no event, as AWS.
type Expiry struct {
	Store store.Store
	// Records returns a Region's record sealer.
	Records func(ctx context.Context, region string) (*record.Sealer, error)
}

// Run is the Job of record.JobExpire. A page of rows is one transaction.
func (e *Expiry) Run(ctx context.Context, due []record.Due) (left []record.Due, err error) {
	var cmps []store.Cmp
	ops := make([]store.Op, 0, 2*len(due))
	for i := range due {
		kv, over, err := e.over(ctx, &due[i])
		if err != nil {
			return due, fmt.Errorf("access key %s: %w", due[i].KeyID, err)
		}
		if over {
			cmps = append(cmps, store.Cmp{Key: kv.Key, Mod: kv.Mod})
			ops = append(ops, store.Op{Key: kv.Key, Delete: true})
		}
		ops = append(ops, store.Op{Key: due[i].Path(), Delete: true})
	}
	ok, _, err := e.Store.Txn(ctx, cmps, ops)
	if err == nil && !ok {
		err = errors.New("temporary credentials have changed while they were removed")
	}
	if err != nil {
		return due, err
	}
	return nil, nil
}

// over reports whether a row asks for what the access key's record, which is
// authentic, says too.
func (e *Expiry) over(ctx context.Context, due *record.Due) (kv store.KV, over bool, err error) {
	kv, _, err = e.Store.Get(ctx, record.AccessKeyPath(due.KeyID))
	if errors.Is(err, store.ErrNotFound) {
		return kv, false, nil
	}
	if err != nil {
		return kv, false, err
	}
	records, err := e.Records(ctx, record.Global)
	if err != nil {
		return kv, false, err
	}
	var k record.AccessKey
	if _, err := records.Open(kv.Key, kv.Value, record.TypeAccessKey, &k); err != nil {
		return kv, false, err
	}
	want := record.SessionDue(k.Account, due.KeyID, time.UnixMilli(k.ExpiresMs))
	return kv, k.ExpiresMs > 0 && want.At.Equal(due.At), nil
}
