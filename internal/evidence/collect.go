package evidence

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"trent/internal/admin"
	"trent/internal/arn"
	"trent/internal/audit"
	"trent/internal/evidence/replay"
)

// Collector takes what the service says of keys, and the trail's records, and
// keeps it in the order of the report. Its memory is bounded.
type Collector struct {
	period  Period
	scope   Scope
	crypto  operations
	aliases map[place]place // the key that has each, now
	spool   *spool
	err     error
	summary Summary
	world   *replay.World
	order   uint64    // of the record that was read last
	clock   time.Time // the latest time of a change so far
	// touched are the accounts of which a principal, a policy or an access key was
	// changed from the period's begin on, whether the report has the changes or not.
	touched map[string]bool
	// reset is the last record that put another state in the place of the one before.
	partition string // of the keys' ARNs
	reset     time.Time
	resetName string
	// replaced is the last such before the period.
	replaced     time.Time
	replacedName string
}

// Sections of a report, in their order. A row's name is its section, what the
// section is about, and the row's kind with what orders it, with zeros between.
const (
	sectionKey     = "0"
	sectionAccount = "1"
	sectionService = "2"
)

// Kinds of rows, in their order.
const (
	rowNow    = "a" // admin.EvidenceKey
	rowBegin  = "b" // begun, by name and node
	rowChange = "c" // Change, by time
	rowUse    = "d" // uses, by kind, principal, operation and result
	rowReplay = "e" // replay.KeyChange, in the order of the records
)

// NewCollector makes a collector that puts what does not fit into memory into files
// in a folder. Close it.
func NewCollector(folder string, p Period, s Scope) *Collector {
	c := &Collector{period: p, scope: s, crypto: newOperations(), aliases: map[place]place{}, touched: map[string]bool{}, world: replay.New()}
	c.spool = newSpool(folder, mergeRows)
	return c
}

// Close removes what is on disk.
func (c *Collector) Close() error { return c.spool.close() }

// Err is why not all was kept; nil if it was.
func (c *Collector) Err() error { return c.err }

// mergeRows makes one row of two of the same name.
func mergeRows(name string, earlier, later []byte) []byte {
	switch parts := strings.SplitN(name, "\x00", 4); parts[2] {
	case rowUse:
		return mergeUses(earlier, later)
	case rowBegin:
		return mergeBegun(earlier, later)
	}
	return later
}

func (c *Collector) add(section, about, kind, order string, value []byte) {
	if c.err == nil {
		c.err = c.spool.add(section+"\x00"+clean(about)+"\x00"+kind+"\x00"+order, value)
	}
}

func (c *Collector) addJSON(section, about, kind, order string, value any) {
	b, err := json.Marshal(value)
	if c.err == nil {
		c.err = err
	}
	c.add(section, about, kind, order, b)
}

// about orders keys by Region, account and id.
func (p place) about() string { return p.region + "/" + p.account + "/" + p.id }

// Key takes what the service says of a key.
func (c *Collector) Key(k *admin.EvidenceKey) {
	p, ok := placeOf(k.ARN)
	if !ok {
		return
	}
	c.addJSON(sectionKey, p.about(), rowNow, "", k)
	for _, a := range k.Aliases {
		c.aliases[place{p.region, p.account, a}] = p
	}
}

// wants reports whether a key is in the report's scope.
func (c *Collector) wants(p place) bool {
	s := &c.scope
	id := arn.Parse(s.Key)
	return (s.Region == "" || s.Region == p.region) && (s.Account == "" || s.Account == p.account) &&
		(s.Key == "" || id.Region == p.region && id.Account == p.account && id.ID == p.id)
}

// When a record stands to the period.
const (
	before = iota
	within
	after
)

func (c *Collector) when(t time.Time) int {
	switch {
	case t.Before(c.period.From):
		return before
	case t.After(c.period.To):
		return after
	}
	return within
}

// timeMember is how a record's time begins. In no value of a record can it stand
// like this: quotation marks in values are escaped.
const timeMember = `"eventTime":"`

// timeOf reads a record's time without reading the rest; zero if it cannot.
func timeOf(record []byte) (t time.Time) {
	if i := bytes.Index(record, []byte(timeMember)); i >= 0 {
		if text, _, ok := bytes.Cut(record[i+len(timeMember):min(len(record), i+len(timeMember)+40)], []byte{'"'}); ok {
			t, _ = time.Parse(time.RFC3339, string(text))
		}
	}
	return t
}

// Record takes a record of the trail.
func (c *Collector) Record(r audit.Record) {
	when := c.when(timeOf(r.JSON))
	c.order++
	// What changed nothing and was not in the period has no place in the report.
	if c.err != nil || when != within && bytes.Contains(r.JSON, []byte(`"readOnly":true`)) && !bytes.Contains(r.JSON, []byte(`"readOnly":false`)) {
		return
	}
	var e event
	if json.Unmarshal(r.JSON, &e) != nil || e.EventTime.IsZero() || e.EventID == "" {
		c.summary.Unreadable++
		c.world.Lose(c.order, c.clock, "a record is not in the form of an event")
		return
	}
	when = c.when(e.EventTime)
	if resets(e.EventName) && e.EventSource == sourceTrent && e.EventTime.After(c.reset) {
		c.reset, c.resetName = e.EventTime, e.EventName
		c.world.Lose(c.order, e.EventTime, "the service's state was replaced ("+e.EventName+")")
	}
	if resets(e.EventName) && e.EventSource == sourceTrent && when == before && e.EventTime.After(c.replaced) {
		c.replaced, c.replacedName = e.EventTime, e.EventName
	}
	keys, exist := e.keys(c.aliases)
	c.replay(&e)
	for i := 0; i < len(e.Resources) && c.partition == ""; i++ {
		c.partition = arn.Parse(e.Resources[i].ARN).Partition
	}
	if e.changed() && e.EventName != refusedCalls {
		c.change(&e, &r, keys, when)
		return
	}
	if when != within {
		return
	}
	switch {
	case e.EventName == refusedCalls && e.EventType == typeService:
		if c.scope.Account == "" || c.scope.Account == e.Recipient {
			c.summary.Uncounted += e.refusals()
			c.use(sectionAccount, e.Recipient, &e, &r, KindRefused, e.refusals(), true)
		}
	case e.EventSource != sourceTrent && e.UserIdentity.Type == "" && e.EventType == typeCall:
		c.summary.Unverified++ // nobody has called
	default:
		kind := c.crypto.kind(&e)
		for _, p := range keys {
			if c.wants(p) {
				c.use(sectionKey, p.about(), &e, &r, kind, 1, exist)
			}
		}
	}
}

// change takes a change: of keys, of an account and its principals, or of the
// service.
func (c *Collector) change(e *event, r *audit.Record, keys []place, when int) {
	proof := proofOf(e, r)
	order := fmt.Sprintf("%016x %x %016x", e.EventTime.Unix(), r.Node, r.Sequence)
	if when == before {
		for _, p := range keys {
			if c.wants(p) {
				c.begun(e, p, proof)
			}
		}
		return
	}
	if len(keys) == 0 && e.Recipient != "" {
		c.touched[e.Recipient] = true
	}
	change := Change{
		What: e.EventName, Source: e.EventSource, Principal: e.principal(), After: when == after, Unknown: e.Additional.OutcomeUnknown != "",
		Proof: proof, Record: string(r.JSON),
	}
	wanted := false
	for _, p := range keys {
		if c.wants(p) {
			wanted = true
			c.addJSON(sectionKey, p.about(), rowChange, order, change)
			if when == within {
				c.summary.KeyChanges++
			}
		}
	}
	if wanted || len(keys) > 0 || c.scope.Account != "" && e.Recipient != "" && e.Recipient != c.scope.Account {
		return
	}
	if when == within {
		c.summary.OtherChanges++
	}
	if e.Recipient == "" {
		c.addJSON(sectionService, "", rowChange, order, change)
		return
	}
	c.addJSON(sectionAccount, e.Recipient, rowChange, order, change)
}

func proofOf(e *event, r *audit.Record) Proof {
	return Proof{
		Node: hex.EncodeToString(r.Node[:]), Epoch: r.Epoch, Sequence: r.Sequence, Time: e.EventTime, EventID: e.EventID,
		PreviousHash: hex.EncodeToString(r.PreviousHash[:]), Hash: hex.EncodeToString(r.Hash[:]),
		Chain: base64.StdEncoding.EncodeToString(r.Chain()),
	}
}

// use counts calls of one principal, by one operation, with one result. That what it
// is about exists, or did, the record says, or does not.
func (c *Collector) use(section, about string, e *event, r *audit.Record, kind string, calls uint64, exists bool) {
	switch {
	case section != sectionKey:
	case kind == KindUse:
		c.summary.Uses += calls
	case kind == KindRefused:
		c.summary.Refused += calls
	}
	u := uses{calls: calls, exists: exists}
	u.first = mark{e.EventTime.Unix(), r.Node, r.Sequence}
	u.last = u.first
	order := strings.Join([]string{kindOrder(kind), clean(e.principal()), clean(e.EventName), clean(e.result())}, "\x00")
	c.add(section, about, rowUse, order, u.encode())
}

// clean keeps zeros, which part names, out of one.
func clean(s string) string { return strings.ReplaceAll(s, "\x00", "\ufffd") }

// kindsInOrder are the kinds of uses as the report has them.
var kindsInOrder = [...]string{KindUse, KindRefused, KindAttempt, KindRead}

func kindOrder(kind string) string {
	for i, k := range kindsInOrder {
		if k == kind {
			return string(rune('0' + i))
		}
	}
	return "9"
}

// uses are calls, counted.
type uses struct {
	calls       uint64
	first, last mark
	exists      bool // a record says that what they are of does, or did
}

// mark is a record, by its time and place.
type mark struct {
	unix     int64
	node     [16]byte
	sequence uint64
}

const (
	markBytes = 8 + 16 + 8
	usesBytes = 8 + 2*markBytes + 1
)

func (u *uses) encode() []byte {
	b := make([]byte, 0, usesBytes)
	b = binary.BigEndian.AppendUint64(b, u.calls)
	b = u.last.append(u.first.append(b))
	if u.exists {
		return append(b, 1)
	}
	return append(b, 0)
}

func (m *mark) append(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, uint64(m.unix))
	return binary.BigEndian.AppendUint64(append(b, m.node[:]...), m.sequence)
}

func decodeUses(b []byte) (u uses) {
	u.calls = binary.BigEndian.Uint64(b)
	u.first, u.last = decodeMark(b[8:]), decodeMark(b[8+markBytes:])
	u.exists = b[8+2*markBytes] == 1
	return u
}

func decodeMark(b []byte) (m mark) {
	m.unix, m.sequence = int64(binary.BigEndian.Uint64(b)), binary.BigEndian.Uint64(b[24:])
	copy(m.node[:], b[8:])
	return m
}

func (m *mark) time() time.Time { return time.Unix(m.unix, 0).UTC() }
func (m *mark) String() string  { return fmt.Sprintf("%x:%d", m.node, m.sequence) }

// mergeUses adds up two counts.
func mergeUses(a, b []byte) []byte {
	u, v := decodeUses(a), decodeUses(b)
	u.calls += v.calls
	u.exists = u.exists || v.exists
	if v.first.unix < u.first.unix {
		u.first = v.first
	}
	if v.last.unix >= u.last.unix {
		u.last = v.last
	}
	return u.encode()
}
