package export

import (
	"time"

	"trent/internal/arn"
	"trent/internal/audit"
	"trent/internal/awsjson"
)

// batch is what is delivered at once: records of one node, in the trail's order, or
// one event.
type batch struct {
	from, to    position // before its first record and behind its last one
	first, last uint64   // sequence numbers
	records     []event
	bytes       int   // of JSON of the records, those without an event too
	gaps        []gap // before its first record
}

// event is one record and what a destination sorts it by.
type event struct {
	json            []byte
	epoch, sequence uint64
	account, region string
	name            string
	time            time.Time // whole seconds
}

// What stands for an account and a Region that a record does not have: events of
// the whole service, and requests of strangers.
const (
	noAccount = "000000000000"
	noRegion  = "global"
)

// read fills in what the record says. Of a record that is not of the service's
// form it reads what it can; what it gives out is fit for a file's name.
func (e *event) read() {
	s := awsjson.NewScanner(e.json)
	var o awsjson.Object
	for s.Member(&o) {
		switch string(o.Name()) {
		case "eventTime":
			e.time, _ = time.Parse(time.RFC3339, s.String())
		case "eventName":
			e.name = s.String()
		case "awsRegion":
			e.region = s.String()
		case "recipientAccountId":
			e.account = s.String()
		default:
			s.Skip()
		}
	}
	if !isAccount(e.account) {
		e.account = noAccount
	}
	if !arn.IsRegion(e.region) {
		e.region = noRegion
	}
	e.time = e.time.UTC()
}

func isAccount(s string) bool {
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
	}
	return len(s) == len(noAccount)
}

// add takes a record; if events are wanted, the record's event if it has one.
func (b *batch) add(r *audit.Record, events bool) {
	b.bytes += len(r.JSON)
	b.to = position{node: r.Node, epoch: r.Epoch, segment: r.Segment, offset: r.End(), sequence: r.Sequence, hash: r.Hash}
	e := event{json: append([]byte(nil), r.JSON...), epoch: r.Epoch, sequence: r.Sequence}
	e.read()
	if events {
		if e.json = eventOf(e.json); e.json == nil {
			return
		}
	}
	if len(b.records) == 0 {
		b.first = r.Sequence
	}
	b.last = r.Sequence
	b.records = append(b.records, e)
}
