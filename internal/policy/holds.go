package policy

import (
	"cmp"
	"encoding/base64"
	"net/netip"
	"slices"
	"time"
)

// condition is a Condition, compiled: its values are parsed.
type condition struct {
	source   *Condition
	key      string // in lower case
	set      SetOperator
	ifExists bool
	operator operator

	patterns  patterns // of texts and ARNs
	variables bool     // the patterns have some
	numbers   []float64
	dates     []time.Time
	binaries  []string
	addresses []netip.Prefix
	yes, no   bool // of booleans and existence: which of them is wanted
	// lost: a value is none that the operator can compare with.
	lost bool
}

func compileCondition(source *Condition, variables bool) condition {
	c := condition{source: source, key: Fold(source.Key), set: source.Set, ifExists: source.IfExists}
	known := false
	c.operator, known = operatorOf(source.Operator)
	c.lost = !known
	for _, v := range source.Values {
		ok := true
		switch c.operator.about {
		case numbers:
			var n float64
			if n, ok = parseNumber(v); ok {
				c.numbers = append(c.numbers, n)
			}
		case dates:
			var t time.Time
			if t, ok = parseDate(v); ok {
				c.dates = append(c.dates, t)
			}
		case booleans, existence:
			var b bool
			b, ok = parseBool(v)
			c.yes, c.no = c.yes || ok && b, c.no || ok && !b
		case binaries:
			b, err := base64.StdEncoding.DecodeString(v)
			if ok = err == nil; ok {
				c.binaries = append(c.binaries, string(b))
			}
		case addresses:
			var p netip.Prefix
			if p, ok = parsePrefix(v); ok {
				c.addresses = append(c.addresses, p)
			}
		case textGlobs:
			c.add(compilePattern(v, asText, variables))
		case arns:
			c.add(compilePattern(v, asARN, variables))
		default:
			c.add(compilePattern(v, asValue, variables))
		}
		c.lost = c.lost || !ok
	}
	return c
}

func (c *condition) add(p pattern) {
	c.patterns = append(c.patterns, p)
	c.variables = c.variables || len(p.variables) > 0
}

// absent reports whether a key has no value.
func (v *Values) absent() bool { return !v.Present || v.Multi && len(v.Set) == 0 }

// null reports whether a key has no value but empty ones.
func (v *Values) null() bool {
	if v.Multi {
		return !v.Present || !slices.ContainsFunc(v.Set, func(one string) bool { return one != "" })
	}
	return !v.Present || v.One == ""
}

// holds reports whether a condition of a statement that denies, or of one that
// allows, holds for the request. What cannot be compared matches nothing; that
// is no reason to allow.
func (c *condition) holds(r *Request, deny bool) bool {
	v := r.values(c.key)
	if c.operator.about == existence {
		return v.null() && c.yes || !v.null() && c.no
	}
	switch {
	case v.absent() && c.ifExists:
		return true
	case c.set == ForAllValues && v.null():
		return true
	case c.set == ForAnyValue && v.null():
		return false
	case v.absent():
		return c.operator.negated
	case !deny && c.lost:
		return false
	case !v.Multi:
		return c.test(r, v.One, deny)
	case c.set == "" && !deny:
		return false // a set needs a set operator
	}
	all := c.set == ForAllValues
	for i := 0; i < len(v.Set) && r.spend(1); i++ {
		if c.test(r, v.Set[i], deny) != all {
			return !all
		}
		if c.variables { // a set is good until the next is asked for
			v = r.values(c.key)
		}
	}
	return all
}

// test makes the test of one value of the request.
func (c *condition) test(r *Request, v string, deny bool) bool {
	matches, comparable := c.match(r, v)
	return matches != c.operator.negated && (comparable || deny)
}

// match reports whether a value of the request matches one of the condition's,
// and whether it can be compared with them at all.
func (c *condition) match(r *Request, v string) (matches, comparable bool) {
	if !r.spend(cost(len(v)) + len(c.numbers) + len(c.dates) + len(c.binaries) + len(c.addresses)) {
		return false, false
	}
	switch c.operator.about {
	case numbers:
		n, ok := parseNumber(v)
		return ok && slices.ContainsFunc(c.numbers, func(want float64) bool { return c.operator.order[1+cmp.Compare(n, want)] }), ok
	case dates:
		t, ok := parseDate(v)
		return ok && slices.ContainsFunc(c.dates, func(want time.Time) bool { return c.operator.order[1+t.Compare(want)] }), ok
	case booleans:
		b, ok := parseBool(v)
		return b && c.yes || ok && !b && c.no, ok
	case binaries:
		return slices.Contains(c.binaries, v), true
	case addresses:
		a, ok := parseAddress(v)
		return ok && slices.ContainsFunc(c.addresses, func(want netip.Prefix) bool { return want.Contains(a) }), ok
	case foldTexts:
		return c.patterns.matchFold(r, v), true
	}
	return c.patterns.match(r, v), true
}
