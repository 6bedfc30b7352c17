package policy

import (
	"encoding/base64"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

const ifExists = "IfExists"

// operator is the operator as it stands in a document.
func (c *Condition) operator() string {
	text := c.Operator
	if c.Set != "" {
		text = string(c.Set) + ":" + text
	}
	if c.IfExists {
		text += ifExists
	}
	return text
}

// parseOperator takes an operator apart. Its names are AWS's, in their case.
func parseOperator(text string) (c Condition, ok bool) {
	if set, rest, found := strings.Cut(text, ":"); found {
		c.Set, text = SetOperator(set), rest
		if c.Set != ForAllValues && c.Set != ForAnyValue {
			return c, false
		}
	}
	c.Operator, c.IfExists = strings.CutSuffix(text, ifExists)
	if c.Operator == "Null" { // whether the key exists is what it asks
		return c, !c.IfExists && c.Set == ""
	}
	return c, valueCheck(c.Operator) != nil
}

// valueCheck says which values an operator can compare with; nil if there is
// no such operator. A value that it cannot compare with would match nothing,
// and a Deny would be without effect.
func valueCheck(operator string) func(value string) bool {
	switch operator {
	case "StringEquals", "StringNotEquals", "StringEqualsIgnoreCase", "StringNotEqualsIgnoreCase", "StringLike", "StringNotLike",
		"ArnEquals", "ArnNotEquals", "ArnLike", "ArnNotLike":
		return func(string) bool { return true }
	case "NumericEquals", "NumericNotEquals", "NumericLessThan", "NumericLessThanEquals", "NumericGreaterThan", "NumericGreaterThanEquals":
		return isNumber
	case "DateEquals", "DateNotEquals", "DateLessThan", "DateLessThanEquals", "DateGreaterThan", "DateGreaterThanEquals":
		return isDate
	case "Bool", "Null":
		return func(v string) bool { return strings.EqualFold(v, "true") || strings.EqualFold(v, "false") }
	case "BinaryEquals":
		return func(v string) bool { _, err := base64.StdEncoding.DecodeString(v); return err == nil }
	case "IpAddress", "NotIpAddress":
		return isAddress
	}
	return nil
}

// checkCondition refuses a condition that cannot be evaluated.
func (p *parser) checkCondition(c Condition) {
	if vendor, name, found := strings.Cut(c.Key, ":"); !found || vendor == "" || name == "" {
		p.refuse("Conditions must be prefaced by a vendor, e.g., kms: %s", quoted(c.Key))
		return
	}
	if len(c.Values) == 0 {
		p.refuse("The condition key %s has no value", quoted(c.Key))
		return
	}
	valid := valueCheck(c.Operator)
	for _, v := range c.Values {
		// A policy variable stands for a value of the request.
		if valid != nil && !valid(v) && !strings.Contains(v, "${") {
			p.refuse("Invalid value for the condition operator %s: %s", c.operator(), quoted(v))
			return
		}
	}
}

func isNumber(v string) bool {
	_, err := strconv.ParseFloat(v, 64)
	return err == nil && !strings.ContainsAny(v, "xXpPiInN_")
}

// isDate reports whether v is a date in one of W3C's forms of ISO 8601, or
// seconds since 1970.
func isDate(v string) bool {
	for _, layout := range [...]string{time.RFC3339, "2006-01-02T15:04Z07:00", "2006-01-02", "2006-01", "2006"} {
		if _, err := time.Parse(layout, v); err == nil {
			return true
		}
	}
	_, err := strconv.ParseInt(v, 10, 64)
	return err == nil
}

// isAddress reports whether v is an IP address or a CIDR range.
func isAddress(v string) bool {
	if _, err := netip.ParsePrefix(v); err == nil {
		return true
	}
	a, err := netip.ParseAddr(v)
	return err == nil && a.Zone() == ""
}
