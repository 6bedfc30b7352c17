package api

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"
)

// codec writes requests and answers with reflection, by the model, so that
// the generated code has something to be compared with.
type codec struct {
	t testing.TB
	m model
}

// request is the object that carries what r carries.
func (c codec) request(members []modelMember, r any) *object {
	return c.object(members, reflect.ValueOf(r).Elem(), true)
}

// object writes a structure. In a request Set says what is there; in an
// answer a value that is not empty is there, and what is always there.
func (c codec) object(members []modelMember, v reflect.Value, request bool) *object {
	o := newObject()
	for i, mb := range members {
		field := v.FieldByName(mb.Name)
		there := mb.Always || !field.IsZero()
		if request {
			there = v.FieldByName("Set").Uint()&(1<<i) != 0
		}
		if there {
			o.set(mb.Name, c.value(mb.Shape, field, request))
		}
	}
	return o
}

func (c codec) value(shape string, v reflect.Value, request bool) any {
	if members, ok := c.m.Structures[shape]; ok {
		if v.Kind() == reflect.Pointer {
			if v.IsNil() {
				return newObject()
			}
			v = v.Elem()
		}
		return c.object(members, v, request)
	}
	s := c.m.Shapes[shape]
	switch s.Type {
	case "secret":
		return string(v.Bytes())
	case "timestamp":
		ms := v.Interface().(time.Time).UnixMilli()
		sign := ""
		if ms < 0 {
			sign, ms = "-", -ms
		}
		return json.Number(fmt.Sprintf("%s%d.%03d", sign, ms/1000, ms%1000))
	case "list":
		list := []any{}
		for i := range v.Len() {
			list = append(list, c.value(s.Of, v.Index(i), request))
		}
		return list
	case "map":
		o := newObject()
		for _, p := range v.Interface().(EncryptionContext) {
			o.set(p.Key, p.Value)
		}
		return o
	}
	return v.Interface()
}

// fill sets every field at every depth to something that is not zero and that
// can be recognized.
func fill(v reflect.Value, mark string) {
	switch v.Kind() {
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem(), mark)
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.UnixMilli(1609193147831).UTC()))
			return
		}
		for i := range v.NumField() {
			fill(v.Field(i), mark+v.Type().Field(i).Name)
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Uint8 {
			v.SetBytes([]byte(mark + ".")) // so that none is the start of another
			return
		}
		v.Set(reflect.MakeSlice(v.Type(), 2, 2))
		for i := range 2 {
			fill(v.Index(i), fmt.Sprint(mark, i))
		}
	case reflect.String:
		v.SetString(mark)
	case reflect.Int32:
		v.SetInt(7)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Uint64:
		v.SetUint(0) // Set, which an answer does not look at
	}
}

// responses has an empty answer of every operation that has one.
func responses(t testing.TB) map[string]Response {
	t.Helper()
	all := map[string]Response{}
	operations := reflect.TypeFor[Operations[int]]()
	for i := range operations.NumMethod() {
		method := operations.Method(i)
		if method.Type.NumOut() == 2 {
			all[method.Name] = reflect.New(method.Type.Out(0).Elem()).Interface().(Response)
		}
	}
	return all
}

// normal is JSON as encoding/json reads it.
func normal(t testing.TB, data []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(data, &v); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	return v
}
