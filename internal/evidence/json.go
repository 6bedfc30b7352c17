package evidence

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/json"
	"maps"
	"slices"
	"strings"
)

// jsonWriter writes JSON piece by piece. Its first error stays.
type jsonWriter struct {
	w     *bufio.Writer
	comma bool // something stands before in what is open
	err   error
}

func (j *jsonWriter) raw(s string) {
	if j.err == nil {
		_, j.err = j.w.WriteString(s)
	}
}

// next separates what comes from what stands before.
func (j *jsonWriter) next() {
	if j.comma {
		j.raw(",")
	}
	j.raw("\n")
	j.comma = true
}

// marshal is a value's JSON, with < and & as they are.
func (j *jsonWriter) marshal(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); j.err == nil {
		j.err = err
	}
	return bytes.TrimSpace(b.Bytes())
}

// head begins the document with its first members.
func (j *jsonWriter) head(v any) {
	j.raw(string(bytes.TrimSuffix(j.marshal(v), []byte("}"))))
	j.comma = true
}

// member writes a member of the object that is open.
func (j *jsonWriter) member(name string, v any) {
	j.next()
	j.raw(`"` + name + `":` + string(j.marshal(v)))
}

// openList opens a list, as a member of the object that is open.
func (j *jsonWriter) openList(name string) {
	j.next()
	j.raw(`"` + name + `":[`)
	j.comma = false
}

func (j *jsonWriter) closeList() {
	j.raw("]")
	j.comma = true
}

// element writes an element of the list that is open.
func (j *jsonWriter) element(v any) {
	j.next()
	j.raw(string(j.marshal(v)))
}

// object opens an object, as an element, with its first members.
func (j *jsonWriter) object(v any) {
	j.next()
	j.head(v)
}

// members writes more of its members.
func (j *jsonWriter) members(v any) {
	j.next()
	b := j.marshal(v)
	j.raw(string(b[1 : len(b)-1]))
}

func (j *jsonWriter) closeObject() {
	j.raw("}")
	j.comma = true
}

func (j *jsonWriter) flush() error { return cmp.Or(j.err, j.w.Flush()) }

// splitPlace is the place that place.about names.
func splitPlace(about string) place {
	parts := strings.SplitN(about, "/", 3)
	return place{parts[0], parts[1], parts[2]}
}

func sortedCited(all map[cited]bool) []cited {
	return slices.SortedFunc(maps.Keys(all), func(a, b cited) int {
		return cmp.Or(cmp.Compare(a.node, b.node), cmp.Compare(a.number, b.number))
	})
}
