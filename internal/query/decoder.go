package query

import (
	"slices"
	"strconv"
	"strings"

	"trent/internal/apierr"
	"trent/internal/awsjson"
)

// A Rule is what a string must be like. Zero members ask for nothing.
type Rule struct {
	Min, Max int // length in UTF-16 code units, as AWS counts; Max 0 is no limit
	// Match says whether the characters are those of Pattern.
	Match   func(string) bool
	Pattern string // AWS's, for the message
	// Invalid, if not empty, is AWS's message for a value that does not match, in
	// the place of the one that shows the pattern; %s is the parameter.
	Invalid string
	// Hidden values stand in no message and no audit record.
	Hidden bool
}

// Decoder hands out a request's parameters to its operation, and collects what
// is wrong with them and what the audit record shows. Its methods take names as
// the model has them, in the model's order.
type Decoder struct {
	params *Params
	prefix string // of the parameters of the present structure: "Tags.member.1."
	path   string // the same as messages have it: "tags.1.member."

	audit      []byte // members, each with a comma before it
	violations violations
	refusal    error // takes the place of the violations
}

// NewDecoder returns a decoder.
func NewDecoder(p *Params) *Decoder { return &Decoder{params: p} }

// Audit returns what was read as a JSON object: the audit record's
// requestParameters, null if the request has no parameters, as CloudTrail's.
func (d *Decoder) Audit() []byte {
	if len(d.audit) == 0 {
		return []byte("null")
	}
	return closed(d.audit, '{', '}')
}

// closed makes a JSON value of elements that have a comma before each.
func closed(elements []byte, open, end byte) []byte {
	if len(elements) == 0 {
		return []byte{open, end}
	}
	elements[0] = open
	return append(elements, end)
}

// Err returns ValidationError with all that is wrong, or with the first parameter
// that the operation has not asked for; nil if there is nothing.
func (d *Decoder) Err() error {
	if d.refusal != nil {
		return d.refusal
	}
	if err := d.violations.err(); err != nil {
		return err
	}
	unknown := ""
	for name := range d.params.values {
		if !d.params.used[name] && (unknown == "" || name < unknown) {
			unknown = name
		}
	}
	if unknown != "" {
		return apierr.New(apierr.Validation, "The parameter %s is unknown, misplaced, or has no effect here yet.", printable(unknown))
	}
	return nil
}

// take returns a parameter of the present structure.
func (d *Decoder) take(name string) (value string, given bool) {
	value, given = d.params.values[d.prefix+name]
	d.params.used[d.prefix+name] = true
	return value, given
}

// Given reports whether a parameter is there.
func (d *Decoder) Given(name string) bool {
	_, given := d.params.values[d.prefix+name]
	return given
}

// String reads a string that may be absent.
func (d *Decoder) String(name string, rule *Rule) string {
	value, given := d.take(name)
	if given {
		d.check(name, value, rule)
	}
	return value
}

// Required reads a string that must be there.
func (d *Decoder) Required(name string, rule *Rule) string {
	if !d.Given(name) {
		d.missing(name)
		return ""
	}
	return d.String(name, rule)
}

// Enum reads a word of a set.
func (d *Decoder) Enum(name string, values ...string) string {
	value, given := d.take(name)
	if !given {
		return ""
	}
	d.show(name, value)
	if !slices.Contains(values, value) {
		d.violations.add(d.path+lower(name), echo(value), mustBeOneOf+"["+strings.Join(values, ", ")+"]")
	}
	return value
}

// RequiredEnum reads a word of a set that must be there.
func (d *Decoder) RequiredEnum(name string, values ...string) string {
	if !d.Given(name) {
		d.missing(name)
	}
	return d.Enum(name, values...)
}

// RequiredList says that a list must be there, if it is empty.
func (d *Decoder) RequiredList(name string) {
	for given := range d.params.values {
		if rest, ok := strings.CutPrefix(given, d.prefix+name); ok && (rest == "" || strings.HasPrefix(rest, ".member.")) {
			return
		}
	}
	d.missing(name)
}

// missing reports a required parameter that is absent.
func (d *Decoder) missing(name string) {
	d.violations.add(d.path+lower(name), " null", mustNotBeNull)
}

// Int reads a number of a range; absent is otherwise.
func (d *Decoder) Int(name string, min, max, otherwise int) int {
	value, given := d.take(name)
	if !given {
		return otherwise
	}
	n, err := strconv.Atoi(value)
	if err != nil {
		d.refuse("Value '%s' at '%s' is no integer.", short(value), d.path+lower(name))
		return otherwise
	}
	d.member(name, awsjson.AppendInt(nil, int64(n)))
	switch {
	case n > max:
		d.violations.add(d.path+lower(name), echo(value), valueAtMost+strconv.Itoa(max))
	case n < min:
		d.violations.add(d.path+lower(name), echo(value), valueAtLeast+strconv.Itoa(min))
	}
	return n
}

// Bool reads true or false; absent is false.
func (d *Decoder) Bool(name string) bool {
	value, given := d.take(name)
	if !given {
		return false
	}
	if value != "true" && value != "false" {
		d.refuse("Value '%s' at '%s' is neither true nor false.", short(value), d.path+lower(name))
		return false
	}
	d.member(name, []byte(value))
	return value == "true"
}

// Strings reads a list of strings, max at most.
func (d *Decoder) Strings(name string, max int, rule *Rule) []string {
	n := d.count(name, max)
	if n < 0 {
		return nil
	}
	values := make([]string, n)
	var shown []byte
	for i := range n {
		element := name + ".member." + strconv.Itoa(i+1)
		value, given := d.take(element)
		if !given {
			d.refuse("Value at '%s' is no string.", d.path+lower(element))
			return nil
		}
		values[i] = value
		d.constrain(d.path+lower(name), value, rule)
		shown = awsjson.AppendString(append(shown, ','), value)
	}
	if rule == nil || !rule.Hidden {
		d.member(name, closed(shown, '[', ']'))
	}
	return values
}

// Structures reads a list of structures, max at most: read is called for each,
// in order, and asks the decoder for its members.
func (d *Decoder) Structures(name string, max int, read func()) {
	n := d.count(name, max)
	if n < 0 {
		return
	}
	prefix, path, audit := d.prefix, d.path, d.audit
	var shown []byte
	for i := range n {
		number := strconv.Itoa(i + 1)
		d.prefix, d.path, d.audit = prefix+name+".member."+number+".", path+lower(name)+"."+number+".member.", nil
		read()
		shown = append(append(shown, ','), closed(d.audit, '{', '}')...)
	}
	d.prefix, d.path, d.audit = prefix, path, audit
	d.member(name, closed(shown, '[', ']'))
}

// count returns how many elements a list has; -1 if it is not given. They are
// numbered from 1 without a gap; a list without elements is the bare name.
func (d *Decoder) count(name string, max int) int {
	list := d.prefix + name + ".member."
	numbers := map[string]bool{}
	for given := range d.params.values {
		if rest, ok := strings.CutPrefix(given, list); ok {
			number, _, _ := strings.Cut(rest, ".")
			numbers[number] = true
		}
	}
	bare, empty := d.params.values[d.prefix+name]
	switch {
	case empty && bare == "" && len(numbers) == 0:
		d.params.used[d.prefix+name] = true
		return 0
	case empty || len(numbers) == 0:
		return -1 // what stands there is no list, and Err says so
	}
	for i := range len(numbers) {
		if !numbers[strconv.Itoa(i+1)] {
			d.refuse("The elements of '%s' must be numbered from 1, without gaps.", d.path+lower(name))
			return -1
		}
	}
	if len(numbers) > max {
		d.violations.add(d.path+lower(name), "", lengthAtMost+strconv.Itoa(max))
		for given := range d.params.values {
			if strings.HasPrefix(given, list) {
				d.params.used[given] = true
			}
		}
		return -1
	}
	return len(numbers)
}

// check shows a string, and applies its rule.
func (d *Decoder) check(name, value string, rule *Rule) {
	if rule == nil || !rule.Hidden {
		d.show(name, value)
	}
	d.constrain(d.path+lower(name), value, rule)
}

func (d *Decoder) constrain(at, value string, rule *Rule) {
	if rule == nil {
		return
	}
	shown := ""
	if !rule.Hidden {
		shown = echo(value)
	}
	switch n := utf16Len(value); {
	case rule.Max > 0 && n > rule.Max:
		d.violations.add(at, shown, lengthAtMost+strconv.Itoa(rule.Max))
	case n < rule.Min:
		d.violations.add(at, shown, lengthAtLeast+strconv.Itoa(rule.Min))
	}
	switch {
	case rule.Match == nil || rule.Match(value):
	case rule.Invalid != "":
		if d.refusal == nil {
			d.refusal = apierr.New(apierr.Validation, rule.Invalid, at)
		}
	default:
		d.violations.add(at, shown, mustMatch+rule.Pattern)
	}
}

// refuse keeps the first thing that is wrong and that no constraint speaks of.
func (d *Decoder) refuse(format string, args ...any) {
	if d.refusal == nil {
		d.refusal = apierr.New(apierr.Validation, format, args...)
	}
}

func (d *Decoder) show(name, value string) { d.member(name, awsjson.AppendString(nil, value)) }

// member adds a member to the audit record's parameters.
func (d *Decoder) member(name string, json []byte) {
	d.audit = append(awsjson.AppendString(append(d.audit, ','), lower(name)), ':')
	d.audit = append(d.audit, json...)
}

// lower is a member's name as messages and audit records have it.
func lower(name string) string { return strings.ToLower(name[:1]) + name[1:] }
