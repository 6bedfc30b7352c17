package lint

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"trent/internal/condkey"
	"trent/internal/policy"
)

// together finds conditions of one key that no value meets, by trying all
// values that could tell: those of the key's domain, or those that the
// conditions name with what lies beside them.
func (l *linter) together(s *policy.Statement, k *condkey.Key, all []policy.Condition) {
	if k.Multi || slices.ContainsFunc(all, func(c policy.Condition) bool {
		return slices.ContainsFunc(c.Values, func(v string) bool { return strings.Contains(v, "${") })
	}) {
		return
	}
	candidates, complete := candidates(k, all)
	l.over(s, k, all, candidates)
	if met := meeting(all); !complete || slices.ContainsFunc(candidates, met.value) || met.by(policy.Values{}) {
		return
	}
	if said := func(f Finding) bool { return f.Statement == l.at+1 && f.Rule == "impossible-value" }; len(all) == 1 && slices.ContainsFunc(l.found, said) {
		return
	}
	if len(all) == 1 {
		l.add(Error, "impossible-value", all[0].Key+" never meets "+all[0].Operator+" "+join(all[0].Values), "It is "+domainOf(k).form+". "+never(s), "write "+domainOf(k).form)
		return
	}
	parts := make([]string, len(all))
	for i, c := range all {
		parts[i] = fmt.Sprintf("%s %s", c.Operator, join(c.Values))
	}
	l.add(Error, "contradiction", "the conditions on "+all[0].Key+" exclude each other: "+strings.Join(parts, " and "), "All conditions of a statement must hold. "+never(s),
		"for alternatives list several values under one operator, or write two statements")
}

// over finds conditions on the time that no request can meet any more.
func (l *linter) over(s *policy.Statement, k *condkey.Key, all []policy.Condition, times []string) {
	if l.Now.IsZero() || k.ID != condkey.CurrentTime && k.ID != condkey.EpochTime {
		return
	}
	now, far := l.Now.UTC().Format(time.RFC3339), "9000-01-01T00:00:00Z"
	if k.ID == condkey.EpochTime {
		now, far = strconv.FormatInt(l.Now.Unix(), 10), "221845392000"
	}
	later := append(slices.Clone(all), policy.Condition{Operator: "DateGreaterThanEquals", Key: all[0].Key, Values: []string{now}})
	if slices.ContainsFunc(times, meeting(all).value) && !slices.ContainsFunc(append(times, now, far), meeting(later).value) {
		l.add(Warning, "over", "the time is over in which "+all[0].Key+" meets its conditions", never(s), "take the statement out, or set another date")
	}
}

// tests asks the evaluator whether conditions of one key hold.
type tests struct {
	key    string
	policy *policy.Policy
}

func meeting(all []policy.Condition) tests {
	return tests{strings.ToLower(all[0].Key), policy.Compile(&policy.Document{Version: policy.Version2012, Statements: []policy.Statement{
		{Effect: policy.Allow, Action: []string{"*"}, Resource: []string{"*"}, Condition: all},
	}}, nil)}
}

// by reports whether they hold for the values of their key, or whether that
// cannot be found out.
func (m tests) by(v policy.Values) bool {
	r := policy.Request{Action: "kms:Decrypt", Resource: "arn:aws:kms:eu-west-1:111122223333:key/x", Context: one{m.key, v}}
	o := m.policy.Evaluate(&r)
	return o.Allow != nil || o.Exhausted
}

// value reports whether they hold for one value.
func (m tests) value(v string) bool { return m.by(policy.Values{Present: true, One: v}) }

// one is a context with one condition key.
type one struct {
	key   string
	value policy.Values
}

// Values returns the one's.
func (o one) Values(key string) policy.Values {
	if key == o.key {
		return o.value
	}
	return policy.Values{}
}

// candidates are values of a key among which there is one that meets all
// conditions, if any does and the list is complete.
func candidates(k *condkey.Key, all []policy.Condition) (list []string, complete bool) {
	if d := domainOf(k); d.values != nil {
		return d.values, true
	}
	for _, c := range all {
		if c.Operator == "Null" || len(c.Values) == 0 {
			continue
		}
		f := family(c.Operator)
		switch {
		case f == "Numeric" || f == "Date" || f == "IpAddress":
			complete = true
			for _, v := range c.Values {
				list = append(list, around(f, v)...)
			}
		case f == "String" || f == "Arn":
			literal := !patterns(c.Operator) || !slices.ContainsFunc(c.Values, func(v string) bool { return strings.ContainsAny(v, "*?") })
			complete = complete || literal && !negative(c.Operator) && !c.IfExists && c.Set != policy.ForAllValues
			list = append(list, c.Values...)
		default:
			return nil, false
		}
	}
	if slices.ContainsFunc(all, func(c policy.Condition) bool { return c.Operator == "Null" && holdsAbsent(&c) }) {
		complete = true // only requests without the key meet that one
	}
	return list, complete
}

// around are values at, below and above the one of a condition.
func around(family, v string) []string {
	switch family {
	case "Numeric":
		if n, err := strconv.ParseFloat(v, 64); err == nil {
			return []string{v, strconv.FormatFloat(n-1, 'f', -1, 64), strconv.FormatFloat(n+1, 'f', -1, 64), strconv.FormatFloat(n+0.5, 'f', -1, 64)}
		}
	case "Date":
		for _, layout := range [...]string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02", "2006-01", "2006"} {
			if t, err := time.Parse(layout, v); err == nil {
				return []string{v, t.Add(-time.Second).UTC().Format(time.RFC3339), t.Add(time.Second).UTC().Format(time.RFC3339)}
			}
		}
	case "IpAddress":
		return edges(v)
	}
	return []string{v}
}

// edges are the first address of a range, and the first one behind it.
func edges(v string) []string {
	prefix, err := netip.ParsePrefix(v)
	if err != nil {
		a, err := netip.ParseAddr(v)
		if err != nil {
			return nil
		}
		prefix = netip.PrefixFrom(a, a.BitLen())
	}
	first := prefix.Masked().Addr()
	last := first.AsSlice()
	for bit := prefix.Bits(); bit < first.BitLen(); bit++ {
		last[bit/8] |= 0x80 >> (bit % 8)
	}
	behind, _ := netip.AddrFromSlice(last)
	list := []string{first.String()}
	if behind = behind.Next(); behind.IsValid() {
		list = append(list, behind.String())
	}
	return list
}
