package identity

import (
	"context"
	"strconv"
	"time"

	"trent/internal/audit"
	"trent/internal/awsjson"
	"trent/internal/record"
	"trent/internal/store"
)

// Operator is who administers this service: a user of the machine, not a
// principal of any account.
type Operator struct {
	UID      uint32
	Name     string // of the user, empty if the machine knows none
	Listener string // id of the listener that he came in by, empty for trent's own commands
}

// EventSource is the source of the events of administration, which AWS has no
// service for.
const EventSource = "trent"

// Event is the record of something that an operator does now, to an account or,
// if that is empty, to the service.
func (o Operator) Event(name, account string, now time.Time) audit.Event {
	return audit.Event{
		UserIdentity: audit.UserIdentity{Type: "Operator", PrincipalID: "uid:" + strconv.FormatUint(uint64(o.UID), 10), UserName: o.Name},
		Time:         now, Source: EventSource, Name: name, Region: record.Global, SourceIP: "localhost", UserAgent: "trent",
		ListenerID: o.Listener, Type: audit.TypeAPICall, RecipientAccountID: account,
	}
}

// commit writes a change together with its event, whose id it fills in, as one
// transaction: no change without its record. ok is false if a condition failed.
func (d *Directory) commit(ctx context.Context, records *record.Sealer, e *audit.Event, cmps []store.Cmp, ops []store.Op) (ok bool, err error) {
	e.EventID = d.events.New()
	row, err := audit.OutboxOp(records, record.Global, e.EventID, e.AppendJSON(nil))
	if err != nil {
		return false, err
	}
	ok, _, err = d.Store.Txn(ctx, cmps, append(ops, row))
	return ok, err
}

// writes is a transaction in the making; the first error stays.
type writes struct {
	records *record.Sealer
	cmps    []store.Cmp
	ops     []store.Op
	err     error
}

func (w *writes) put(op store.Op, err error) {
	w.ops = append(w.ops, op)
	if w.err == nil {
		w.err = err
	}
}

// create writes a new access key.
func (w *writes) create(id string, r *record.AccessKey) {
	path := record.AccessKeyPath(id)
	value, err := w.records.Seal(path, record.TypeAccessKey, 1, r)
	w.cmps = append(w.cmps, store.Cmp{Key: path})
	w.put(store.Op{Key: path, Value: value}, err)
}

// deactivate writes an access key that authenticates nothing any more.
func (w *writes) deactivate(k *storedKey) {
	path := record.AccessKeyPath(k.id)
	k.record.Status = statusInactive
	value, err := w.records.Seal(path, record.TypeAccessKey, k.version+1, &k.record)
	w.cmps = append(w.cmps, store.Cmp{Key: path, Mod: k.mod})
	w.put(store.Op{Key: path, Value: value}, err)
}

// forgetOldest deletes the oldest inactive access keys where one more would be
// too many, and returns the ids of the others.
func (w *writes) forgetOldest(keys []*storedKey) (kept []string) {
	excess := len(keys) + 1 - maxRootKeys
	for _, k := range keys {
		if excess <= 0 || k.record.Status == statusActive {
			kept = append(kept, k.id)
			continue
		}
		path := record.AccessKeyPath(k.id)
		w.cmps = append(w.cmps, store.Cmp{Key: path, Mod: k.mod})
		w.ops = append(w.ops, store.Op{Key: path, Delete: true})
		excess--
	}
	return kept
}

func (w *writes) commit(ctx context.Context, d *Directory, e *audit.Event) (ok bool, err error) {
	if w.err != nil {
		return false, w.err
	}
	return d.commit(ctx, w.records, e, w.cmps, w.ops)
}

// object is a JSON object of names, which need no escaping, and values; a pair
// without a value is left out.
func object(pairs ...string) []byte {
	b := []byte{'{'}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] == "" {
			continue
		}
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(awsjson.AppendString(b, pairs[i]), ':')
		b = awsjson.AppendString(b, pairs[i+1])
	}
	return append(b, '}')
}
