package auditindex

// reader reads what records are found by, one after the other. Most members of
// most records are as they were in another record: what a member is found by is
// made once, and from then on a look-up of its bytes says to which group the
// record belongs.
type reader struct {
	groups []entry           // what records have in common
	known  map[string]uint32 // groups by a member's bytes, or by what several make together
	bytes  int               // of known's keys
	made   int               // bytes of the keys of all groups
	recent []recent          // by their places in a record

	entry entry    // of the record that was read: what it has for itself
	in    []uint32 // the groups that it is in, perhaps one of them twice
	key   []byte
}

// recent is the member that stood at a place of the last record. Half of the
// members of a record are the same again.
type recent struct {
	raw   []byte
	share share
	group uint32 // of one that is shared
}

// maxKnownBytes bounds what is known of members. Beyond it begins anew: what
// comes again has a second group.
const maxKnownBytes = 4 << 20

func newReader() reader { return reader{known: map[string]uint32{}} }

// read reads a record.
func (r *reader) read(json []byte) {
	e := &r.entry
	e.reset()
	r.in = r.in[:0]
	w := walk{json: json}
	for place := 0; ; place++ {
		if place == len(r.recent) {
			r.recent = append(r.recent, recent{})
		}
		last := &r.recent[place]
		if !w.is(last.raw) {
			m, ok := w.next()
			if !ok {
				break
			}
			r.member(last, &m)
		}
		if last.share == shared {
			r.in = append(r.in, last.group)
			e.join(&r.groups[last.group].joint)
		}
	}
	r.key = e.appendKey(append(r.key[:0], jointKey))
	group, isNew := r.group(r.key)
	if isNew {
		r.groups[group].joint = e.clone()
		r.groups[group].conclude()
	}
	r.in = append(r.in, group)
}

// member reads a member of the record, the last of its place from now on.
func (r *reader) member(last *recent, m *member) {
	last.raw, last.share = last.raw[:0], shareOf(m.name)
	switch last.share {
	case own: // not the same again
		r.entry.member(m)
		return
	case parts:
		r.parts(m.value)
		return
	case shared:
		var isNew bool
		if last.group, isNew = r.group(m.raw); isNew {
			r.groups[last.group].member(m)
		}
	}
	last.raw = append(last.raw, m.raw...)
}

// parts reads a member of members.
func (r *reader) parts(value []byte) {
	for w := (walk{json: value}); ; {
		m, ok := w.next()
		if !ok {
			return
		}
		r.key = append(append(r.key[:0], partKey), m.raw...)
		group, isNew := r.group(r.key)
		if isNew {
			r.groups[group].parameter(&m)
		}
		r.in = append(r.in, group)
	}
}

// The first bytes of keys, by what they stand for; a member begins with a quote.
const (
	partKey  = 0
	jointKey = 1
)

// group returns the group of a key.
func (r *reader) group(key []byte) (at uint32, isNew bool) {
	at, ok := r.known[string(key)]
	if ok {
		return at, false
	}
	if r.bytes += len(key); r.bytes > maxKnownBytes {
		clear(r.known)
		r.bytes = len(key)
	}
	r.made += len(key)
	at = uint32(len(r.groups))
	r.known[string(key)] = at
	r.groups = append(r.groups, entry{})
	return at, true
}

// matcher tells which records a query wants.
type matcher struct {
	reader
	query *Query
	has   []uint64 // of the groups: a bit for each of the query's terms
}

// maxTerms is how many terms a query can have.
const maxTerms = 64

func newMatcher(q *Query) matcher { return matcher{reader: newReader(), query: q} }

// of are the terms of the query that an entry has.
func (m *matcher) of(e *entry) (has uint64) {
	for i, t := range m.query.Terms {
		if e.has(t) {
			has |= 1 << i
		}
	}
	return has
}

// wants reports whether the record is wanted.
func (m *matcher) wants(json []byte) bool {
	m.read(json)
	for len(m.has) < len(m.groups) {
		m.has = append(m.has, m.of(&m.groups[len(m.has)]))
	}
	if !m.query.spans(m.entry.time) {
		return false
	}
	has := m.of(&m.entry)
	for _, group := range m.in {
		has |= m.has[group]
	}
	return has == 1<<len(m.query.Terms)-1
}
