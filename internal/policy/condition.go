package policy

import (
	"encoding/base64"
	"strings"
)

const ifExists = "IfExists"

// Name is the operator as it stands in documents, such as
// ForAnyValue:StringLikeIfExists.
func (c *Condition) Name() string {
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
func valueCheck(name string) func(value string) bool {
	operator, ok := operatorOf(name)
	if !ok {
		return nil
	}
	switch operator.about {
	case numbers:
		return func(v string) bool { _, ok := parseNumber(v); return ok }
	case dates:
		return func(v string) bool { _, ok := parseDate(v); return ok }
	case booleans, existence:
		return func(v string) bool { _, ok := parseBool(v); return ok }
	case binaries:
		return func(v string) bool { _, err := base64.StdEncoding.DecodeString(v); return err == nil }
	case addresses:
		return func(v string) bool { _, ok := parsePrefix(v); return ok }
	}
	return func(string) bool { return true }
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
			p.refuse("Invalid value for the condition operator %s: %s", c.Name(), quoted(v))
			return
		}
	}
}
