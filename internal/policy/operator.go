package policy

import (
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// operator is a condition operator without its set operator and IfExists.
type operator struct {
	about   about
	negated bool
	// order says, of numbers and dates, how the request's value must compare
	// with the policy's: less, equal, greater.
	order [3]bool
}

// about is what an operator compares.
type about uint8

const (
	texts     about = iota // as they are
	foldTexts              // without regard to case
	textGlobs              // with wildcards
	arns                   // with wildcards in each part
	numbers
	dates
	booleans
	binaries
	addresses
	existence // of the key itself
)

// operatorOf finds an operator by its name, in AWS's case.
func operatorOf(name string) (o operator, ok bool) {
	switch name {
	case "StringEquals":
		return operator{about: texts}, true
	case "StringNotEquals":
		return operator{about: texts, negated: true}, true
	case "StringEqualsIgnoreCase":
		return operator{about: foldTexts}, true
	case "StringNotEqualsIgnoreCase":
		return operator{about: foldTexts, negated: true}, true
	case "StringLike":
		return operator{about: textGlobs}, true
	case "StringNotLike":
		return operator{about: textGlobs, negated: true}, true
	case "ArnEquals", "ArnLike":
		return operator{about: arns}, true
	case "ArnNotEquals", "ArnNotLike":
		return operator{about: arns, negated: true}, true
	case "Bool":
		return operator{about: booleans}, true
	case "Null":
		return operator{about: existence}, true
	case "BinaryEquals":
		return operator{about: binaries}, true
	case "IpAddress":
		return operator{about: addresses}, true
	case "NotIpAddress":
		return operator{about: addresses, negated: true}, true
	}
	if rest, found := strings.CutPrefix(name, "Numeric"); found {
		return ordered(numbers, rest)
	}
	if rest, found := strings.CutPrefix(name, "Date"); found {
		return ordered(dates, rest)
	}
	return o, false
}

// ordered finds an operator on what has an order.
func ordered(about about, relation string) (o operator, ok bool) {
	o.about = about
	switch relation {
	case "Equals":
		o.order = [3]bool{false, true, false}
	case "NotEquals":
		o.order, o.negated = [3]bool{false, true, false}, true
	case "LessThan":
		o.order = [3]bool{true, false, false}
	case "LessThanEquals":
		o.order = [3]bool{true, true, false}
	case "GreaterThan":
		o.order = [3]bool{false, false, true}
	case "GreaterThanEquals":
		o.order = [3]bool{false, true, true}
	default:
		return o, false
	}
	return o, true
}

// parseNumber reads an integer or a decimal, perhaps with an exponent.
func parseNumber(v string) (float64, bool) {
	if v == "" || strings.Trim(v, "0123456789+-.eE") != "" {
		return 0, false
	}
	n, err := strconv.ParseFloat(v, 64)
	return n, err == nil
}

// parseDate reads a date in one of W3C's forms of ISO 8601, or seconds since
// 1970. Four digits are a year.
func parseDate(v string) (time.Time, bool) {
	const minutes = "2006-01-02T15:04"
	layout := time.RFC3339
	switch {
	case len(v) == len("2006"):
		layout = "2006"
	case strings.Trim(strings.TrimPrefix(v, "-"), "0123456789") == "":
		return parseEpoch(v)
	case len(v) == len("2006-01"):
		layout = "2006-01"
	case len(v) == len("2006-01-02"):
		layout = "2006-01-02"
	case len(v) > len(minutes) && v[len(minutes)] != ':':
		layout = minutes + "Z07:00"
	}
	t, err := time.Parse(layout, v)
	return t, err == nil
}

// parseEpoch reads seconds since 1970, as many as time.Time can compare.
func parseEpoch(v string) (time.Time, bool) {
	const most = 1 << 60
	seconds, err := strconv.ParseInt(v, 10, 64)
	return time.Unix(seconds, 0), err == nil && -most < seconds && seconds < most
}

// parseBool reads true or false, in any case.
func parseBool(v string) (value, ok bool) {
	value = strings.EqualFold(v, "true")
	return value, value || strings.EqualFold(v, "false")
}

// parseAddress reads an IP address. An IPv4 address in IPv6's form is that IPv4
// address.
func parseAddress(v string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(v)
	return a.Unmap().WithZone(""), err == nil
}

// parsePrefix reads an IP address or a CIDR range. Like parseAddress it knows
// IPv4 in IPv6's form.
func parsePrefix(v string) (netip.Prefix, bool) {
	const mapped = 96 // bits before the IPv4 address
	if !strings.Contains(v, "/") {
		a, err := netip.ParseAddr(v)
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), err == nil && a.Zone() == ""
	}
	p, err := netip.ParsePrefix(v)
	if err == nil && p.Addr().Is4In6() && p.Bits() >= mapped {
		p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-mapped)
	}
	return p, err == nil
}
