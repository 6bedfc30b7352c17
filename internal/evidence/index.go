package evidence

import (
	"cmp"
	"encoding/json"
	"maps"
	"regexp"
	"slices"
	"strings"

	"trent/internal/admin"
	"trent/internal/arn"
)

func compare(a, b string) int { return cmp.Compare(a, b) }

// row is a row of the spool.
type row struct {
	section, about, kind, order string
	value                       []byte
}

// each calls yield with every row, in the order of the report.
func (c *Collector) each(yield func(row) error) error {
	return c.spool.each(func(name string, value []byte) error {
		parts := strings.SplitN(name, "\x00", 4)
		return yield(row{parts[0], parts[1], parts[2], parts[3], value})
	})
}

// use is the row of a use.
func (r *row) use() Use {
	parts := strings.SplitN(r.order, "\x00", 4)
	u := decodeUses(r.value)
	return Use{
		Kind: kindsInOrder[parts[0][0]-'0'], Principal: parts[1], Operation: parts[2], Result: parts[3], Calls: u.calls,
		First: u.first.time(), Last: u.last.time(), FirstRecord: u.first.String(), LastRecord: u.last.String(),
	}
}

// entry is what a report's begin says of a section.
type entry struct {
	section, about string
	Tail
	ARN, Alias, State string
	Page              string // the file that it stands in; empty: the first
	known             bool
	exists            bool     // or did: the service or a record says so
	attempts          uint64   // calls, other than uses, that were refused
	accounts          []string // that may have to do with it
	everybody         bool
}

// index counts what each section has, in order.
type index struct {
	entries []*entry
}

// index counts. What only refused calls have named has no entry, so that nobody
// fills the report with names.
func (c *Collector) index() (*index, error) {
	x := &index{}
	var e *entry
	err := c.each(func(r row) error {
		if e == nil || e.section != r.section || e.about != r.about {
			c.endEntry(x, e)
			e = &entry{section: r.section, about: r.about, exists: r.section != sectionKey}
			if r.section == sectionKey {
				p := splitPlace(r.about)
				e.ARN = arn.Key(c.partition, p.region, p.account, p.id)
			}
		}
		return e.count(&r)
	})
	if err != nil {
		return nil, err
	}
	c.endEntry(x, e)
	return x, nil
}

// endEntry takes a section that has been counted, if there is one.
func (c *Collector) endEntry(x *index, e *entry) {
	switch {
	case e == nil:
		return
	case !e.exists:
		c.summary.Strangers++
		c.summary.StrangerCalls += e.Refused + e.attempts
		c.summary.Refused -= e.Refused
		return
	case e.section == sectionKey:
		c.summary.Keys++
		if e.Calls > 0 {
			c.summary.Used++
		}
	}
	x.entries = append(x.entries, e)
}

// count takes a row of the section.
func (e *entry) count(r *row) error {
	switch r.kind {
	case rowBegin, rowReplay:
		e.exists = true
	case rowNow:
		var k admin.EvidenceKey
		if err := json.Unmarshal(r.value, &k); err != nil {
			return err
		}
		e.ARN, e.State, e.known, e.exists, e.accounts = k.ARN, k.State, true, true, accountsIn(nil, k.Policy)
		e.everybody = unbounded(k.Policy)
		if len(k.Aliases) > 0 {
			e.Alias = k.Aliases[0]
		}
		for i := range k.Holders {
			e.accounts = accountsIn(e.accounts, k.Holders[i].Principal)
			// Who does not say of which account he is may be of any.
			e.everybody = e.everybody || k.Holders[i].Type != "Service" && len(accountsIn(nil, k.Holders[i].Principal)) == 0
		}
		e.everybody = e.everybody || k.Unlisted > 0
	case rowChange:
		var change struct {
			After bool `json:"afterPeriod"`
		}
		if err := json.Unmarshal(r.value, &change); err != nil {
			return err
		}
		if change.After {
			e.Later++
		} else {
			e.Changes++
		}
		e.exists = true
	case rowUse:
		e.exists = e.exists || decodeUses(r.value).exists
		switch u := r.use(); u.Kind {
		case KindUse:
			e.Calls += u.Calls
		case KindRefused:
			e.Refused += u.Calls
		default:
			e.attempts += u.Calls
		}
	}
	return nil
}

// steady says whether who can use the key now could all the time.
func (c *Collector) steady(e *entry, t *Trail) {
	_, account, _ := strings.Cut(e.about, "/")
	account, _, _ = strings.Cut(account, "/")
	switch {
	case !e.known:
		e.SteadyWhy = "The service does not have this key, or was not asked: who could use it is told only by the changes."
		return
	case !t.Complete: // nor is a trail that is not sound
		e.SteadyWhy = "It is not proven that all records of the period are there: " + t.Why + "."
		return
	case c.summary.Unreadable > 0:
		e.SteadyWhy = "The trail has records that are not in the form of an event, and may be changes."
		return
	case !c.reset.Before(c.period.From):
		e.SteadyWhy = "The service's state was replaced in that time (" + c.resetName + "): what it is now says nothing of before."
		return
	case e.Changes+e.Later > 0:
		e.SteadyWhy = "The key itself was changed in that time: the list holds for the moment of the report, and the changes say what was different before."
		return
	}
	for _, other := range slices.Sorted(maps.Keys(c.touched)) {
		if other != account && !e.everybody && !slices.Contains(e.accounts, other) {
			continue
		}
		e.SteadyWhy = "Principals of account " + other + ", which may have to do with this key, were changed in that time: "
		if c.scope.Account == "" || c.scope.Account == other {
			e.SteadyWhy += "see the changes of that account."
		} else {
			e.SteadyWhy += "this report, which was asked for account " + c.scope.Account + ", does not have them."
		}
		return
	}
	e.Steady = true
	e.SteadyWhy = "No change of the key, or of a principal of an account that has to do with it, is recorded from the begin of the period to the report; behind the period's end as far as the trail has records, of which the newest are not covered by a digest yet."
}

// unbounded reports whether a key policy may concern principals of accounts that it
// does not name: a unique id stands where a principal was deleted.
func unbounded(policy string) bool {
	for _, mark := range [...]string{"NotPrincipal", "AIDA", "AROA"} {
		if strings.Contains(policy, mark) {
			return true
		}
	}
	return anybody.MatchString(policy)
}

// anybody is a principal that is everybody.
var anybody = regexp.MustCompile(`"(Principal|AWS)"\s*:\s*(\[[^\]]*)?"\*"`)

// accountsIn adds the account ids that stand in a text: each twelve digits.
func accountsIn(all []string, text string) []string {
	const digits = 12
	run := 0
	for i := 0; i <= len(text); i++ {
		if i < len(text) && text[i] >= '0' && text[i] <= '9' {
			run++
			continue
		}
		if id := text[i-run : i]; run == digits && !slices.Contains(all, id) {
			all = append(all, id)
		}
		run = 0
	}
	return all
}
