package awsjson

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestStringMap(t *testing.T) {
	t.Parallel()
	for data, want := range map[string][]Pair{
		`{}`:                          {},
		` { "b" : "1" , "a" : "2" } `: {{"a", "2"}, {"b", "1"}},
		`{"\u0061b":"\n","":""}`:      {{"", ""}, {"ab", "\n"}},
		`{"é":"x","z":"y"}`:           {{"z", "y"}, {"é", "x"}},
	} {
		s := NewScanner([]byte(data))
		got := s.StringMap()
		if err := s.End(); err != nil || got == nil || !slices.Equal(got, want) {
			t.Errorf("%s: got %q, %v", data, got, err)
		}
	}
	for data, want := range map[string]Error{
		`{"a":null}`:               {5, "expected a string as the map's value"},
		`{"a":1}`:                  {5, "expected a string as the map's value"},
		`{"a":"b",}`:               {9, "expected a member name"},
		`{"a":"b" "c":"d"}`:        {9, "expected a comma or the end of the object"},
		`{"a":"1","b":"","a":"1"}`: {1, "duplicate key in a map"},
		`{"a":"1","\u0061":"2"}`:   {1, "duplicate key in a map"},
		`{"a"}`:                    {4, "expected a colon"},
		`[]`:                       {0, "expected an object"},
		`{"a":"b"`:                 {8, "expected a comma or the end of the object"},
	} {
		s := NewScanner([]byte(data))
		var got *Error
		if m := s.StringMap(); m != nil || !errors.As(s.Err(), &got) || *got != want {
			t.Errorf("%s: got %q, %v, want %v", data, m, s.Err(), &want)
		}
	}
}

func TestStringMapOfManyPairs(t *testing.T) {
	t.Parallel()
	var pairs []Pair
	for i := range 200 {
		pairs = append(pairs, Pair{Key: strings.Repeat("k", i), Value: "\u2028\"" + strings.Repeat("v", i%7)})
	}
	s := NewScanner(AppendStringMap(nil, pairs))
	if got := s.StringMap(); s.End() != nil || !slices.Equal(got, pairs) {
		t.Errorf("got %d pairs, %v", len(got), s.Err())
	}
}

func TestBlob(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]string{
		`""`: "", `"AA=="`: "\x00", `"AAE="`: "\x00\x01", `"AAEC"`: "\x00\x01\x02", `"+\/+/"`: "\xfb\xff\xbf", `"\u0041A=="`: "\x00",
	} {
		s := NewScanner([]byte(data))
		if got := s.Blob(nil); s.End() != nil || got == nil || string(got) != want {
			t.Errorf("%s: got %x, %v", data, got, s.Err())
		}
		s = NewScanner([]byte(data))
		if got := s.Blob([]byte("x")); s.End() != nil || string(got) != "x"+want {
			t.Errorf("%s: appended %x, %v", data, got, s.Err())
		}
	}
	for _, data := range []string{`"A"`, `"AA"`, `"AA="`, `"AA==="`, `"AB=="`, `"AA==AA=="`, `"A-_/"`, `"AA==\n"`, `"\nAAA"`, `"AA\r=="`, `"AAAA\n\n\n\n"`, `" AAA"`, `"="`, `1`, `null`} {
		s := NewScanner([]byte(data))
		if got := s.Blob(nil); got != nil || s.Err() == nil {
			t.Errorf("%s: got %x", data, got)
		}
	}
}

// TestBlobWipesOnError: what was decoded before the error does not stay.
func TestBlobWipesOnError(t *testing.T) {
	t.Parallel()
	room := make([]byte, 1, 64)
	s := NewScanner([]byte(`"c2VjcmV0c2VjcmV0!"`))
	if s.Blob(room) != nil || !bytes.Equal(room[:cap(room)], make([]byte, 64)) {
		t.Errorf("left %q", room[:cap(room)])
	}
}

func TestSecretIsACopy(t *testing.T) {
	t.Parallel()
	data := []byte(`"pass\u0077ord"`)
	s := NewScanner(data)
	got := s.Secret()
	clear(data)
	if string(got) != "password" {
		t.Errorf("got %q", got)
	}
}

// TestErrorsHoldNoInput: whatever goes wrong, the error says where and why
// but not what.
func TestErrorsHoldNoInput(t *testing.T) {
	t.Parallel()
	const canary = "c4n4ry"
	for _, data := range []string{
		`"` + canary, `"` + canary + `\q"`, `{"` + canary + `" 1}`, `{"` + canary + `":1,"` + canary + `":1}`, canary, `"` + canary + "\x01\"", `"` + canary + "\xff\"",
	} {
		if err := skip(data); err == nil || strings.Contains(err.Error(), canary) {
			t.Errorf("%q: %v", data, err)
		}
	}
	s := NewScanner([]byte(`"` + canary + `!"`))
	if s.Blob(nil); s.Err() == nil || strings.Contains(s.Err().Error(), canary) {
		t.Errorf("blob: %v", s.Err())
	}
}

func TestAppend(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ got, want string }{
		{string(AppendString(nil, "")), `""`},
		{string(AppendString(nil, "a\"\\/\b\f\n\r\t\x00\x1f\x7f")), `"a\"\\/\b\f\n\r\t\u0000\u001f` + "\x7f\""},
		{string(AppendString(nil, "é\U0001f600\xffz\xc3")), "\"é\U0001f600\ufffdz\ufffd\""},
		{string(AppendBlob(nil, nil)), `""`},
		{string(AppendBlob([]byte("x"), []byte{0xfb, 0xff})), `x"+/8="`},
		{string(AppendInt(nil, -7)), `-7`},
		{string(AppendBool(nil, true)), `true`},
		{string(AppendTime(nil, time.UnixMilli(1609193147831))), `1609193147.831`},
		{string(AppendTime(nil, time.UnixMilli(1609193147830))), `1609193147.83`},
		{string(AppendTime(nil, time.Unix(1609193147, 999))), `1609193147`},
		{string(AppendTime(nil, time.UnixMilli(-1005))), `-1.005`},
		{string(AppendStringMap(nil, []Pair{{"a", "b"}, {"", "\""}})), `{"a":"b","":"\""}`},
		{string(AppendStringMap(nil, nil)), `{}`},
	} {
		if c.got != c.want {
			t.Errorf("got %s, want %s", c.got, c.want)
		}
	}
}
