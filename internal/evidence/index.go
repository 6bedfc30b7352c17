package evidence

import (
	"cmp"
	"encoding/json"
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
	known             bool
	accounts          []string // that may have to do with it
	everybody         bool
}

// index counts what each section has, in order.
type index struct {
	entries []*entry
	// touched are the accounts of which a principal, a policy or an access key was
	// changed from the period's begin on.
	touched map[string]int
}

func (c *Collector) index() (*index, error) {
	x := &index{touched: map[string]int{}}
	var e *entry
	err := c.each(func(r row) error {
		if e == nil || e.section != r.section || e.about != r.about {
			e = &entry{section: r.section, about: r.about}
			if r.section == sectionKey {
				p := splitPlace(r.about)
				e.ARN = arn.Key(c.partition, p.region, p.account, p.id)
			}
			x.entries = append(x.entries, e)
		}
		return x.count(e, &r)
	})
	if err != nil {
		return nil, err
	}
	for _, e := range x.entries {
		if e.section != sectionKey {
			continue
		}
		c.summary.Keys++
		if e.Calls > 0 {
			c.summary.Used++
		}
		c.steady(x, e)
	}
	return x, nil
}

func (x *index) count(e *entry, r *row) error {
	switch r.kind {
	case rowNow:
		var k admin.EvidenceKey
		if err := json.Unmarshal(r.value, &k); err != nil {
			return err
		}
		e.ARN, e.State, e.known, e.accounts = k.ARN, k.State, true, accountsIn(nil, k.Policy)
		if len(k.Aliases) > 0 {
			e.Alias = k.Aliases[0]
		}
		for i := range k.Holders {
			e.accounts = accountsIn(e.accounts, k.Holders[i].Principal)
			e.everybody = e.everybody || k.Holders[i].Principal == "*"
		}
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
		if r.section == sectionAccount {
			x.touched[r.about]++
		}
	case rowUse:
		switch u := r.use(); u.Kind {
		case KindUse:
			e.Calls += u.Calls
		case KindRefused:
			e.Refused += u.Calls
		}
	}
	return nil
}

// steady says whether who can use the key now could all the time.
func (c *Collector) steady(x *index, e *entry) {
	_, account, _ := strings.Cut(e.about, "/")
	account, _, _ = strings.Cut(account, "/")
	switch {
	case !e.known:
		e.SteadyWhy = "The service does not have this key, or was not asked: who could use it is told only by the changes."
		return
	case !c.reset.Before(c.period.From):
		e.SteadyWhy = "The service's state was replaced in that time (" + c.resetName + "): what it is now says nothing of before."
		return
	case e.Changes+e.Later > 0:
		e.SteadyWhy = "The key itself was changed in that time: the list holds for the moment of the report, and the changes say what was different before."
		return
	}
	for other, n := range x.touched {
		if n > 0 && (other == account || e.everybody || slices.Contains(e.accounts, other)) {
			e.SteadyWhy = "Principals of account " + other + ", which may have to do with this key, were changed in that time: see the changes of that account."
			return
		}
	}
	e.Steady = true
	e.SteadyWhy = "No change of the key, or of a principal of an account that has to do with it, is recorded from the begin of the period to the report."
}

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
