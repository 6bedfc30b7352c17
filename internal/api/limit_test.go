package api

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
)

// largest is the longest JSON of a shape's valid value that a client may
// write: every code unit escaped, except in grant tokens, which are ours.
func (m model) largest(t *testing.T, shape string) string {
	t.Helper()
	if members, ok := m.Structures[shape]; ok {
		return m.largestObject(t, members)
	}
	s := m.Shapes[shape]
	switch s.Type {
	case "string", "secret":
		n := 512
		if s.Max != nil {
			n = *s.Max
		}
		if s.Sensitive {
			return `"` + strings.Repeat("A", n) + `"`
		}
		return `"` + strings.Repeat(`\u0041`, n) + `"`
	case "enum":
		return `"` + s.Values[len(s.Values)-1] + `"`
	case "blob":
		return `"` + base64.StdEncoding.EncodeToString(make([]byte, *s.Max)) + `"`
	case "int":
		return fmt.Sprint(*s.Max)
	case "bool":
		return "false"
	case "timestamp":
		return "253402300798.999"
	case "map":
		return `{"` + strings.Repeat(`\u0041`, 2500) + `":"` + strings.Repeat(`\u0041`, 2500) + `"}`
	case "list":
		n := 100
		if s.Max != nil {
			n = *s.Max
		}
		return "[" + strings.Repeat(m.largest(t, s.Of)+", ", n-1) + m.largest(t, s.Of) + "]"
	}
	t.Fatalf("shape %s", shape)
	return ""
}

func (m model) largestObject(t *testing.T, members []modelMember) string {
	t.Helper()
	var parts []string
	for _, mb := range members {
		parts = append(parts, fmt.Sprintf("%q: %s", mb.Name, m.largest(t, mb.Shape)))
	}
	return "{" + strings.Join(parts, ", ") + "}"
}

// TestMaxBody: the limit lets every valid request in, and no operation takes
// more than its members justify.
func TestMaxBody(t *testing.T) {
	t.Parallel()
	m := loadModel(t)
	for _, mo := range m.Operations {
		op, body := mo.op(t), m.largestObject(t, mo.Input)
		if _, err := Decode(op, []byte(body)); err != nil {
			t.Errorf("%s: %v", op, err)
		}
		limit := op.MaxBody()
		if len(body) > limit {
			t.Errorf("%s: a body of %d bytes, the limit is %d", op, len(body), limit)
		}
		if limit > 64<<10 && limit > len(body)*3/2+4<<10 {
			t.Errorf("%s: the limit is %d for %d bytes", op, limit, len(body))
		}
	}
}
