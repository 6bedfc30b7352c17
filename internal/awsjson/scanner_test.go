package awsjson

import (
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

// skip reads one value of any kind from data.
func skip(data string) error {
	s := NewScanner([]byte(data))
	s.Skip()
	return s.End()
}

func TestSkipAccepts(t *testing.T) {
	t.Parallel()
	for _, data := range []string{
		`{}`, `[]`, ` { "a" : [ ] , "b" : { } } `, "\t\r\n0\n", `-0`, `1.5e+10`, `1E-3`, `true`, `false`, `null`,
		`""`, `"a\"\\\/\b\f\n\r\tz"`, `"\u00e9\uD83D\uDE00"`, "\"\u00e9\U0001f600\"",
		`{"a":1,"A":1,"aa":null}`, `[null,[null]]`,
		strings.Repeat("[", MaxDepth) + strings.Repeat("]", MaxDepth),
		"[" + strings.Repeat(`[],{},[0],{"a":0},`, MaxDepth) + "[]]", // siblings are not depth
		`{"n0":0,"n1":0,"n2":0,"n3":0,"n4":0,"n5":0,"n6":0,"n7":0,"n8":0,"n9":0,"n10":0,"n11":0,"n12":0,"n13":0}`,
	} {
		if err := skip(data); err != nil {
			t.Errorf("%s: %v", data, err)
		}
	}
}

func TestSkipRefuses(t *testing.T) {
	t.Parallel()
	many := `{"n0":0,"n1":0,"n2":0,"n3":0,"n4":0,"n5":0,"n6":0,"n7":0,"n8":0,"n9":0,"n10":0,"n11":0,"n12":0,"n13":0,`
	for data, want := range map[string]Error{
		``:                            {0, "expected a value"},
		`  `:                          {2, "expected a value"},
		`{`:                           {1, "expected a member name"},
		`{"a"}`:                       {4, "expected a colon"},
		`{"a":}`:                      {5, "expected a value"},
		`{"a":1,}`:                    {7, "expected a member name"},
		`{"a":1 "b":2}`:               {7, "expected a comma or the end of the object"},
		`{a:1}`:                       {1, "expected a member name"},
		`[1,]`:                        {3, "expected a value"},
		`[1 2]`:                       {3, "expected a comma or the end of the list"},
		`[`:                           {1, "expected a value"},
		`{} {}`:                       {3, "data after the value"},
		`{}x`:                         {2, "data after the value"},
		`{"a":1,"a":2}`:               {7, "duplicate member"},
		`{"a":1,"\u0061":2}`:          {7, "duplicate member"},
		`{"x":{"a":1,"a":null}}`:      {12, "duplicate member"},
		many + `"n13":1}`:             {len(many), "duplicate member"},
		many + `"n0":1}`:              {len(many), "duplicate member"},
		`"a`:                          {2, "string without an end"},
		`"\`:                          {1, "string without an end"},
		`"\x"`:                        {1, "unknown escape"},
		`"\u12g4"`:                    {1, "unknown escape"},
		`"\u12`:                       {1, "unknown escape"},
		`"\ud83d"`:                    {1, "lone surrogate"},
		`"\ude00"`:                    {1, "lone surrogate"},
		`"\ud83d\u0041"`:              {1, "lone surrogate"},
		`"\ude00\ud83d"`:              {1, "lone surrogate"},
		"\"a\nb\"":                    {2, "control character in a string"},
		"\"a\x00b\"":                  {2, "control character in a string"},
		"\"a\x1fb\"":                  {2, "control character in a string"},
		"\"ab\xff\"":                  {3, "invalid UTF-8"},
		"\"\xed\xa0\x80\"":            {1, "invalid UTF-8"},
		"\ufeff{}":                    {0, "expected a value"},
		`01`:                          {1, "data after the value"},
		`-`:                           {0, "expected a number"},
		`1.`:                          {0, "expected a number"},
		`1e`:                          {0, "expected a number"},
		`.5`:                          {0, "expected a value"},
		`+1`:                          {0, "expected a value"},
		`NaN`:                         {0, "expected a value"},
		`nul`:                         {0, "expected a value"},
		`tru`:                         {0, "expected true or false"},
		`// a`:                        {0, "expected a value"},
		strings.Repeat("[", 1000):     {MaxDepth, "nested too deeply"},
		strings.Repeat(`{"a":`, 1000): {MaxDepth * 5, "nested too deeply"},
	} {
		var got *Error
		if err := skip(data); !errors.As(err, &got) || *got != want {
			t.Errorf("%.40q: got %v, want %v", data, err, &want)
		}
	}
}

func TestErrorStaysFirst(t *testing.T) {
	t.Parallel()
	s := NewScanner([]byte(`{"a":true,"b":1}`))
	var o Object
	for s.Member(&o) {
		s.Int32()
	}
	if got := s.End().(*Error); *got != (Error{5, "expected a number"}) {
		t.Errorf("got %v", got)
	}
	if len(s.Text()) > 0 || s.Bool() || s.Int32() != 0 || s.Blob(nil) != nil || s.StringMap() != nil || !s.Time().IsZero() {
		t.Error("a value was read after an error")
	}
}

func TestMemberSkipsNull(t *testing.T) {
	t.Parallel()
	s := NewScanner([]byte(`{"a":null,"b":"x","c": null }`))
	var o Object
	var names []string
	for s.Member(&o) {
		names = append(names, string(o.Name())+"="+s.String())
	}
	if err := s.End(); err != nil || !slices.Equal(names, []string{"b=x"}) {
		t.Errorf("got %q, %v", names, err)
	}
}

func TestElementRefusesNull(t *testing.T) {
	t.Parallel()
	s := NewScanner([]byte(`["a",null]`))
	var a Array
	for s.Element(&a) {
		s.Skip()
	}
	if got := s.End().(*Error); *got != (Error{5, "null in a list"}) {
		t.Errorf("got %v", got)
	}
}

func TestInt32(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]int32{`0`: 0, `-0`: 0, ` 7 `: 7, `2147483647`: math.MaxInt32, `-2147483648`: math.MinInt32} {
		s := NewScanner([]byte(data))
		if got := s.Int32(); got != want || s.End() != nil {
			t.Errorf("%s: got %d, %v", data, got, s.Err())
		}
	}
	for _, data := range []string{`1.0`, `1e2`, `2147483648`, `-2147483649`, `99999999999999999999999`, `"1"`, `true`, ``, `-`, `{}`} {
		s := NewScanner([]byte(data))
		if got := s.Int32(); got != 0 || s.Err() == nil {
			t.Errorf("%s: got %d", data, got)
		}
	}
}

func TestTime(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]time.Time{
		`0`:               time.UnixMilli(0),
		`1609193147.831`:  time.UnixMilli(1609193147831),
		`1.609193147E9`:   time.Unix(1609193147, 0),
		`1609193147.8319`: time.UnixMilli(1609193147832),
		`-1.5`:            time.UnixMilli(-1500),
		`253402300799`:    time.Date(9999, 12, 31, 23, 59, 59, 0, time.UTC),
	} {
		s := NewScanner([]byte(data))
		if got := s.Time(); !got.Equal(want) || s.End() != nil {
			t.Errorf("%s: got %v, %v", data, got, s.Err())
		}
	}
	for _, data := range []string{`253402300800`, `-62135596801`, `1e300`, `1e999`, `"2026-01-01T00:00:00Z"`, `true`} {
		s := NewScanner([]byte(data))
		if s.Time(); s.Err() == nil {
			t.Errorf("%s: accepted", data)
		}
	}
}
