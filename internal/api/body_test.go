package api

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// samples has, for each pattern of the model, a value that matches it and
// one of a permitted length that does not.
var samples = map[string]struct{ good, bad string }{
	`[0-9]{12}`:                  {"111122223333", "11112222333x"},
	`^[a-zA-Z0-9:/_-]+$`:         {"alias/a-B_1:2", "alias/ä"},
	`^[a-f0-9]+$`:                {strings.Repeat("0123456789abcdef", 4), strings.Repeat("0123456789abcdeF", 4)},
	`cluster-[2-7a-zA-Z]{11,16}`: {"cluster-abcdefghijk", "cluster-0abcdefghij"},
	`^arn:aws[a-z0-9-]*:[a-z0-9-]+:[a-z0-9-]*:[0-9]{12}:.+$`: {"arn:aws:s3:eu-central-1:111122223333:b", "arn:aws:s3:eu-central-1:1:bucket"},
	`^[a-zA-Z0-9:/_\s.-]+$`:                                  {"a\v b", "a!b"},
	`[\u0020-\u00FF]*`:                                       {"marker ÿ", "a\nb"},
	`[\w]+`:                                                  {"default", "de-fault"},
	`[\u0009\u000A\u000D\u0020-\u00FF]+`:                     {"{\n\t\"ÿ\"}\r", "a\u0100"},
	`^[\w+=,.@:/-]+$`:                                        {"arn:aws:iam::111122223333:role/a+b=c,d.e@f-g", "a b"},
	`^([a-z]+-){2,3}\d+$`:                                    {"us-gov-west-1", "eu-1"},
	`^([A-Za-z0-9\-]+)\.([A-Za-z0-9\-]+)(\.[A-Za-z0-9\-]+)+$`: {"s3.amazonaws.com", "s3.com"},
	`^[a-zA-Z0-9-_.]+$`:        {"a-b_c.9", "a/b"},
	`^[A-Z2-7]+$`:              {"ABCDEFGHIJKLMNOPQRST", "ABCDEFGHIJKLMNOPQRS1"},
	`^[a-zA-Z0-9\/+=]+$`:       {strings.Repeat("aZ9/+=", 8), strings.Repeat("aZ9/+-", 8)},
	`^https://[a-zA-Z0-9.-]+$`: {"https://xks.example.com", "http://xks.example.com"},
	`^(/[a-zA-Z0-9\/_-]+/kms/xks/v\d{1,2})$|^(/kms/xks/v\d{1,2})$`:       {"/prefix/kms/xks/v1", "/prefix/kms/xks/v1x"},
	`^(com|eu)\.amazonaws\.vpce\.([a-z]+-){2,3}\d+\.vpce-svc-[0-9a-z]+$`: {"com.amazonaws.vpce.eu-central-1.vpce-svc-0a", "org.amazonaws.vpce.eu-central-1.vpce-svc-0a"},
}

// object is a JSON object; members keeps its order.
type object struct {
	names  []string
	values map[string]any
}

func newObject() *object { return &object{values: map[string]any{}} }

func (o *object) set(name string, value any) {
	if _, ok := o.values[name]; !ok {
		o.names = append(o.names, name)
	}
	o.values[name] = value
}

func (o *object) with(name string, value any) *object {
	c := newObject()
	for _, n := range o.names {
		c.set(n, o.values[n])
	}
	c.set(name, value)
	return c
}

func (o *object) without(name string) *object {
	c := newObject()
	for _, n := range o.names {
		if n != name {
			c.set(n, o.values[n])
		}
	}
	return c
}

func (o *object) MarshalJSON() ([]byte, error) {
	var b strings.Builder
	b.WriteByte('{')
	for i, name := range o.names {
		if i > 0 {
			b.WriteByte(',')
		}
		key, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(o.values[name])
		if err != nil {
			return nil, err
		}
		fmt.Fprintf(&b, "%s:%s", key, value)
	}
	b.WriteByte('}')
	return []byte(b.String()), nil
}

func marshal(t testing.TB, v any) []byte {
	t.Helper()
	data, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// valid is a value that satisfies all constraints; mark makes it recognizable.
func (m model) valid(t testing.TB, shape, mark string) any {
	t.Helper()
	if members, ok := m.Structures[shape]; ok {
		return m.validObject(t, members, mark)
	}
	s := m.Shapes[shape]
	switch s.Type {
	case "string", "secret":
		if s.Pattern != "" {
			sample, ok := samples[s.Pattern]
			if !ok {
				t.Fatalf("no sample of %s", s.Pattern)
			}
			return sample.good
		}
		if s.Min != nil {
			for len(mark) < *s.Min {
				mark += "x"
			}
			mark = mark[:min(len(mark), *s.Max)]
		}
		return mark
	case "enum":
		return s.Values[0]
	case "blob":
		return []byte(mark + ".") // so that none is the start of another
	case "int":
		return max(1, *s.Min)
	case "bool":
		return true
	case "timestamp":
		return json.Number("1609193147.831")
	case "list":
		return []any{m.valid(t, s.Of, mark)}
	case "map":
		return map[string]any{mark: mark + "\u00e9\n"}
	}
	t.Fatalf("shape %s", shape)
	return nil
}

func (m model) validObject(t testing.TB, members []modelMember, mark string) *object {
	t.Helper()
	o := newObject()
	for _, mb := range members {
		o.set(mb.Name, m.valid(t, mb.Shape, mark+mb.Name))
	}
	return o
}

// violation is one value that violates one constraint, with the message that
// it must give for the path '%s'.
type violation struct {
	value   any
	message string
}

// violations lists the ways to violate a scalar shape, one constraint each.
func (m model) violations(t testing.TB, shape string) []violation {
	t.Helper()
	s := m.Shapes[shape]
	shown := func(v any) string {
		if s.hidden() || s.Type == "blob" {
			return ""
		}
		text := fmt.Sprint(v)
		if len(text) > echoLimit {
			text = text[:echoLimit] + "..."
		}
		return " '" + text + "'"
	}
	var all []violation
	add := func(v any, constraint string) {
		all = append(all, violation{v, "Value" + shown(v) + " at '%s' failed to satisfy constraint: Member must " + constraint})
	}
	switch s.Type {
	case "string", "secret":
		if s.Max != nil {
			for _, n := range []int{*s.Min - 1, *s.Max + 1} {
				if v, ok := m.sized(s, n); ok {
					add(v, lengthConstraint(n, *s.Min, *s.Max))
				}
			}
		}
		if s.Pattern != "" {
			add(samples[s.Pattern].bad, "satisfy regular expression pattern: "+s.Pattern)
		}
	case "enum":
		add("NO_SUCH_VALUE", "satisfy enum value set: ["+strings.Join(s.Values, ", ")+"]")
		add("", "satisfy enum value set: ["+strings.Join(s.Values, ", ")+"]")
	case "blob":
		for _, n := range []int{*s.Min - 1, *s.Max + 1} {
			add(make([]byte, n), lengthConstraint(n, *s.Min, *s.Max))
		}
	case "int":
		add(*s.Min-1, fmt.Sprintf("have value greater than or equal to %d", *s.Min))
		add(*s.Max+1, fmt.Sprintf("have value less than or equal to %d", *s.Max))
	}
	return all
}

func lengthConstraint(n, min, max int) string {
	if n < min {
		return fmt.Sprintf("have length greater than or equal to %d", min)
	}
	return fmt.Sprintf("have length less than or equal to %d", max)
}

// sized is a string of n code units that violates nothing but the length;
// there may be none, where the pattern fixes it.
func (m model) sized(s modelShape, n int) (string, bool) {
	if n < 0 {
		return "", false
	}
	if s.Pattern == "" {
		return strings.Repeat("z", n), true
	}
	good := samples[s.Pattern].good
	switch {
	case n == 0:
		return "", strings.HasSuffix(s.Pattern, "*")
	case strings.HasPrefix(s.Pattern, "^(") || strings.Contains(s.Pattern, "{"):
		return "", false
	case n < utf8.RuneCountInString(good):
		return string([]rune(good)[:n]), true
	}
	last, _ := utf8.DecodeLastRuneInString(good)
	return good + strings.Repeat(string(last), n-utf8.RuneCountInString(good)), true
}
