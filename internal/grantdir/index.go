package grantdir

import (
	"slices"
	"strings"
	"sync"

	"trent/internal/awsjson"
	"trent/internal/blobheader"
	"trent/internal/grant"
	"trent/internal/policy"
	"trent/internal/record"
	"trent/internal/store"
)

// Sizes that are counted for the bound, in bytes: about what the runtime keeps.
const (
	keyBytes     = 512
	granteeBytes = 256
	grantBytes   = 640
)

// index has the grants of one key, so that a request looks at few of them: by
// grantee first, then by what their constraints demand.
type index struct {
	ready chan struct{} // closed once it is read, or could not be
	err   error         // why; written before ready is closed

	mu      sync.RWMutex
	loaded  bool
	waiting []store.Event // observed while it was being read
	records *record.Sealer
	bytes   int

	grants   map[string]*entry // by grant id
	grantees map[grantee]*granted
	same     map[hash][]string // ids of grants with a name, by grant.Same
}

func newIndex() *index { return &index{ready: make(chan struct{})} }

// grantee is whom a grant covers.
type grantee struct {
	name   string // ARN of a user, role or session; account id; service
	id     string // unique id that goes with an ARN; "" if none was known
	source string // SourceArn, for a service: it has a grant for each resource
}

// hash is one of an encryption context, or of one pair of it.
type hash = [32]byte

// granted are a grantee's grants.
type granted struct {
	// free has those that allow an operation whatever the context is.
	free []free
	// equal has those with the constraint EncryptionContextEquals, by the hash
	// of the context; subset those with EncryptionContextSubset, each under one
	// of its pairs.
	equal, subset map[hash][]*entry
	entries       int
}

// free are the grants that allow one operation whatever the context is.
type free struct {
	operation grant.Operations
	entries   []*entry
}

// entry is a grant.
type entry struct {
	id         string
	who        grantee
	operations grant.Operations
	kind       string // grant.Equals, grant.Subset or ""
	source     string // SourceArn
	pairs      []hash // of a Subset; the context of an Equals
	under      hash   // where it stands in equal or subset
	same       hash
	named      bool
	bytes      int
}

// contextual are the operations that an encryption context constraint binds.
const contextual = grant.WithContext | grant.CreateGrant

// size is what the index counts for; 0 while it is being read.
func (x *index) size() int {
	x.mu.RLock()
	defer x.mu.RUnlock()
	if !x.loaded {
		return 0
	}
	return x.bytes
}

// fill takes what was read. Nobody looks yet, and what is observed waits: so it
// needs no lock, and keeps no commit waiting.
func (x *index) fill(records *record.Sealer, grants []store.KV) error {
	x.records = records
	x.grants, x.grantees, x.same = map[string]*entry{}, map[grantee]*granted{}, map[hash][]string{}
	x.bytes = keyBytes
	for _, kv := range grants {
		if err := x.put(kv); err != nil {
			return err
		}
	}
	return nil
}

// complete takes what was observed meanwhile, and opens the index.
func (x *index) complete() (size int, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for i := range x.waiting {
		e := &x.waiting[i]
		if e.Deleted {
			x.remove(idOf(e.Key))
		} else if err := x.put(e.KV); err != nil {
			return 0, err
		}
	}
	x.waiting = nil
	x.loaded = true
	return x.bytes, nil
}

// idOf is the grant id that ends a store key.
func idOf(key []byte) string {
	s := string(key)
	return s[strings.LastIndexByte(s, '/')+1:]
}

// observe takes a change, at once or when the index is complete. It returns by
// how many bytes the index has grown.
func (x *index) observe(id string, e *store.Event) (grown int, err error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if !x.loaded {
		x.waiting = append(x.waiting, *e)
		return 0, nil
	}
	was := x.bytes
	if e.Deleted {
		x.remove(id)
	} else {
		err = x.put(e.KV)
	}
	return x.bytes - was, err
}

// put adds a grant, in place of what has its id.
func (x *index) put(kv store.KV) error {
	g, err := decode(x.records, kv)
	if err != nil {
		return err
	}
	id := idOf(kv.Key)
	x.remove(id)
	e := newEntry(id, g)
	x.grants[id] = e
	x.bytes += e.bytes
	if e.named {
		x.same[e.same] = append(x.same[e.same], id)
	}
	who := x.grantees[e.who]
	if who == nil {
		who = &granted{}
		x.grantees[e.who] = who
		x.bytes += granteeBytes
	}
	who.add(e)
	return nil
}

func newEntry(id string, g *record.Grant) *entry {
	e := &entry{
		id: id, operations: grant.SetOf(g.Operations), kind: g.Constraint, source: g.SourceARN,
		named: g.Name != "", who: grantee{name: g.Grantee, id: g.GranteeID},
	}
	if g.GranteeService != "" {
		e.who = grantee{name: g.GranteeService, source: g.SourceARN}
	} else if account := grant.Account(g.Grantee); account != "" {
		e.who = grantee{name: account}
	}
	if e.named {
		e.same = grant.Same(g)
	}
	switch g.Constraint {
	case grant.Equals:
		e.pairs = []hash{contextOf(g.Context)}
	case grant.Subset:
		for name, value := range g.Context {
			e.pairs = append(e.pairs, pairHash(awsjson.Pair{Key: name, Value: value}))
		}
	}
	e.bytes = grantBytes + 2*len(e.who.name) + len(e.source) + len(e.pairs)*len(hash{})
	return e
}

// contextOf is the hash of a constraint's context.
func contextOf(pairs map[string]string) hash {
	var list []awsjson.Pair
	for name, value := range pairs {
		list = append(list, awsjson.Pair{Key: name, Value: value})
	}
	return blobheader.ContextHash(list)
}

func pairHash(p awsjson.Pair) hash { return blobheader.ContextHash([]awsjson.Pair{p}) }

// remove takes a grant out, if it is there.
func (x *index) remove(id string) {
	e := x.grants[id]
	if e == nil {
		return
	}
	delete(x.grants, id)
	x.bytes -= e.bytes
	if e.named {
		ids := slices.DeleteFunc(x.same[e.same], func(one string) bool { return one == id })
		if x.same[e.same] = ids; len(ids) == 0 {
			delete(x.same, e.same)
		}
	}
	who := x.grantees[e.who]
	who.remove(e)
	if who.entries == 0 {
		delete(x.grantees, e.who)
		x.bytes -= granteeBytes
	}
}

// unbound are the operations that a grant allows whatever the context is.
func (e *entry) unbound() grant.Operations {
	if e.kind == "" || e.kind == grant.Subset && len(e.pairs) == 0 {
		return e.operations &^ grant.RetireGrant
	}
	return e.operations &^ grant.RetireGrant &^ contextual
}

// freely are the grants that allow an operation whatever the context is.
func (w *granted) freely(operation grant.Operations) []*entry {
	for i := range w.free {
		if w.free[i].operation == operation {
			return w.free[i].entries
		}
	}
	return nil
}

func (w *granted) add(e *entry) {
	w.entries++
	left := e.unbound()
	for i := range w.free {
		if f := &w.free[i]; left&f.operation != 0 {
			f.entries = append(f.entries, e)
			left &^= f.operation
		}
	}
	for ; left != 0; left &= left - 1 {
		w.free = append(w.free, free{left & -left, []*entry{e}})
	}
	if len(e.pairs) == 0 || e.operations&contextual == 0 {
		return
	}
	lists := w.lists(e)
	if *lists == nil {
		*lists = map[hash][]*entry{}
	}
	e.under = e.pairs[0]
	for _, p := range e.pairs[1:] {
		if len((*lists)[p]) < len((*lists)[e.under]) {
			e.under = p
		}
	}
	(*lists)[e.under] = append((*lists)[e.under], e)
}

func (w *granted) remove(e *entry) {
	w.entries--
	for i := range w.free {
		if f := &w.free[i]; e.unbound()&f.operation != 0 {
			f.entries = without(f.entries, e)
		}
	}
	if len(e.pairs) == 0 || e.operations&contextual == 0 {
		return
	}
	lists := *w.lists(e)
	if lists[e.under] = without(lists[e.under], e); len(lists[e.under]) == 0 {
		delete(lists, e.under)
	}
}

// lists are those that an entry with a constraint stands in one of.
func (w *granted) lists(e *entry) *map[hash][]*entry {
	if e.kind == grant.Equals {
		return &w.equal
	}
	return &w.subset
}

// without takes an entry out of a list, whose order is nobody's business.
func without(list []*entry, e *entry) []*entry {
	i := slices.Index(list, e)
	if i < 0 {
		return list
	}
	last := len(list) - 1
	list[i], list[last] = list[last], nil
	return list[:last]
}

// allow is Dir.Allow for the key.
func (x *index) allow(p *policy.Principal, a *grant.Ask) (policy.Via, string) {
	if a.Operation&^grant.RetireGrant == 0 {
		return policy.ViaNothing, ""
	}
	x.mu.RLock()
	defer x.mu.RUnlock()
	if len(x.grants) == 0 {
		return policy.ViaNothing, ""
	}
	var pairs [8]hash
	q := newQuery(a)
	q.pairs = pairs[:0]
	if p.Service != "" {
		return q.under(policy.ViaSelf, x.grantees[grantee{name: p.Service, source: a.SourceARN}])
	}
	account := policy.ViaAccount
	if strings.HasSuffix(p.ARN, ":root") {
		account = policy.ViaSelf
	}
	for _, by := range [...]struct {
		via policy.Via
		who grantee
	}{
		{policy.ViaSelf, grantee{name: p.ARN, id: p.ID}},
		{policy.ViaSelf, grantee{name: p.ARN}},
		{policy.ViaBounded, grantee{name: p.RoleARN, id: p.ID}},
		{policy.ViaBounded, grantee{name: p.RoleARN}},
		{account, grantee{name: p.Account}},
	} {
		if via, id := q.under(by.via, x.grantees[by.who]); id != "" {
			return via, id
		}
	}
	return policy.ViaNothing, ""
}
