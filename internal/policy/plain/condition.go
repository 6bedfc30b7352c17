package plain

import (
	"encoding/base64"
	"math/big"
	"net/netip"
	"regexp"
	"strings"
	"time"

	"trent/internal/policy"
)

// holds reports whether a condition of a statement that denies, or of one that
// allows, holds in a request.
func holds(c policy.Condition, deny, variables bool, context policy.Context) bool {
	key := context.Values(strings.ToLower(c.Key))
	values := []string{key.One}
	if key.Multi {
		values = key.Set
	}
	absent := !key.Present || len(values) == 0
	// An empty text is a value, but a key that has no other is null.
	null := absent || !some(values, func(v string) bool { return v != "" })
	positive, negated := polarity(c.Operator)
	switch {
	case c.Operator == "Null":
		return some(c.Values, func(v string) bool { return strings.EqualFold(v, "true") == null })
	case absent && c.IfExists:
		return true
	case null && c.Set != "":
		return c.Set == policy.ForAllValues
	case absent:
		return negated
	}
	if !deny {
		// AWS leaves open what comes of values that cannot be compared. Trent
		// does not allow for them.
		known := func(v string) bool { return comparable(positive, v) }
		if !every(c.Values, known) || key.Multi && c.Set == "" {
			return false
		}
	}
	// One value of the request fits if it matches one value of the policy; for
	// a negated operator, if it matches none.
	fits := func(value string) bool {
		if !deny && !comparable(positive, value) && positive != "BinaryEquals" {
			return false
		}
		return negated != some(c.Values, func(p string) bool { return compare(positive, p, value, variables, context) })
	}
	if c.Set == policy.ForAllValues {
		return every(values, fits)
	}
	return some(values, fits)
}

// comparable reports whether a value is of the kind that an operator compares.
// Of a request's binary values, which are bytes, every one is.
func comparable(operator, v string) (ok bool) {
	switch {
	case strings.HasPrefix(operator, "Numeric"):
		_, ok = number(v)
	case strings.HasPrefix(operator, "Date"):
		_, ok = date(v)
	case operator == "Bool":
		ok = isBool(v)
	case operator == "BinaryEquals":
		_, err := base64.StdEncoding.DecodeString(v)
		ok = err == nil
	case operator == "IpAddress":
		_, err := netip.ParsePrefix(v)
		_, err2 := netip.ParseAddr(v)
		ok = err == nil || err2 == nil
	default:
		ok = true
	}
	return ok
}

// polarity returns the operator that is negated, if one is.
func polarity(operator string) (positive string, negated bool) {
	switch operator {
	case "NotIpAddress":
		return "IpAddress", true
	case "ArnNotEquals", "ArnNotLike":
		return "ArnLike", true
	case "ArnEquals":
		return "ArnLike", false
	}
	positive = strings.Replace(operator, "Not", "", 1)
	return positive, positive != operator
}

// compare reports whether a value of the request matches one of the policy.
func compare(operator, pattern, value string, variables bool, context policy.Context) bool {
	text := literal(pattern)
	if variables && (strings.HasPrefix(operator, "String") || strings.HasPrefix(operator, "Arn")) {
		var ok bool
		if text, ok = expand(pattern, context); !ok {
			return false
		}
	}
	switch operator {
	case "StringEquals":
		return plainText(text) == value
	case "StringEqualsIgnoreCase":
		return strings.EqualFold(plainText(text), value)
	case "StringLike":
		return glob(text, value)
	case "ArnLike":
		return matchARN(text, value)
	case "Bool":
		return isBool(value) && strings.EqualFold(pattern, value)
	case "BinaryEquals":
		want, err := base64.StdEncoding.DecodeString(pattern)
		return err == nil && string(want) == value
	case "IpAddress":
		return matchAddress(pattern, value)
	}
	if rest, ok := strings.CutPrefix(operator, "Numeric"); ok {
		a, ok1 := number(value)
		b, ok2 := number(pattern)
		return ok1 && ok2 && ordered(rest, a.Cmp(b))
	}
	if rest, ok := strings.CutPrefix(operator, "Date"); ok {
		a, ok1 := date(value)
		b, ok2 := date(pattern)
		return ok1 && ok2 && ordered(rest, a.Compare(b))
	}
	return false
}

// ordered says what an operator's name asks of an order.
func ordered(name string, order int) bool {
	switch name {
	case "Equals":
		return order == 0
	case "LessThan":
		return order < 0
	case "LessThanEquals":
		return order <= 0
	case "GreaterThan":
		return order > 0
	case "GreaterThanEquals":
		return order >= 0
	}
	return false
}

func isBool(v string) bool { return strings.EqualFold(v, "true") || strings.EqualFold(v, "false") }

// A number is an integer or a decimal one, seconds are whole.
var (
	decimal = regexp.MustCompile(`^[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]{1,3})?$`)
	whole   = regexp.MustCompile(`^-?[0-9]+$`)
)

// number reads an integer or a decimal number.
func number(v string) (*big.Rat, bool) {
	if !decimal.MatchString(v) {
		return nil, false
	}
	return new(big.Rat).SetString(v)
}

// date reads a date in one of W3C's forms of ISO 8601, or seconds since 1970.
func date(v string) (time.Time, bool) {
	if whole.MatchString(v) && len(v) != len("2006") {
		seconds, ok := new(big.Int).SetString(v, 10)
		return time.Unix(seconds.Int64(), 0), ok && seconds.BitLen() <= 60
	}
	for _, layout := range []string{"2006", "2006-01", "2006-01-02", "2006-01-02T15:04Z07:00", "2006-01-02T15:04:05Z07:00"} {
		if t, err := time.Parse(layout, v); err == nil {
			return t, true
		}
	}
	return time.Time{}, false
}

// matchAddress reports whether an address is the one of the policy, or in its range.
func matchAddress(pattern, value string) bool {
	address, err := netip.ParseAddr(value)
	if err != nil {
		return false
	}
	address = address.Unmap().WithZone("")
	if prefix, err := netip.ParsePrefix(pattern); err == nil {
		if four := prefix.Addr().Unmap(); prefix.Addr().Is4In6() && prefix.Bits() >= 96 {
			prefix = netip.PrefixFrom(four, prefix.Bits()-96)
		}
		return prefix.Contains(address)
	}
	one, err := netip.ParseAddr(pattern)
	return err == nil && one.Unmap() == address
}

// matchARN compares the six fields of ARNs each by itself. What has fewer
// fields is like nothing that has others.
func matchARN(pattern []char, value string) bool {
	fields := strings.SplitN(value, ":", 6)
	var patterns [][]char
	begin := 0
	for i, c := range pattern {
		if c.text == ":" && len(patterns) < 5 {
			patterns = append(patterns, pattern[begin:i])
			begin = i + 1
		}
	}
	patterns = append(patterns, pattern[begin:])
	if len(fields) != len(patterns) {
		return false
	}
	for i := range fields {
		if !glob(patterns[i], fields[i]) {
			return false
		}
	}
	return true
}
